/* SPDX-License-Identifier: MIT */
#include "dovecot/master_line.h"

#include "base/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { ID_DIGITS = 10, SHOWN_BYTES = 60, REASON_BYTES = 200, ESCAPE = 1 };

static const char *const words[] = {
    [MASTER_VERSION] = "VERSION",    [MASTER_SPID] = "SPID", [MASTER_USER] = "USER",
    [MASTER_NOT_FOUND] = "NOTFOUND", [MASTER_FAIL] = "FAIL",
};

const char *master_word_name(enum master_word word)
{
    return word == MASTER_OTHER ? "other" : words[word];
}

/* One field from *cursor on, which moves behind its tab; NULL when it was the last one. */
static size_t next_field(const char **cursor, const char *end)
{
    const char *start = *cursor;
    const char *tab = memchr(start, '\t', (size_t)(end - start));
    *cursor = tab != NULL ? tab + 1 : NULL;
    return (size_t)((tab != NULL ? tab : end) - start);
}

static bool parse_number(const char **cursor, const char *end, uint32_t *number)
{
    const char *digits = *cursor;
    if (digits == NULL) {
        return false;
    }
    size_t length = next_field(cursor, end);
    uint64_t value = 0;
    for (size_t i = 0; i < length; i++) {
        if (digits[i] < '0' || digits[i] > '9' || i == ID_DIGITS) {
            return false;
        }
        value = value * 10 + (uint64_t)(digits[i] - '0');
    }
    *number = (uint32_t)value;
    return length > 0 && value <= UINT32_MAX;
}

static enum master_word find_word(const char *text, size_t length)
{
    for (enum master_word word = MASTER_VERSION; word < MASTER_OTHER; word++) {
        if (strlen(words[word]) == length && memcmp(words[word], text, length) == 0) {
            return word;
        }
    }
    return MASTER_OTHER;
}

static bool nonsense(const char *line, size_t length, struct error *error)
{
    char shown[SHOWN_BYTES + 1] = "";
    size_t count = length < SHOWN_BYTES ? length : SHOWN_BYTES;
    for (size_t i = 0; i < count; i++) {
        shown[i] = line[i] >= ' ' && line[i] <= '~' ? line[i] : '?';
    }
    return error_set(error, ERROR_REMOTE, "this is not Dovecot's auth master protocol: %s",
                     shown);
}

bool master_line_parse(const char *line, size_t length, struct master_line *parsed,
                       struct error *error)
{
    const char *end = line + length;
    const char *cursor = line;
    *parsed = (struct master_line){.word = find_word(line, next_field(&cursor, end))};
    bool is_answer = parsed->word == MASTER_USER || parsed->word == MASTER_NOT_FOUND ||
                     parsed->word == MASTER_FAIL;
    if (memchr(line, '\0', length) != NULL ||
        (parsed->word == MASTER_VERSION && !parse_number(&cursor, end, &parsed->major)) ||
        (is_answer && !parse_number(&cursor, end, &parsed->id))) {
        return nonsense(line, length, error);
    }
    parsed->rest = cursor != NULL ? cursor : end;
    parsed->rest_length = (size_t)(end - parsed->rest);
    return true;
}

/* In place. False: there is a NUL in it, which would cut the value. */
static bool unescape(char *text)
{
    static const char codes[] = "1trn";
    static const char bytes[] = "\1\t\r\n";
    char *to = text;
    for (const char *from = text; *from != '\0'; from++) {
        if (*from != ESCAPE) {
            *to++ = *from;
            continue;
        }
        from++;
        if (*from == '0') {
            return false;
        }
        if (*from == '\0') {
            break;
        }
        const char *code = strchr(codes, *from);
        *to++ = code != NULL ? bytes[code - codes] : *from;
    }
    *to = '\0';
    return true;
}

/* `name=value` or `name`; an empty field is none: a user without fields ends in a tab. */
static bool read_fields(char *cursor, struct arena *arena, struct userdb_answer *answer)
{
    size_t count = 0;
    size_t size = 0;
    struct userdb_field *fields = NULL;
    while (cursor != NULL) {
        char *text = strsep(&cursor, "\t");
        if (*text == '\0') {
            continue;
        }
        char *value = strchr(text, '=');
        if (value != NULL) {
            *value++ = '\0';
        }
        if (!unescape(text) || (value != NULL && !unescape(value))) {
            return false;
        }
        fields = arena_grow(arena, fields, count, &size, sizeof *fields);
        fields[count++] = (struct userdb_field){text, value != NULL ? value : ""};
    }
    answer->fields = fields;
    answer->count = count;
    return true;
}

static const char *find_field(const struct userdb_answer *answer, const char *name)
{
    for (size_t i = answer->count; i > 0; i--) {
        if (strcmp(answer->fields[i - 1].name, name) == 0) {
            return answer->fields[i - 1].value;
        }
    }
    return NULL;
}

static bool fail(const struct userdb_answer *answer, struct arena *arena, bool *is_mute,
                 struct error *error)
{
    const char *reason = find_field(answer, "reason");
    *is_mute = reason == NULL || *reason == '\0';
    return error_set(error, ERROR_REMOTE, "Dovecot cannot tell: %s",
                     *is_mute ? "it does not say why, its log may"
                              : text_printable(arena, reason, REASON_BYTES));
}

bool master_line_answer(const struct master_line *line, struct arena *arena,
                        struct userdb_answer *answer, bool *is_mute, struct error *error)
{
    *answer = (struct userdb_answer){.kind = ANSWER_FAILED};
    *is_mute = false;
    if (line->word == MASTER_NOT_FOUND) {
        answer->kind = ANSWER_NOT_FOUND;
        return true;
    }
    char *cursor = arena_copy_bytes(arena, line->rest, line->rest_length);
    char *user = line->word == MASTER_USER ? strsep(&cursor, "\t") : NULL;
    if ((user != NULL && (!unescape(user) || *user == '\0')) ||
        !read_fields(cursor, arena, answer)) {
        return error_set(error, ERROR_REMOTE,
                         "Dovecot's answer cannot be read: it has a NUL or no user");
    }
    if (user == NULL || find_field(answer, "tempfail") != NULL) {
        return fail(answer, arena, is_mute, error);
    }
    answer->kind = ANSWER_FOUND;
    answer->user = user;
    return true;
}

bool master_name_is_askable(const char *name, const char *service)
{
    size_t length = strlen(name);
    size_t others = strlen("USER\t\t\tservice=\n") + ID_DIGITS + strlen(service);
    for (size_t i = 0; i < length; i++) {
        if ((unsigned char)name[i] < ' ' || name[i] == 0x7f) {
            return false;
        }
    }
    return length > 0 && length + others <= MASTER_QUESTION_BYTES;
}

size_t master_question(char line[MASTER_QUESTION_BYTES + 1], uint32_t id, const char *name,
                       const char *service)
{
    return (size_t)snprintf(line, MASTER_QUESTION_BYTES + 1,
                            "USER\t%" PRIu32 "\t%s\tservice=%s\n", id, name, service);
}
