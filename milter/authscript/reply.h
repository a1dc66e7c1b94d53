/* SPDX-License-Identifier: MIT */
/* What a script's function returned, as a reply. Private to authscript/. */
#ifndef FOREGATE_AUTHSCRIPT_REPLY_H
#define FOREGATE_AUTHSCRIPT_REPLY_H

#include "authscript/call.h"

/* Fields as they are collected. */
struct field_list {
    struct arena *arena;
    struct auth_field *entries;
    size_t count, size;
    const char *user;     /* the field user, or NULL */
    const char *password; /* the field password of passdb, or NULL */
    size_t bytes_before;  /* of the arena, when the first one came */
    const char *fault;    /* why they are none, or NULL */
};

/* Code and fields on top of the thread's stack, of the function name: answer and reason in
 * reply, what was returned with it in fields. */
void reply_take(struct auth_call *call, const char *name, struct field_list *fields,
                struct auth_reply *reply);

/* The value of a field, or NULL. */
const char *reply_field(const struct field_list *fields, const char *name);

/* AUTH_FAILED, with a reason; code may be NULL. */
void reply_fail(struct arena *arena, struct auth_reply *reply, const char *code,
                const char *format, ...) __attribute__((format(printf, 4, 5)));

#endif
