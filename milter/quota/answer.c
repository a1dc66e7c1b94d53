/* SPDX-License-Identifier: MIT */
#include "quota/answer.h"

#include "base/text.h"

#include <stdio.h>
#include <string.h>

static bool is_control(char c)
{
    return ((unsigned char)c < ' ' && c != '\t' && c != '\n') || c == 0x7f;
}

static bool has_control(const char *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (is_control(bytes[i])) {
            return true;
        }
    }
    return false;
}

static enum quota_answer_state broken(struct error *error, const char *why)
{
    error_set(error, ERROR_REMOTE, "quota-status talks nonsense: %s", why);
    return QUOTA_ANSWER_BROKEN;
}

/* NULL, or why the line cannot be part of an answer. */
static const char *parse_line(const char *line, size_t length, struct quota_answer *answer)
{
    static const char name[] = "action=";
    const size_t name_length = sizeof name - 1;
    const char *equals = memchr(line, '=', length);
    if (equals == NULL || equals == line) {
        return "a line is not name=value";
    }
    if (length < name_length || memcmp(line, name, name_length) != 0) {
        return NULL;
    }
    if (answer->action != NULL) {
        return "two actions";
    }
    answer->action = line + name_length;
    answer->action_length = length - name_length;
    return NULL;
}

enum quota_answer_state quota_answer_parse(const char *bytes, size_t length,
                                           struct quota_answer *answer, struct error *error)
{
    *answer = (struct quota_answer){0};
    size_t usable = length < QUOTA_ANSWER_BYTES ? length : QUOTA_ANSWER_BYTES;
    size_t start = 0;
    for (;;) {
        const char *line = bytes + start;
        const char *end = memchr(line, '\n', usable - start);
        size_t line_length = end != NULL ? (size_t)(end - line) : usable - start;
        if (has_control(line, line_length)) {
            return broken(error, "a control character");
        }
        if (end == NULL) {
            break;
        }
        start += line_length + 1;
        if (line_length == 0) {
            answer->length = start;
            return answer->action != NULL ? QUOTA_ANSWER_COMPLETE
                                          : broken(error, "no action");
        }
        const char *why = parse_line(line, line_length, answer);
        if (why != NULL) {
            return broken(error, why);
        }
    }
    if (usable == QUOTA_ANSWER_BYTES) {
        return broken(error, "an answer without end");
    }
    return QUOTA_ANSWER_PARTIAL;
}

/* Whether text begins with a reply code of that class, alone or followed by a blank. */
static bool is_reply(const char *text, char class)
{
    return text[0] == class && text[1] >= '0' && text[1] <= '9' && text[2] >= '0' &&
           text[2] <= '9' && (text[3] == '\0' || text_is_space(text[3]));
}

static bool is_word(const char *text, const char *word)
{
    size_t length = strlen(word);
    return text_starts_folded(text, word) &&
           (text[length] == '\0' || text_is_space(text[length]));
}

/* Behind the reply code or action word. */
static const char *skip_word(const char *text)
{
    while (*text != '\0' && !text_is_space(*text)) {
        text++;
    }
    while (text_is_space(*text)) {
        text++;
    }
    return text;
}

/* quota_status_nouser: by default `REJECT Unknown user`, or what an administrator writes
 * with the enhanced code for it (RFC 3463, X.1.1). Says nothing about room. */
static bool is_unknown_user(const char *refusal)
{
    const char *text = skip_word(refusal);
    if (is_word(text, "5.1.1")) {
        return true;
    }
    if (text[0] == '5' && text[1] == '.') {
        text = skip_word(text);
    }
    return text_starts_folded(text, "Unknown user");
}

enum quota_meaning quota_action_meaning(const char *action)
{
    if (is_word(action, "DUNNO") || is_word(action, "OK") ||
        text_starts_folded(action, "PERMIT")) {
        return QUOTA_MEANS_FITS;
    }
    if (is_word(action, "REJECT") || is_reply(action, '5')) {
        return is_unknown_user(action) ? QUOTA_MEANS_UNKNOWN_USER : QUOTA_MEANS_OVER;
    }
    if (action[0] == '\0') {
        return QUOTA_MEANS_EMPTY;
    }
    return text_starts_folded(action, "DEFER") || is_reply(action, '4')
               ? QUOTA_MEANS_LATER
               : QUOTA_MEANS_UNCLEAR;
}

static bool explain(enum quota_meaning meaning, const char *action, struct error *error)
{
    switch (meaning) {
    case QUOTA_MEANS_UNKNOWN_USER:
        return error_set(error, ERROR_REMOTE,
                         "quota-status does not know the user (%s); "
                         "set quota_status_nouser = DUNNO",
                         action);
    case QUOTA_MEANS_EMPTY:
        return error_set(error, ERROR_REMOTE,
                         "quota-status answered an empty action; "
                         "set quota_status_toolarge");
    case QUOTA_MEANS_LATER:
        return error_set(error, ERROR_REMOTE, "quota-status cannot tell: %s", action);
    case QUOTA_MEANS_UNCLEAR:
    case QUOTA_MEANS_FITS:
    case QUOTA_MEANS_OVER:
        break;
    }
    return error_set(error, ERROR_REMOTE, "quota-status answered an unknown action: %s",
                     action);
}

bool quota_answer_interpret(const struct quota_answer *answer, enum quota_result *result,
                            char *text, struct error *error)
{
    char copy[QUOTA_ANSWER_BYTES];
    size_t length =
        answer->action_length < sizeof copy ? answer->action_length : sizeof copy - 1;
    memcpy(copy, answer->action, length);
    copy[length] = '\0';
    char *action = text_trim(copy);

    enum quota_meaning meaning = quota_action_meaning(action);
    switch (meaning) {
    case QUOTA_MEANS_FITS:
        *result = QUOTA_FITS;
        text[0] = '\0';
        return true;
    case QUOTA_MEANS_OVER:
        *result = QUOTA_OVER;
        snprintf(text, QUOTA_TEXT_BYTES, "%s", action);
        return true;
    case QUOTA_MEANS_UNKNOWN_USER:
    case QUOTA_MEANS_EMPTY:
    case QUOTA_MEANS_LATER:
    case QUOTA_MEANS_UNCLEAR:
        break;
    }
    snprintf(text, QUOTA_TEXT_BYTES, "action=%s", action);
    return explain(meaning, action, error);
}

const char *quota_answer_state_name(enum quota_answer_state state)
{
    switch (state) {
    case QUOTA_ANSWER_PARTIAL:
        return "partial";
    case QUOTA_ANSWER_COMPLETE:
        return "complete";
    case QUOTA_ANSWER_BROKEN:
        return "broken";
    }
    return "invalid";
}

const char *quota_meaning_name(enum quota_meaning meaning)
{
    switch (meaning) {
    case QUOTA_MEANS_FITS:
        return "fits";
    case QUOTA_MEANS_OVER:
        return "over";
    case QUOTA_MEANS_UNKNOWN_USER:
        return "unknown-user";
    case QUOTA_MEANS_EMPTY:
        return "empty";
    case QUOTA_MEANS_LATER:
        return "cannot-tell";
    case QUOTA_MEANS_UNCLEAR:
        return "unclear";
    }
    return "invalid";
}
