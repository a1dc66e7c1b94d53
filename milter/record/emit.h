/* SPDX-License-Identifier: MIT */
/* JSON into a bounded buffer, without a tree in between: one line for each transaction is
 * written while mail waits. Whether all of it fitted is asked once, of the buffer.
 *
 * Mail is bytes, JSON is UTF-8: in texts a backslash is written twice, and a NUL or a byte
 * that is no part of valid UTF-8 as \xNN. Private to record/. */
#ifndef FOREGATE_RECORD_EMIT_H
#define FOREGATE_RECORD_EMIT_H

#include "base/buffer.h"
#include "mail/value.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct emitter {
    struct buffer *buffer;
    bool needs_comma;
};

/* Every value has a key in an object, and none (NULL) in an array. */
void emit_open(struct emitter *emitter, const char *key, char bracket);
void emit_close(struct emitter *emitter, char bracket);
void emit_text(struct emitter *emitter, const char *key, const char *text); /* NULL: none */
void emit_number(struct emitter *emitter, const char *key, int64_t number);
void emit_bool(struct emitter *emitter, const char *key, bool boolean);

/* A list is an array, another table an object, with \#5 for the key 5; the numbers that
 * JSON has not are {"\\number": "nan"}. */
void emit_values(struct emitter *emitter, const char *key, const struct value_list *list);

#endif
