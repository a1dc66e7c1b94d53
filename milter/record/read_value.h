/* SPDX-License-Identifier: MIT */
/* Texts and plain values out of JSON as emit.h writes them. Private to record/. */
#ifndef FOREGATE_RECORD_READ_VALUE_H
#define FOREGATE_RECORD_READ_VALUE_H

#include "base/arena.h"
#include "mail/value.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

/* The bytes behind our escapes, NUL behind them. False: no text, or a wrong escape. */
bool read_bytes(struct arena *arena, const char *text, struct value *value);

/* A text without a NUL in it. NULL: there is none, or it is no such text. */
const char *read_text(struct arena *arena, const json_t *json);

/* False: no plain value, or nested too deeply. */
bool read_value(struct arena *arena, json_t *json, struct value *value);

/* The items of an array. */
bool read_values(struct arena *arena, json_t *json, struct value_list *list);

#endif
