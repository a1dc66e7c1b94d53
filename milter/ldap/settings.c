/* SPDX-License-Identifier: MIT */
#include "ldap/settings.h"

#include "base/text.h"
#include "directory/line.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

static const char *const names[LDAP_NAMES] = {
    [LDAP_NAME_SERVER_HOST] = "server_host",
    [LDAP_NAME_SERVER_PORT] = "server_port",
    [LDAP_NAME_SEARCH_BASE] = "search_base",
    [LDAP_NAME_QUERY_FILTER] = "query_filter",
    [LDAP_NAME_RESULT_FORMAT] = "result_format",
    [LDAP_NAME_RESULT_FILTER] = "result_filter",
    [LDAP_NAME_DOMAIN] = "domain",
    [LDAP_NAME_RESULT_ATTRIBUTE] = "result_attribute",
    [LDAP_NAME_SPECIAL_RESULT_ATTRIBUTE] = "special_result_attribute",
    [LDAP_NAME_TERMINAL_RESULT_ATTRIBUTE] = "terminal_result_attribute",
    [LDAP_NAME_LEAF_RESULT_ATTRIBUTE] = "leaf_result_attribute",
    [LDAP_NAME_SCOPE] = "scope",
    [LDAP_NAME_BIND] = "bind",
    [LDAP_NAME_BIND_DN] = "bind_dn",
    [LDAP_NAME_BIND_PW] = "bind_pw",
    [LDAP_NAME_RECURSION_LIMIT] = "recursion_limit",
    [LDAP_NAME_EXPANSION_LIMIT] = "expansion_limit",
    [LDAP_NAME_SIZE_LIMIT] = "size_limit",
    [LDAP_NAME_DEREFERENCE] = "dereference",
    [LDAP_NAME_CHASE_REFERRALS] = "chase_referrals",
    [LDAP_NAME_TIMEOUT] = "timeout",
    [LDAP_NAME_VERSION] = "version",
    [LDAP_NAME_START_TLS] = "start_tls",
    [LDAP_NAME_TLS_CA_CERT_FILE] = "tls_ca_cert_file",
    [LDAP_NAME_TLS_CA_CERT_DIR] = "tls_ca_cert_dir",
    [LDAP_NAME_TLS_CERT] = "tls_cert",
    [LDAP_NAME_TLS_KEY] = "tls_key",
    [LDAP_NAME_TLS_REQUIRE_CERT] = "tls_require_cert",
    [LDAP_NAME_DEBUGLEVEL] = "debuglevel",
};

enum { NAME_SHOWN_BYTES = 40 };

void ldap_settings_init(struct ldap_settings *settings, struct arena *arena,
                        const char *file, struct finding_list *findings)
{
    *settings = (struct ldap_settings){.arena = arena, .findings = findings, .file = file};
    if (findings != NULL) { /* they may outlive the table */
        settings->file = arena_copy(findings->arena, file);
    }
}

static bool find_name(const char *text, enum ldap_name *name)
{
    size_t i = 0;
    while (i < LDAP_NAMES && strcmp(names[i], text) != 0) {
        i++;
    }
    *name = (enum ldap_name)i;
    return i < LDAP_NAMES;
}

static bool is_name(const char *text)
{
    return strspn(text, "abcdefghijklmnopqrstuvwxyz_") == strlen(text) &&
           strlen(text) <= NAME_SHOWN_BYTES;
}

/* The text may be a password on a line that was broken: only what looks like a name is
 * shown. */
static void note_unknown(const struct ldap_settings *settings, const char *name, int line)
{
    finding_add_format(settings->findings, FINDING_WARNING, "ldap-unused-setting",
                       settings->file, line,
                       "Correct the name if it was meant to have an effect",
                       "%s has no effect on Foregate", is_name(name) ? name : "The line");
}

static void note_value(const struct ldap_settings *settings, enum ldap_name name,
                       const char *value, int line)
{
    const struct ldap_text *before = &settings->texts[name];
    if (before->value != NULL && strcmp(before->value, value) != 0) {
        finding_add_format(settings->findings, FINDING_WARNING, "ldap-setting-twice",
                           settings->file, line, "Remove one of the lines",
                           "%s stands on line %d already: this line counts", names[name],
                           before->line);
    }
    if (name != LDAP_NAME_BIND_PW && line_has_comment(value)) {
        finding_add_format(settings->findings, FINDING_WARNING, "comment-in-value",
                           settings->file, line, "Put the comment on a line of its own",
                           "A comment behind the value is none: it belongs to %s",
                           names[name]);
    }
}

/* Cuts `name = value` as Postfix does; false when it is none. */
static bool split_line(char *text, char **name, char **value)
{
    char *end = text + strcspn(text, "= \t\r\v\f");
    char *equals = end + strspn(end, " \t\r\v\f");
    if (end == text || *equals != '=') {
        return false;
    }
    *end = '\0';
    *name = text;
    *value = text_trim(equals + 1);
    return true;
}

