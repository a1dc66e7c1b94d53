/* SPDX-License-Identifier: MIT */
#include "record/emit.h"

#include "base/text.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* The escape of what cannot stand in JSON or on a terminal, behind our own; its length, 0:
 * none is needed. */
static int escape(const unsigned char *at, size_t step, char escaped[8])
{
    if (step == 0 || *at == '\0') {
        return snprintf(escaped, 8, "\\\\x%02x", *at);
    }
    if (step == 1 && *at == '\\') {
        memcpy(escaped, "\\\\\\\\", 4);
        return 4;
    }
    if (step == 1 && *at == '"') {
        memcpy(escaped, "\\\"", 2);
        return 2;
    }
    if (text_is_control((const char *)at, step)) {
        return snprintf(escaped, 8, "\\u%04x", step == 2 ? at[1] : at[0]);
    }
    return 0;
}

static void put_escaped(struct buffer *buffer, const char *bytes, size_t length)
{
    size_t plain = 0; /* what is before i and not yet appended begins here */
    for (size_t i = 0; i < length && !buffer->truncated;) {
        char escaped[8];
        size_t step = text_utf8_length(bytes + i, length - i);
        int escaped_length = escape((const unsigned char *)bytes + i, step, escaped);
        if (escaped_length > 0) {
            buffer_append(buffer, bytes + plain, i - plain);
            buffer_append(buffer, escaped, (size_t)escaped_length);
        }
        i += step > 0 ? step : 1;
        plain = escaped_length > 0 ? i : plain;
    }
    buffer_append(buffer, bytes + plain, length - plain);
}

static void put_key(struct emitter *emitter, const char *key)
{
    if (emitter->needs_comma) {
        buffer_append(emitter->buffer, ",", 1);
    }
    if (key != NULL) {
        buffer_append(emitter->buffer, "\"", 1);
        put_escaped(emitter->buffer, key, strlen(key));
        buffer_append(emitter->buffer, "\":", 2);
    }
    emitter->needs_comma = true;
}

void emit_open(struct emitter *emitter, const char *key, char bracket)
{
    put_key(emitter, key);
    buffer_append(emitter->buffer, &bracket, 1);
    emitter->needs_comma = false;
}

void emit_close(struct emitter *emitter, char bracket)
{
    buffer_append(emitter->buffer, &bracket, 1);
    emitter->needs_comma = true;
}

static void put_bytes(struct emitter *emitter, const char *bytes, size_t length)
{
    buffer_append(emitter->buffer, "\"", 1);
    put_escaped(emitter->buffer, bytes, length);
    buffer_append(emitter->buffer, "\"", 1);
}

void emit_text(struct emitter *emitter, const char *key, const char *text)
{
    if (text != NULL) {
        put_key(emitter, key);
        put_bytes(emitter, text, strlen(text));
    }
}

void emit_number(struct emitter *emitter, const char *key, int64_t number)
{
    char text[24];
    int length = snprintf(text, sizeof text, "%" PRId64, number);
    put_key(emitter, key);
    buffer_append(emitter->buffer, text, (size_t)length);
}

void emit_bool(struct emitter *emitter, const char *key, bool boolean)
{
    put_key(emitter, key);
    buffer_append_text(emitter->buffer, boolean ? "true" : "false");
}

static void put_real(struct emitter *emitter, double number)
{
    if (!isfinite(number)) {
        const char *name = isnan(number) ? "nan" : number > 0 ? "inf" : "-inf";
        buffer_append_format(emitter->buffer, "{\"\\\\number\":\"%s\"}", name);
        return;
    }
    char text[40];
    snprintf(text, sizeof text, "%.17g", number);
    bool is_whole = strpbrk(text, ".e") == NULL; /* would be read back as an integer */
    buffer_append_format(emitter->buffer, "%s%s", text, is_whole ? ".0" : "");
}

static void put_value(struct emitter *emitter, const struct value *value);

/* The key of an entry, with its colon. Rules may keep tables with other keys than texts and
 * whole numbers. */
static void put_entry_key(struct emitter *emitter, const struct value *key)
{
    static const char sign[] = "\"\\\\#"; /* no text begins so */
    put_key(emitter, NULL);               /* only the comma */
    if (key->type == VALUE_INTEGER) {
        buffer_append_format(emitter->buffer, "%s%" PRId64 "\"", sign, key->integer);
    } else if (key->type == VALUE_NUMBER) {
        buffer_append_format(emitter->buffer, "%s%.17g\"", sign, key->number);
    } else if (key->type == VALUE_BOOL) {
        buffer_append_format(emitter->buffer, "%s%s\"", sign,
                             key->boolean ? "true" : "false");
    } else {
        put_bytes(emitter, key->text.bytes, key->text.length);
    }
    buffer_append(emitter->buffer, ":", 1);
}

static void put_table(struct emitter *emitter, const struct value *table)
{
    bool is_list = value_is_list(table);
    buffer_append_text(emitter->buffer, is_list ? "[" : "{");
    emitter->needs_comma = false;
    for (size_t i = 0; i < table->table.count && !emitter->buffer->truncated; i++) {
        const struct value_entry *entry = &table->table.entries[i];
        if (is_list) {
            put_key(emitter, NULL);
        } else {
            put_entry_key(emitter, &entry->key);
        }
        put_value(emitter, &entry->value);
    }
    emit_close(emitter, is_list ? ']' : '}');
}

static void put_value(struct emitter *emitter, const struct value *value)
{
    switch (value->type) {
    case VALUE_NIL:
        buffer_append_text(emitter->buffer, "null");
        return;
    case VALUE_BOOL:
        buffer_append_text(emitter->buffer, value->boolean ? "true" : "false");
        return;
    case VALUE_INTEGER:
        buffer_append_format(emitter->buffer, "%" PRId64, value->integer);
        return;
    case VALUE_NUMBER:
        put_real(emitter, value->number);
        return;
    case VALUE_TEXT:
        put_bytes(emitter, value->text.bytes, value->text.length);
        return;
    case VALUE_TABLE:
        put_table(emitter, value);
        return;
    }
}

void emit_values(struct emitter *emitter, const char *key, const struct value_list *list)
{
    emit_open(emitter, key, '[');
    for (size_t i = 0; i < list->count && !emitter->buffer->truncated; i++) {
        put_key(emitter, NULL);
        put_value(emitter, &list->values[i]);
    }
    emit_close(emitter, ']');
}
