/* SPDX-License-Identifier: MIT */
/* A connected socket that does not block, plain or with TLS on it: one way to read and
 * write for both. Nothing waits; a result says what to wait for, whoever watches the
 * socket waits and calls the same function again. One thread, the loop's, which must not
 * die of SIGPIPE. */
#ifndef FOREGATE_IO_STREAM_H
#define FOREGATE_IO_STREAM_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

struct tls_link;
struct tls_peer;

enum stream_result {
    STREAM_DONE,
    STREAM_WAIT_READ, /* until the socket is readable; of a write as well, with TLS */
    STREAM_WAIT_WRITE,
    STREAM_CLOSED, /* by the peer, or the connection broke */
    STREAM_FAILED, /* TLS went wrong; error says what */
};

struct stream {
    int socket;
    struct tls_link *tls; /* NULL: plain */
};

/* Takes the socket over, which may be connecting still. tls: who must be at the other end;
 * NULL: plain, whoever it is. */
void stream_open(struct stream *stream, int socket, struct tls_peer *tls);
void stream_close(struct stream *stream);

/* Once connected, until it is DONE and before anything else: with TLS the other end has
 * then proved who it is. Plain it is DONE at once. Never CLOSED: an error says so. */
enum stream_result stream_handshake(struct stream *stream, struct error *error);

/* DONE: count bytes, at least one. */
enum stream_result stream_read(struct stream *stream, char *bytes, size_t size,
                               size_t *count, struct error *error);

/* DONE: count bytes, at least one, maybe fewer than given. */
enum stream_result stream_write(struct stream *stream, const char *bytes, size_t length,
                                size_t *count, struct error *error);

/* Whether nothing has come, neither bytes to read nor the end, but what TLS says for
 * itself, like tickets of a session. */
bool stream_is_quiet(struct stream *stream);

/* Whether a part of something is here, and the rest is on its way: nobody can tell yet what
 * it will be. For a stream that is quiet. */
bool stream_is_amid(const struct stream *stream);

const char *stream_result_name(enum stream_result result);

#endif
