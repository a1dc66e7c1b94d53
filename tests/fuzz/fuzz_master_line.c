/* SPDX-License-Identifier: MIT */
/* Lines of Dovecot's auth master protocol, and the limits in their fields. */
#include "directory/quota_rule.h"
#include "dovecot/master_line.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t length);

static void check_found(const struct userdb_answer *answer, size_t length)
{
    struct quota_rule rule = {0};
    size_t used = strlen(answer->user);
    assert(used > 0);
    for (size_t i = 0; i < answer->count; i++) {
        const struct userdb_field *field = &answer->fields[i];
        used += strlen(field->name) + strlen(field->value);
        assert(strcmp(field->name, "tempfail") != 0);
        quota_rule_take(&rule, field->name, field->value);
    }
    assert(used < length); /* unescaping never makes it longer */
    const char *limit = quota_rule_limit(&rule);
    if (limit != NULL) {
        size_t digits = strspn(limit, "0123456789");
        assert(digits > 0 && (limit[digits] == '\0' || (strchr("KMGT", limit[digits]) &&
                                                        limit[digits + 1] == '\0')));
    }
}

static void check_answer(const struct master_line *line, size_t length)
{
    struct userdb_answer answer;
    struct error error = {0};
    struct arena *arena = arena_new();
    bool is_mute = false;
    bool ok = master_line_answer(line, arena, &answer, &is_mute, &error);
    assert(ok == (answer.kind != ANSWER_FAILED));
    assert(ok || (error.kind == ERROR_REMOTE && error.text[0] != '\0'));
    assert(answer.kind != ANSWER_FOUND || line->word == MASTER_USER);
    assert((answer.kind == ANSWER_NOT_FOUND) == (line->word == MASTER_NOT_FOUND));
    if (answer.kind == ANSWER_FOUND) {
        check_found(&answer, length);
    }
    arena_free(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t length)
{
    struct master_line line;
    struct error error = {0};
    char *bytes = malloc(length > 0 ? length : 1); /* exactly as long, for the sanitizer */
    memcpy(bytes, length > 0 ? data : (const uint8_t *)"", length);
    bool ok = master_line_parse(bytes, length, &line, &error);
    assert(ok == (error.kind == ERROR_NONE));
    if (ok) {
        assert(line.rest >= bytes && line.rest + line.rest_length == bytes + length);
    }
    if (ok && (line.word == MASTER_USER || line.word == MASTER_NOT_FOUND ||
               line.word == MASTER_FAIL)) {
        check_answer(&line, length);
    }
    free(bytes);
    return 0;
}
