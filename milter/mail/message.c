/* SPDX-License-Identifier: MIT */
#include "mail/message.h"

#include <stdlib.h>
#include <string.h>

/* A size above this is no size that a mail can have. */
enum { SIZE_DIGITS = 18 };

struct message *message_new(void)
{
    struct message *message = malloc(sizeof *message);
    if (message == NULL) {
        abort();
    }
    *message = (struct message){.arena = arena_new()};
    return message;
}

void message_free(struct message **message)
{
    if (*message == NULL) {
        return;
    }
    arena_free(&(*message)->arena);
    free(*message);
    *message = NULL;
}

void message_end(struct message *message)
{
    struct arena *arena = message->arena;
    arena_reset(arena);
    *message = (struct message){.arena = arena, .declared_bytes = -1, .queue_id = ""};
}

static const char **params_copy(struct arena *arena, const char *const *params)
{
    size_t count = 0;
    while (params != NULL && params[count] != NULL) {
        count++;
    }
    const char **copy = arena_array(arena, count + 1, sizeof *copy);
    for (size_t i = 0; i < count; i++) {
        copy[i] = arena_copy(arena, params[i]);
    }
    return copy;
}

static int64_t declared_size(const char *const *params)
{
    const char *text = params_find(params, "SIZE");
    size_t digits = text != NULL ? strspn(text, "0123456789") : 0;
    if (digits == 0 || digits > SIZE_DIGITS || text[digits] != '\0') {
        return -1;
    }
    return strtoll(text, NULL, 10);
}

void message_begin(struct message *message, const char *const *params)
{
    message_end(message);
    message->open = true;
    message->params = params_copy(message->arena, params);
    message->declared_bytes = declared_size(message->params);
    message->notes.type = VALUE_TABLE;
}

void message_set_sender(struct message *message, const char *raw,
                        const struct address_rules *rules)
{
    struct error error;
    if (address_parse(message->arena, raw, rules, &message->sender, &error)) {
        return;
    }
    char *text = arena_copy(message->arena, raw);
    size_t length = strlen(text);
    if (length >= 2 && text[0] == '<' && text[length - 1] == '>') {
        text[length - 1] = '\0';
        text++;
    }
    address_from_internal(message->arena, text, rules, &message->sender);
    message->sender.raw = arena_copy(message->arena, raw);
}

struct recipient *message_add_recipient(struct message *message, const char *const *params)
{
    struct arena *arena = message->arena;
    if (message->recipient_count == message->recipient_size) {
        size_t size = message->recipient_size > 0 ? message->recipient_size * 2 : 8;
        struct recipient **recipients =
            arena_array(arena, size, sizeof(struct recipient *));
        if (message->recipient_count > 0) {
            memcpy(recipients, message->recipients,
                   message->recipient_count * sizeof(struct recipient *));
        }
        message->recipients = recipients;
        message->recipient_size = size;
    }
    struct recipient *recipient = arena_alloc(arena, sizeof *recipient);
    recipient->params = params_copy(arena, params);
    recipient->notes.type = VALUE_TABLE;
    message->recipients[message->recipient_count++] = recipient;
    return recipient;
}

int64_t message_size(const struct message *message)
{
    return (int64_t)message->headers.bytes + 2 + message->body_bytes;
}

size_t message_accepted_count(const struct message *message)
{
    size_t count = 0;
    for (size_t i = 0; i < message->recipient_count; i++) {
        count += message->recipients[i]->state == RECIPIENT_ACCEPTED;
    }
    return count;
}

size_t message_replaced_count(const struct message *message)
{
    size_t count = 0;
    for (size_t i = 0; i < message->recipient_count; i++) {
        const struct recipient *recipient = message->recipients[i];
        count += recipient->state == RECIPIENT_ACCEPTED && recipient->replaced;
    }
    return count;
}
