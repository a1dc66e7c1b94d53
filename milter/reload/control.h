/* SPDX-License-Identifier: MIT */
/* The socket where `foregate reload` asks for a reload and waits for what comes of it. One
 * line in, `reload`; one line out: `ok`, `kept` or `error`, a blank, and a text. Never
 * waits: who says nothing, or anything else, is sent away and holds up nobody. Reload
 * thread, but for control_remove. */
#ifndef FOREGATE_RELOAD_CONTROL_H
#define FOREGATE_RELOAD_CONTROL_H

#include "base/error.h"

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { CONTROL_CLIENTS = 8, CONTROL_EVENTS = CONTROL_CLIENTS + 1, CONTROL_LINE_BYTES = 64 };

struct control_client {
    int socket;          /* -1: none */
    int64_t deadline_ms; /* to have said it all */
    bool waits;          /* it has asked, and waits for the outcome */
    char line[CONTROL_LINE_BYTES];
    size_t length;
};

struct control {
    int socket;       /* -1: there is none */
    const char *path; /* of it */
    int64_t pause_ms; /* until then nobody is taken in: there are no descriptors */
    struct control_client clients[CONTROL_CLIENTS];
};

/* address: `unix:/path`, borrowed, process lifetime; empty: none, and all functions do
 * nothing. Makes the folder when only that is missing, replaces the socket of a program
 * that is gone. False: one that answers is there, or it cannot be made; then there is none.
 */
bool control_open(struct control *control, const char *address, struct error *error);

/* Without the socket's name, which control_remove removes. */
void control_close(struct control *control);

/* Any thread: nobody finds it from now on. */
void control_remove(const struct control *control);

/* What to wait for: CONTROL_EVENTS of them. */
void control_events(const struct control *control, struct pollfd *events);

/* Takes what has come; true: somebody asks for a reload. */
bool control_serve(struct control *control);

/* Somebody waits for an outcome. */
bool control_has_waiting(const struct control *control);

/* To all that wait: word, blank, text. */
void control_answer(struct control *control, const char *word, const char *text);

#endif
