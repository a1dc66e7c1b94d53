/* SPDX-License-Identifier: MIT */
/* Lines that others may have written, read as records; what is read is written and read
 * again. */
#include "record/record.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t length);

static void check_rewritten(struct arena *arena, const struct record *record)
{
    struct buffer first;
    struct buffer second;
    struct record again;
    struct error error;
    buffer_init(&first, RECORD_LINE_BYTES);
    buffer_init(&second, RECORD_LINE_BYTES);
    record_write(record, &first);
    enum record_reading reading =
        record_read(arena, first.data, first.length, &again, &error);
    /* Two spellings of one key become the same. */
    assert(reading == RECORD_READ || strstr(error.text, "duplicate") != NULL);
    if (reading == RECORD_READ) {
        record_write(&again, &second);
        assert(first.length == second.length &&
               memcmp(first.data, second.data, first.length) == 0);
    }
    buffer_deinit(&first);
    buffer_deinit(&second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t length)
{
    struct arena *arena = arena_new();
    struct record record;
    struct error error;
    char *line = malloc(length + 1); /* exactly as long, for the address sanitizer */
    memcpy(line, length > 0 ? data : (const uint8_t *)"", length);
    enum record_reading reading = record_read(arena, line, length, &record, &error);
    assert((reading == RECORD_READ) == (error.kind == ERROR_NONE));
    if (reading == RECORD_READ) {
        check_rewritten(arena, &record);
    }
    free(line);
    arena_free(&arena);
    return 0;
}