static bool read_line(struct ldap_settings *settings, const struct line *line,
                      struct error *error)
{
    char *name;
    char *value;
    if (line->orphan) {
        finding_add(settings->findings, FINDING_WARNING, "indented-line", settings->file,
                    line->number,
                    "The line is indented and continues nothing: Postfix ignores it",
                    "Begin the line at its first column");
        return true;
    }
    if (!split_line(line->text, &name, &value)) {
        return error_set(error, ERROR_CONFIG,
                         "%s line %d: is not `name = value`; write it like that, or begin "
                         "it with # as a comment",
                         settings->file, line->number);
    }
    enum ldap_name known;
    if (!find_name(name, &known)) {
        note_unknown(settings, name, line->number);
        return true;
    }
    note_value(settings, known, value, line->number);
    settings->texts[known] = (struct ldap_text){
        .value = arena_copy(settings->arena, value),
        .origin = arena_format(settings->arena, "%s line %d", settings->file, line->number),
        .line = line->number};
    return true;
}

bool ldap_settings_read(struct ldap_settings *settings, FILE *stream, struct error *error)
{
    struct line_reader reader;
    struct line line;
    bool is_good = true;
    line_reader_init(&reader, stream);
    while (is_good && line_next_logical(&reader, &line)) {
        is_good = read_line(settings, &line, error);
    }
    if (is_good && !line_reader_end(&reader, error)) {
        is_good = error_wrap(error, "%s", settings->file);
    }
    line_reader_deinit(&reader);
    return is_good;
}

bool ldap_settings_replace(struct ldap_settings *settings, const char *name,
                           const char *value, const char *origin, struct error *error)
{
    enum ldap_name known;
    if (!find_name(name, &known)) {
        return error_set(error, ERROR_CONFIG, "%s: a table has no setting %s", origin,
                         name);
    }
    char *copy = arena_copy(settings->arena, value);
    settings->texts[known] = (struct ldap_text){
        .value = text_trim(copy), .origin = arena_copy(settings->arena, origin)};
    return true;
}

const char *ldap_settings_text(const struct ldap_settings *settings, enum ldap_name name,
                               const char *fallback)
{
    const char *value = settings->texts[name].value;
    return value != NULL ? value : fallback;
}

bool ldap_settings_number(const struct ldap_settings *settings, enum ldap_name name,
                          int minimum, int maximum, int *number, struct error *error)
{
    const char *value = settings->texts[name].value;
    if (value == NULL) {
        return true;
    }
    char *end;
    errno = 0;
    long parsed = strtol(value, &end, 10);
    if (*value == '\0' || *end != '\0' || errno != 0 || parsed < minimum ||
        parsed > maximum) {
        return ldap_settings_refuse(settings, name, error, "write a number from %d to %d",
                                    minimum, maximum);
    }
    *number = (int)parsed;
    return true;
}

bool ldap_settings_choice(const struct ldap_settings *settings, enum ldap_name name,
                          const char *const *choices, int *choice, struct error *error)
{
    const char *value = settings->texts[name].value;
    if (value == NULL) {
        return true;
    }
    const char *list = "";
    for (int i = 0; choices[i] != NULL; i++) {
        if (text_equal_folded(choices[i], value)) {
            *choice = i;
            return true;
        }
        list = arena_format(settings->arena, "%s%s%s", list, i > 0 ? ", " : "", choices[i]);
    }
    return ldap_settings_refuse(settings, name, error, "write one of: %s", list);
}

bool ldap_settings_flag(const struct ldap_settings *settings, enum ldap_name name,
                        bool *flag, struct error *error)
{
    static const char *const choices[] = {"no", "yes", NULL};
    int choice = *flag;
    if (!ldap_settings_choice(settings, name, choices, &choice, error)) {
        return false;
    }
    *flag = choice != 0;
    return true;
}

bool ldap_settings_refuse(const struct ldap_settings *settings, enum ldap_name name,
                          struct error *error, const char *format, ...)
{
    const struct ldap_text *text = &settings->texts[name];
    char reason[sizeof error->text];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(reason, sizeof reason, format, arguments);
    va_end(arguments);
    return error_set(error, ERROR_CONFIG, "%s: %s: %s",
                     text->origin != NULL ? text->origin : settings->file, names[name],
                     reason);
}

void ldap_settings_warn(const struct ldap_settings *settings, enum ldap_name name,
                        const char *code, const char *message, const char *remedy)
{
    const struct ldap_text *text = &settings->texts[name];
    struct finding_list *findings = settings->findings;
    const char *file = settings->file;
    if (findings != NULL && text->line == 0 && text->origin != NULL) {
        file = arena_copy(findings->arena, text->origin);
    }
    finding_add(findings, FINDING_WARNING, code, file, text->line, message, remedy);
}
