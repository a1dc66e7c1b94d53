/* SPDX-License-Identifier: MIT */
#include "directory/dms_overrides.h"

#include "base/buffer.h"
#include "base/text.h"
#include "directory/dms_parse.h"
#include "directory/line.h"

#include <string.h>

/* Of one setting of Dovecot; one that is longer is none that matters. */
enum { SETTING_BYTES = 4096 };

/* `name = value`; false when it is none. */
static bool split_assignment(char *text, char **name, char **value)
{
    char *equals = strchr(text, '=');
    if (equals == NULL) {
        return false;
    }
    *equals = '\0';
    *name = text_trim(text);
    *value = text_trim(equals + 1);
    return true;
}

/* Settings of Postfix that change how addresses are expanded, but which are not read. */
static bool changes_expansion(const char *name)
{
    static const char *const names[] = {
        "virtual_alias_maps",
        "virtual_alias_domains",
        "virtual_mailbox_domains",
        "virtual_mailbox_maps",
        "alias_maps",
        "alias_database",
        "canonical_maps",
        "recipient_canonical_maps",
        "propagate_unmatched_extensions",
        "owner_request_special",
        "append_dot_mydomain",
        "append_at_myorigin",
        "allow_percent_hack",
        "swap_bangpath",
        "virtual_alias_recursion_limit",
        "virtual_alias_expansion_limit",
        "virtual_alias_address_length_limit",
        "smtputf8_enable",
    };
    size_t i = 0;
    while (i < sizeof names / sizeof names[0] && strcmp(names[i], name) != 0) {
        i++;
    }
    return i < sizeof names / sizeof names[0];
}

/* What Foregate has for a setting that it does not read but has an option for, or NULL. */
static const char *option_for(const char *name, const struct directory_settings *settings,
                              const char **option)
{
    *option = strcmp(name, "myhostname") == 0 ? "hostname" : name;
    return strcmp(name, "myhostname") == 0      ? settings->hostname
           : strcmp(name, "mydestination") == 0 ? settings->mydestination
           : strcmp(name, "myorigin") == 0      ? settings->rules.myorigin
                                                : NULL;
}

static void judge_setting(const char *name, const char *value, int line,
                          const struct directory_settings *settings,
                          struct finding_list *findings)
{
    const char *option;
    const char *ours = option_for(name, settings, &option);
    if (ours != NULL && !text_equal_folded(ours, value)) {
        finding_add_format(
            findings, FINDING_WARNING, "postfix-override", DMS_MAIN, line,
            "Give the option the same value, written out, or delete the line",
            "Postfix has %s = %.200s, Foregate's %s is %.200s: they may "
            "differ about which addresses are local",
            name, value, option, ours);
    } else if (changes_expansion(name)) {
        finding_add_format(
            findings, FINDING_WARNING, "postfix-override", DMS_MAIN, line,
            "Delete the line, or compare `foregate resolve` with what "
            "Postfix delivers",
            "Foregate does not follow %s: Postfix may deliver to others than "
            "it judges",
            name);
    }
}

bool dms_parse_main(FILE *stream, struct arena *arena,
                    const struct directory_settings *settings,
                    struct delimiter_override *delimiter, struct finding_list *findings,
                    struct error *error)
{
    struct line_reader reader;
    struct line line;
    char *name;
    char *value;
    *delimiter = (struct delimiter_override){0};
    line_reader_init(&reader, stream);
    while (line_next_logical(&reader, &line)) {
        if (line.orphan || !split_assignment(line.text, &name, &value)) {
            continue;
        }
        if (strcmp(name, "recipient_delimiter") != 0) {
            judge_setting(name, value, line.number, settings, findings);
        } else if (strchr(value, '$') != NULL) {
            finding_add(findings, FINDING_WARNING, "postfix-override", DMS_MAIN,
                        line.number,
                        "The delimiter is the value of another setting, which Foregate "
                        "does not follow: it may cut addresses where Postfix does not",
                        "Write the characters themselves: recipient_delimiter = +");
        } else {
            *delimiter = (struct delimiter_override){arena_copy(arena, value), line.number};
        }
    }
    bool read = line_reader_end(&reader, error);
    line_reader_deinit(&reader);
    return read;
}

