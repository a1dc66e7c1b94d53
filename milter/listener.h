/* SPDX-License-Identifier: MIT */
/* A listening socket: that of the MTA, ours and not libmilter's, so that errors are clear,
 * the mode of a unix socket is the operator's choice, and a stop can refuse new sessions
 * alone; and that of `foregate reload`. */
#ifndef FOREGATE_LISTENER_H
#define FOREGATE_LISTENER_H

#include "base/error.h"

struct listener_settings {
    const char *option; /* "listen": for errors */
    const char
        *listen; /* unix:/path, inet:port@host, inet6:port@host; host may be missing: any */
    const char *mode;  /* of a unix socket, octal text */
    const char *group; /* of a unix socket, or NULL */
};

/* A bound socket, or -1 (CONFIG, with the remedy). Replaces the unix socket of a program
 * that is gone, never one that answers. */
int listener_open(const struct listener_settings *settings, struct error *error);

/* Puts a quiet socket over fd: nobody can connect any more, who accepts on it finds
 * nothing. Removes a unix socket's name. */
void listener_close(int fd, const struct listener_settings *settings);

#endif
