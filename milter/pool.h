/* SPDX-License-Identifier: MIT */
/* Keeps libmilter's pool of workers moving. The pool hands all connections that become
 * readable in one moment to the workers that are idle just then, two as a rule. While the
 * callbacks of these wait, the other connections wait too, for as long again with each
 * further callback, though new workers could serve them. A new connection makes the pool
 * start a worker, and whoever is through with its own connection takes what still lies
 * there. So, when callbacks run and none ends, a thread connects to our own socket and
 * hangs up, until that brings no further callback. Source: libmilter/worker.c (tm_nb_idle
 * counts workers that have work already).
 */
#ifndef FOREGATE_POOL_H
#define FOREGATE_POOL_H

#include "base/error.h"

#include <stdbool.h>

/* Around each callback; any thread. */
void pool_enter(void);
void pool_leave(void);

unsigned pool_running(void); /* callbacks */

/* A connection ended that had never said anything, as ours do; any thread. */
void pool_hang_up(void);

/* Once, with the socket that libmilter listens on; it is asked for its address only. */
bool pool_watch(int socket, struct error *error);

/* From now on no connection is made. Any thread. */
void pool_unwatch(void);

#endif
