/* SPDX-License-Identifier: MIT */
/* JSON output of the commands: one document a line, keys in the order they were set. */
#ifndef FOREGATE_COMMAND_JSON_H
#define FOREGATE_COMMAND_JSON_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

/* Mail is bytes, JSON is UTF-8: every byte that is no part of valid UTF-8 becomes U+FFFD.
 * text may be NULL: then null. */
json_t *json_text(const char *text);
json_t *json_bytes(const char *bytes, size_t length);

/* Writes to stdout, with a newline, flushed; frees document. False when nobody reads. */
bool json_print(json_t *document);

#endif
