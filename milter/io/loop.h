/* SPDX-License-Identifier: MIT */
/* The one thread that runs libevent, and its inbox. It never runs Lua, never blocks, takes
 * no lock but the inbox's. All libevent objects belong to it. */
#ifndef FOREGATE_IO_LOOP_H
#define FOREGATE_IO_LOOP_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

struct event_base;
struct loop;
struct request;

struct loop *loop_start(struct error *error); /* NULL on failure (SYSTEM) */

/* Ends the thread. No request may be under way any more. */
void loop_stop(struct loop **loop);

/* Hands a request to the loop thread, which calls request->start(request). Any thread. */
void loop_submit(struct loop *loop, struct request *request);

/* The same for several, at least one: no one starts before all of them are there. */
void loop_submit_all(struct loop *loop, struct request *const *requests, size_t count);

/* Runs function(argument) on the loop thread and returns when it has run. For setting up
 * and tearing down what lives there. Not from the loop thread. */
void loop_run(struct loop *loop, void (*function)(void *argument), void *argument);

/* For modules whose functions run on the loop thread. */
struct event_base *loop_base(struct loop *loop);

/* Whether the caller runs on the loop thread. For asserts. */
bool loop_is_current(const struct loop *loop);

#endif
