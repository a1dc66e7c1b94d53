/* SPDX-License-Identifier: MIT */
/* libmilter's callbacks: SMTP event in, verdict out. One a process, since libmilter is. */
#ifndef FOREGATE_GATEWAY_H
#define FOREGATE_GATEWAY_H

#include "base/error.h"
#include "listener.h"
#include "transaction.h"

#include <stdbool.h>

/* Binds the socket and registers with libmilter. Settings are borrowed; process lifetime.
 */
bool gateway_open(const struct transaction_settings *transactions,
                  const struct listener_settings *listener, struct error *error);

/* Serves until gateway_drain, on a thread of its own: libmilter waits for signals that are
 * ours to take, and the kernel gives them to the main thread first. All signals must be
 * blocked. When serving ends by itself, the main thread gets SIGTERM and gateway_has_failed
 * is true. */
bool gateway_start(struct error *error);
bool gateway_has_failed(void);

/* No new sessions; a new MAIL is told to come back later; returns when no transaction is
 * open, no callback runs, or the deadline has passed (false). Afterwards only exit:
 * callbacks of idle sessions may still come. */
bool gateway_drain(int deadline_ms);

#endif
