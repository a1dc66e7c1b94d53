/* SPDX-License-Identifier: MIT */
/* TLS as a client, the only place that knows OpenSSL: TLS 1.2 and newer, the other end
 * always proves its name, nothing is renegotiated. A peer is whom to connect to, with
 * whatever is read from files and the last session, which the next connection resumes; a
 * link is one connection. For stream.c, but for making a peer. */
#ifndef FOREGATE_IO_TLS_H
#define FOREGATE_IO_TLS_H

#include "base/error.h"
#include "io/stream.h"

#include <stdbool.h>
#include <stddef.h>

/* Files are PEM. NULL and "" are the same. */
struct tls_settings {
    const char *name;        /* that the certificate must bear: a host's, or an address */
    const char *ca;          /* trusted certificates, roots or not, or a folder of them as
                              * `openssl rehash` names them; "": the system's */
    const char *certificate; /* our own, if asked for one, with its chain; "": none */
    const char *key;         /* of certificate, without a passphrase */
};

/* Reads the files, now and never again. NULL: CONFIG, with the file and a remedy. */
struct tls_peer *tls_peer_new(const struct tls_settings *settings, struct error *error);
void tls_peer_free(struct tls_peer **peer); /* no link is open any more */

/* Sets OpenSSL up, so that it is not torn down while the program ends and other threads
 * still run. For a library that has a TLS of its own with OpenSSL below: before it does. */
void tls_set_up(void);

/* Whether such a file can be used: CONFIG, with the file and a remedy. */
bool tls_check_trusted(const char *ca, struct error *error);

/* The rest: see stream.h. The socket remains the caller's. Errors are REMOTE. */
struct tls_link *tls_link_open(struct tls_peer *peer, int socket);
void tls_link_close(struct tls_link **link); /* says so to the other end, if it can */
enum stream_result tls_handshake(struct tls_link *link, struct error *error);
enum stream_result tls_read(struct tls_link *link, char *bytes, size_t size, size_t *count,
                            struct error *error);
enum stream_result tls_write(struct tls_link *link, const char *bytes, size_t length,
                             size_t *count, struct error *error);
bool tls_is_quiet(struct tls_link *link);
bool tls_is_amid(const struct tls_link *link);

#endif
