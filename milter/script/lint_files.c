/* SPDX-License-Identifier: MIT */
#include "script/lint_files.h"

#include "base/text.h"
#include "directory/file.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>

static bool has_word(const char *words, const char *name, size_t length)
{
    const char *word;
    size_t word_length;
    while (words != NULL && text_next_word(&words, &word, &word_length)) {
        if (word_length == length && memcmp(word, name, length) == 0) {
            return true;
        }
    }
    return false;
}

static bool is_silenced(struct arena *arena, const char *source, const char *code)
{
    const char *line = arena_copy_bytes(arena, source, strcspn(source, "\r\n"));
    const char *comment = strstr(line, "-- lint: ignore ");
    return comment != NULL && has_word(comment, code, strlen(code));
}

void lint_replaced(const struct rule *rule, const char *folders,
                   struct finding_list *findings)
{
    struct arena *arena = findings->arena;
    const char *word;
    size_t length;
    while (folders != NULL && text_next_word(&folders, &word, &length)) {
        const char *path =
            arena_format(arena, "%.*s/%s.lua", (int)length, word, rule->name);
        struct error none; /* a file that is missing or unreadable is not replaced */
        const char *text =
            strcmp(path, rule->file) != 0 ? file_read_text(arena, path, &none) : NULL;
        if (text != NULL && strcmp(text, rule->source) != 0 &&
            !is_silenced(arena, rule->source, "replaced-rule")) {
            finding_add_format(
                findings, FINDING_WARNING, "replaced-rule", arena_copy(arena, rule->file),
                1,
                "compare the two after each update; `-- lint: ignore replaced-rule` in the "
                "first line, once you know",
                "it runs in place of %s: an update of that one changes nothing", path);
        }
    }
}

static bool ends_with(const char *text, const char *end)
{
    size_t length = strlen(text);
    size_t end_length = strlen(end);
    return length > end_length && strcmp(text + length - end_length, end) == 0;
}

static int is_rule_file(const struct dirent *entry)
{
    return entry->d_name[0] != '.' && ends_with(entry->d_name, ".lua") &&
           !ends_with(entry->d_name, "_test.lua");
}

/* The rules that run by default: leaving one out is a decision. */
static const char *default_rules(const struct config *config)
{
    for (size_t i = 0; i < config_count(config); i++) {
        if (strcmp(config_option(config, i)->name, "rules") == 0) {
            return config_option(config, i)->initial;
        }
    }
    return "";
}

static bool runs(const struct ruleset *ruleset, const char *name, size_t length)
{
    for (size_t i = 0; i < ruleset->count; i++) {
        const char *known = ruleset->rules[i].name;
        if (strlen(known) == length && memcmp(known, name, length) == 0) {
            return true;
        }
    }
    return false;
}

void lint_unnamed(const struct ruleset *ruleset, const struct config *config,
                  struct finding_list *findings)
{
    const char *folders = config_text(config, "rules.path");
    const char *by_default = default_rules(config);
    const char *word;
    size_t length;
    while (folders != NULL && text_next_word(&folders, &word, &length)) {
        const char *folder = arena_copy_bytes(findings->arena, word, length);
        struct dirent **entries = NULL;
        int count = scandir(folder, &entries, is_rule_file, alphasort);
        for (int i = 0; i < count; i++) {
            const char *file = entries[i]->d_name;
            size_t name_length = strlen(file) - strlen(".lua");
            if (!runs(ruleset, file, name_length) &&
                !has_word(by_default, file, name_length)) {
                finding_add_format(
                    findings, FINDING_WARNING, "rule-not-run",
                    arena_format(findings->arena, "%s/%s", folder, file), 0,
                    "name it in `rules`, at the place where it shall run, or move it away",
                    "%.*s is not among the rules that run: the file does nothing",
                    (int)name_length, file);
            }
            free(entries[i]);
        }
        free(entries);
    }
}
