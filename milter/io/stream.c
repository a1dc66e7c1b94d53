/* SPDX-License-Identifier: MIT */
#include "io/stream.h"

#include "io/tls.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

void stream_open(struct stream *stream, int socket, struct tls_peer *tls)
{
    stream->socket = socket;
    stream->tls = tls != NULL ? tls_link_open(tls, socket) : NULL;
}

void stream_close(struct stream *stream)
{
    if (stream->tls != NULL) {
        tls_link_close(&stream->tls);
    }
    close(stream->socket);
    stream->socket = -1;
}

enum stream_result stream_handshake(struct stream *stream, struct error *error)
{
    return stream->tls != NULL ? tls_handshake(stream->tls, error) : STREAM_DONE;
}

/* What recv and send returned, with errno; wait is what they wait for. */
static enum stream_result judge(ssize_t result, enum stream_result wait, size_t *count)
{
    *count = result > 0 ? (size_t)result : 0;
    if (result > 0) {
        return STREAM_DONE;
    }
    bool is_open = result < 0 && (errno == EAGAIN || errno == EINTR);
    return is_open ? wait : STREAM_CLOSED;
}

enum stream_result stream_read(struct stream *stream, char *bytes, size_t size,
                               size_t *count, struct error *error)
{
    if (stream->tls != NULL) {
        return tls_read(stream->tls, bytes, size, count, error);
    }
    return judge(recv(stream->socket, bytes, size, 0), STREAM_WAIT_READ, count);
}

enum stream_result stream_write(struct stream *stream, const char *bytes, size_t length,
                                size_t *count, struct error *error)
{
    if (stream->tls != NULL) {
        return tls_write(stream->tls, bytes, length, count, error);
    }
    return judge(send(stream->socket, bytes, length, MSG_NOSIGNAL), STREAM_WAIT_WRITE,
                 count);
}

bool stream_is_quiet(struct stream *stream)
{
    if (stream->tls != NULL) {
        return tls_is_quiet(stream->tls);
    }
    char byte;
    return recv(stream->socket, &byte, sizeof byte, MSG_PEEK) < 0 &&
           (errno == EAGAIN || errno == EINTR);
}

bool stream_is_amid(const struct stream *stream)
{
    return stream->tls != NULL && tls_is_amid(stream->tls);
}

const char *stream_result_name(enum stream_result result)
{
    switch (result) {
    case STREAM_DONE:
        return "done";
    case STREAM_WAIT_READ:
        return "wait-read";
    case STREAM_WAIT_WRITE:
        return "wait-write";
    case STREAM_CLOSED:
        return "closed";
    case STREAM_FAILED:
        return "failed";
    }
    return "invalid";
}
