/* SPDX-License-Identifier: MIT */
/* Requests that nobody answers: each ends when its time is over. While the clock is stopped
 * nobody waits for that: as soon as nothing else is left to do on the loop, the clock moves
 * on to the end of the first. For scripted services, in tests of rules. */
#ifndef FOREGATE_IO_SILENCE_H
#define FOREGATE_IO_SILENCE_H

#include "io/loop.h"
#include "io/request.h"

struct silence;

struct silence *silence_new(struct loop *loop);
void silence_free(struct silence **silence); /* no request is under way any more */

/* Loop thread. end(request) is called there when its timeout_ms, from now on, is over. */
void silence_keep(struct silence *silence, struct request *request,
                  void (*end)(struct request *request));

#endif
