/* SPDX-License-Identifier: MIT */
#include "script/lint.h"

#include "base/text.h"
#include "script/lint_files.h"

#include <lauxlib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Far more than any rule file takes. */
enum { MEMORY_BYTES = 128 << 20, SOURCE_BYTES = 1 << 20, DEADLINE_MS = 20000 };

enum { INSTRUCTIONS = 500000000 };

static const char mend[] =
    "mend it; until then the rules that run stay in use, or `run` does not start";

/* In this order: each sees those before it. */
static const char *const modules[] = {
    "lexer",   "scope",  "tokens",   "expressions", "parser",   "tree",
    "api",     "report", "rule",     "flow",        "names",    "kinds",
    "handles", "values", "verdicts", "waiting",     "handlers", "main",
};

void lint_add_error(struct finding_list *findings, const struct error *error)
{
    char *text = arena_copy(findings->arena, error->text);
    char *end = strstr(text, ".lua:");
    const char *file = "";
    const char *message = text;
    int line = 0;
    if (end != NULL) {
        end += strlen(".lua");
        *end++ = '\0';
        line = (int)strtol(end, &end, 10);
        const char *blank = strrchr(text, ' ');
        file = blank != NULL ? blank + 1 : text;
        message = end + strspn(end, ": ");
    }
    finding_add(findings, FINDING_ERROR, "rule", file, line, message, mend);
}

/* Leaves the function that examines a file on the stack. */
static bool load_modules(struct state *state, const char *library_path, struct error *error)
{
    lua_State *L = state->L;
    lua_settop(L, 0);
    lua_newtable(L);
    lua_rawgeti(L, LUA_REGISTRYINDEX, state->library_ref);
    lua_getfield(L, -1, "nearest");
    lua_setfield(L, 1, "nearest");
    lua_setfield(L, 1, "ruleset");
    for (size_t i = 0; i < sizeof modules / sizeof modules[0]; i++) {
        char name[64];
        snprintf(name, sizeof name, "lint/%s.lua", modules[i]);
        lua_pushvalue(L, 1);
        if (!state_run_library(L, library_path, name, 1, error)) {
            return false;
        }
        lua_setfield(L, 1, modules[i]);
    }
    lua_getfield(L, 1, "main");
    lua_getfield(L, -1, "run");
    lua_replace(L, 1);
    lua_settop(L, 1);
    return true;
}

static const char *field_copy(lua_State *L, const char *name, struct arena *arena)
{
    lua_getfield(L, -1, name);
    const char *text = lua_tostring(L, -1);
    text = arena_copy(arena, text != NULL ? text : "");
    lua_pop(L, 1);
    return text;
}

/* The list of findings is on top of the stack. */
static void take_findings(lua_State *L, const char *file, struct finding_list *findings)
{
    lua_Integer count = (lua_Integer)lua_rawlen(L, -1);
    for (lua_Integer i = 1; i <= count; i++) {
        lua_rawgeti(L, -1, i);
        lua_getfield(L, -1, "line");
        int line = (int)lua_tointeger(L, -1);
        lua_pop(L, 1);
        const char *severity = field_copy(L, "severity", findings->arena);
        bool is_error = strcmp(severity, "error") == 0;
        const char *code = field_copy(L, "code", findings->arena);
        const char *message = field_copy(L, "message", findings->arena);
        const char *remedy = field_copy(L, "remedy", findings->arena);
        finding_add(findings, is_error ? FINDING_ERROR : FINDING_WARNING, code, file, line,
                    message, remedy);
        lua_pop(L, 1);
    }
}

/* Not examined is not the same as nothing found. */
static void add_unexamined(const char *file, const char *reason,
                           struct finding_list *findings)
{
    finding_add_format(findings, FINDING_WARNING, "not-examined", file, 0,
                       "make it smaller; tables of values belong into settings",
                       "what the rule does was not looked at: %s", reason);
}

/* load_error: why the file does not load; "" when it does. */
static void examine(struct state *state, const struct rule *rule, const char *library_path,
                    const char *load_error, struct finding_list *findings)
{
    lua_State *L = state->L;
    const char *file = arena_copy(findings->arena, rule->file);
    struct error error = {0};
    bool done = strlen(rule->source) <= SOURCE_BYTES ||
                error_set(&error, ERROR_CONFIG, "it has more than %d bytes", SOURCE_BYTES);
    done = done && load_modules(state, library_path, &error);
    if (done) {
        lua_pushstring(L, rule->source);
        lua_pushstring(L, *load_error != '\0' ? load_error : NULL); /* nil for NULL */
        done = state_call(state, 2, INSTRUCTIONS, DEADLINE_MS, &error);
    }
    if (done) {
        take_findings(L, file, findings);
        return;
    }
    if (*load_error != '\0') {
        struct error told = {.kind = ERROR_CONFIG};
        snprintf(told.text, sizeof told.text, "%s", load_error);
        lint_add_error(findings, &told);
    }
    add_unexamined(file, error.text, findings);
}

static void lint_rule(const struct rule *rule, const char *library_path,
                      struct finding_list *findings)
{
    struct error error = {0};
    struct state *state = state_new(MEMORY_BYTES, library_path, &error);
    if (state == NULL) {
        return; /* no rule loads, and who loads them says why */
    }
    bool loads = state_load_rule(state, rule, &error);
    examine(state, rule, library_path, loads ? "" : error.text, findings);
    state_free(&state);
}

void lint_rules(const struct config *config, struct finding_list *findings)
{
    const char *names = config_text(config, "rules");
    const char *folders = config_text(config, "rules.path");
    const char *library_path = config_text(config, "lua.path");
    struct ruleset ruleset;
    ruleset_init(&ruleset);
    const char *word;
    size_t length;
    while (names != NULL && text_next_word(&names, &word, &length)) {
        const char *name = arena_copy_bytes(findings->arena, word, length);
        struct error error = {0};
        if (!ruleset_add(&ruleset, name, folders != NULL ? folders : "", &error)) {
            lint_add_error(findings, &error);
            continue;
        }
        const struct rule *rule = &ruleset.rules[ruleset.count - 1];
        lint_rule(rule, library_path, findings);
        lint_replaced(rule, folders, findings);
    }
    lint_unnamed(&ruleset, config, findings);
    ruleset_deinit(&ruleset);
}
