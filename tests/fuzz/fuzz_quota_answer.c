/* SPDX-License-Identifier: MIT */
/* The answers of quota-status, whole and in every two parts. */
#include "quota/answer.h"

#include "base/text.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t length);

static void check_meaning(const struct quota_answer *answer)
{
    enum quota_result result = QUOTA_OVER;
    char text[QUOTA_TEXT_BYTES];
    struct error error = {0};
    memset(text, 'x', sizeof text);
    bool ok = quota_answer_interpret(answer, &result, text, &error);
    assert(memchr(text, '\0', sizeof text) != NULL);
    assert(ok || (error.kind == ERROR_REMOTE && error.text[0] != '\0'));
    if (ok && result == QUOTA_FITS) {
        assert(text[0] == '\0');
    }
    if (!ok) {
        assert(strncmp(text, "action=", 7) == 0);
        return;
    }
    /* Never an answer from nothing: a word or a code was there. */
    char start[8] = "";
    size_t i = 0;
    while (i < answer->action_length && text_is_space(answer->action[i])) {
        i++;
    }
    for (size_t j = 0; j < 7 && i + j < answer->action_length; j++) {
        start[j] = answer->action[i + j];
    }
    bool is_good = text_starts_folded(start, "DUNNO") || text_starts_folded(start, "OK") ||
                   text_starts_folded(start, "PERMIT");
    bool is_bad = text_starts_folded(start, "REJECT") || start[0] == '5';
    assert(result == QUOTA_FITS ? is_good : is_bad);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t length)
{
    struct quota_answer whole;
    struct error error = {0};
    char *bytes = malloc(length + 1); /* exactly as long, for the address sanitizer */
    memcpy(bytes, length > 0 ? data : (const uint8_t *)"", length);
    enum quota_answer_state state = quota_answer_parse(bytes, length, &whole, &error);
    if (state == QUOTA_ANSWER_COMPLETE) {
        assert(whole.length >= 9 && whole.length <= length);
        assert(whole.length <= QUOTA_ANSWER_BYTES);
        assert(whole.action >= bytes);
        assert(whole.action + whole.action_length + 2 <= bytes + whole.length);
        check_meaning(&whole);
    }
    assert((state == QUOTA_ANSWER_BROKEN) == (error.kind != ERROR_NONE));

    /* A part of it is never an answer that the whole is not. */
    size_t step = length / 64 + 1;
    for (size_t part = 0; part < length; part += step) {
        struct quota_answer answer;
        struct error why;
        enum quota_answer_state early = quota_answer_parse(bytes, part, &answer, &why);
        if (early == QUOTA_ANSWER_COMPLETE) {
            assert(state == QUOTA_ANSWER_COMPLETE && answer.length == whole.length);
        }
        assert(early != QUOTA_ANSWER_BROKEN || state == QUOTA_ANSWER_BROKEN);
    }
    free(bytes);
    return 0;
}