/* A `#` begins a comment wherever it is not quoted. */
static void cut_comment(char *text)
{
    char quote = '\0';
    for (; *text != '\0' && (quote != '\0' || *text != '#'); text++) {
        if (quote == '\0') {
            quote = *text == '"' || *text == '\'' ? *text : '\0';
        } else if (*text == '\\' && text[1] != '\0') {
            text++;
        } else if (*text == quote) {
            quote = '\0';
        }
    }
    *text = '\0';
}

/* The next line, without comments and with those that it continues, into setting. */
static bool next_setting(struct line_reader *reader, struct buffer *setting, int *number)
{
    struct line line;
    bool goes_on = true;
    buffer_clear(setting);
    while (goes_on && line_next_plain(reader, &line)) {
        cut_comment(line.text);
        char *text = text_trim(line.text);
        size_t length = strlen(text);
        goes_on = length > 0 && text[length - 1] == '\\';
        text[length - goes_on] = '\0';
        *number = setting->length == 0 ? line.number : *number;
        buffer_append_text(setting, text_trim(text));
        buffer_append_text(setting, goes_on ? " " : "");
    }
    return !goes_on;
}

/* The value without its quotes, or NULL when it is that of a variable or a file. */
static char *plain_value(char *value)
{
    size_t length = strlen(value);
    if (value[0] != '"' && value[0] != '\'') {
        return value[0] == '<' || strchr(value, '$') != NULL ? NULL : value;
    }
    if (length >= 2 && value[length - 1] == value[0]) {
        value[length - 1] = '\0';
        value++;
    }
    return value;
}

bool dms_parse_dovecot(FILE *stream, struct arena *arena,
                       struct delimiter_override *delimiter, struct error *error)
{
    struct line_reader reader;
    struct buffer setting;
    int number = 0;
    char *name;
    char *value;
    *delimiter = (struct delimiter_override){0};
    line_reader_init(&reader, stream);
    buffer_init(&setting, SETTING_BYTES);
    while (next_setting(&reader, &setting, &number)) {
        /* In any block: it has its meaning where mail is delivered. */
        if (!setting.truncated && split_assignment(setting.data, &name, &value) &&
            strcmp(name, "recipient_delimiter") == 0) {
            *delimiter =
                (struct delimiter_override){arena_copy(arena, plain_value(value)), number};
        }
    }
    bool read = line_reader_end(&reader, error);
    line_reader_deinit(&reader);
    buffer_deinit(&setting);
    return read;
}

static bool same_set(const char *left, const char *right)
{
    return strspn(left, right) == strlen(left) && strspn(right, left) == strlen(right);
}

const char *dms_delimiters(const struct directory_settings *settings,
                           const struct delimiter_override *postfix,
                           const struct delimiter_override *dovecot,
                           struct finding_list *findings)
{
    const char *ours = settings->rules.delimiters;
    if (settings->delimiters_given) {
        if (postfix->value != NULL && !same_set(postfix->value, ours)) {
            finding_add_format(
                findings, FINDING_WARNING, "delimiter-mismatch", DMS_MAIN, postfix->line,
                "Take recipient_delimiter out of Foregate's configuration: "
                "then it follows this file",
                "Postfix cuts addresses at `%.20s`, Foregate at `%.20s`: they "
                "disagree about whose tagged addresses are",
                postfix->value, ours);
        }
        return ours;
    }
    /* `+` is what docker-mailserver gives Postfix, and Dovecot's own default. */
    const char *in_postfix = postfix->value != NULL ? postfix->value : ours;
    const char *in_dovecot = dovecot->value != NULL ? dovecot->value : "+";
    bool by_dovecot = dovecot->value != NULL;
    bool is_known = by_dovecot || dovecot->line == 0;
    if (is_known && !same_set(in_postfix, in_dovecot)) {
        finding_add_format(
            findings, FINDING_ERROR, "delimiter-mismatch",
            by_dovecot ? DMS_DOVECOT : DMS_MAIN, by_dovecot ? dovecot->line : postfix->line,
            "Write the same recipient_delimiter into postfix-main.cf and "
            "dovecot.cf",
            "Postfix cuts addresses at `%.20s`, Dovecot at `%.20s`: mail for "
            "tagged addresses is accepted and bounced",
            in_postfix, in_dovecot);
    }
    return in_postfix;
}
