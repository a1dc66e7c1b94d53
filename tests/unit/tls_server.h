/* SPDX-License-Identifier: MIT */
/* The other end of a stream with TLS, in the same thread: what it says lies in memory until
 * the test lets so many bytes of it go. With an authority of its own, whose certificate is
 * in a file. */
#ifndef FOREGATE_TESTS_TLS_SERVER_H
#define FOREGATE_TESTS_TLS_SERVER_H

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <cmocka.h>

struct authority {
    EVP_PKEY *key;
    X509 *certificate;
    char path[32];
};

struct tls_server {
    SSL_CTX *context;
    SSL *ssl;
    BIO *heard; /* of ssl */
    BIO *said;
    int socket; /* the client's other end */
};

static inline X509 *make_certificate(EVP_PKEY *key, const char *subject, const X509 *issuer,
                                     EVP_PKEY *issuer_key, int seconds)
{
    static long serial = 1;
    X509 *made = X509_new();
    X509_NAME *name = X509_get_subject_name(made);
    X509_set_version(made, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(made), serial++);
    X509_gmtime_adj(X509_getm_notBefore(made), -60);
    X509_gmtime_adj(X509_getm_notAfter(made), seconds);
    X509_NAME_add_entry_by_NID(name, NID_commonName, MBSTRING_UTF8,
                               (const unsigned char *)subject, -1, -1, 0);
    X509_set_issuer_name(made, issuer != NULL ? X509_get_subject_name(issuer) : name);
    X509_set_pubkey(made, key);
    if (issuer == NULL) {
        X509_EXTENSION *extension =
            X509V3_EXT_conf_nid(NULL, NULL, NID_basic_constraints, "critical,CA:TRUE");
        assert_int_equal(X509_add_ext(made, extension, -1), 1);
        X509_EXTENSION_free(extension);
    }
    assert_true(X509_sign(made, issuer_key, EVP_sha256()) > 0);
    return made;
}

static inline void authority_init(struct authority *authority)
{
    enum { DAY = 86400 };

    authority->key = EVP_EC_gen("P-256");
    assert_non_null(authority->key);
    authority->certificate =
        make_certificate(authority->key, "Test CA", NULL, authority->key, DAY);
    snprintf(authority->path, sizeof authority->path, "/tmp/foregate-ca-XXXXXX");
    FILE *file = fdopen(mkstemp(authority->path), "w");
    assert_non_null(file);
    PEM_write_X509(file, authority->certificate);
    fclose(file);
}

static inline void authority_deinit(struct authority *authority)
{
    unlink(authority->path);
    X509_free(authority->certificate);
    EVP_PKEY_free(authority->key);
}

/* The certificate of `name` is good for so many seconds from now. */
static inline void server_init(struct tls_server *server, const struct authority *authority,
                               const char *name, int version, int seconds)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *certificate =
        make_certificate(key, name, authority->certificate, authority->key, seconds);
    *server =
        (struct tls_server){.context = SSL_CTX_new(TLS_server_method()), .socket = -1};
    SSL_CTX_set_min_proto_version(server->context, version);
    SSL_CTX_set_max_proto_version(server->context, version);
    assert_int_equal(SSL_CTX_use_certificate(server->context, certificate), 1);
    assert_int_equal(SSL_CTX_use_PrivateKey(server->context, key), 1);
    X509_free(certificate);
    EVP_PKEY_free(key);
}

/* A new connection; the socket is the server's from now on. */
static inline void server_take(struct tls_server *server, int socket)
{
    server->socket = socket;
    server->ssl = SSL_new(server->context);
    server->heard = BIO_new(BIO_s_mem());
    server->said = BIO_new(BIO_s_mem());
    BIO_set_mem_eof_return(server->heard, -1);
    SSL_set_bio(server->ssl, server->heard, server->said);
    SSL_set_accept_state(server->ssl);
}

/* A new connection; the client's end of it. */
static inline int server_accept(struct tls_server *server)
{
    int ends[2];
    assert_int_equal(
        socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends), 0);
    server_take(server, ends[1]);
    return ends[0];
}

static inline void server_hang_up(struct tls_server *server)
{
    SSL_free(server->ssl);
    server->ssl = NULL;
    if (server->socket >= 0) {
        close(server->socket);
    }
    server->socket = -1;
}

static inline void server_deinit(struct tls_server *server)
{
    SSL_CTX_free(server->context);
}

/* Takes what the client wrote; returns how much that was. */
static inline size_t server_hear(struct tls_server *server)
{
    char bytes[4096];
    size_t sum = 0;
    ssize_t got = 0;
    while ((got = recv(server->socket, bytes, sizeof bytes, MSG_DONTWAIT)) > 0) {
        assert_int_equal(BIO_write(server->heard, bytes, (int)got), got);
        sum += (size_t)got;
    }
    return sum;
}

/* One record. */
static inline void server_say(struct tls_server *server, const char *text)
{
    assert_int_equal(SSL_write(server->ssl, text, (int)strlen(text)), strlen(text));
}

/* Lets go of so many bytes of what it said, or of all there are; returns how many. */
static inline size_t server_send(struct tls_server *server, size_t limit)
{
    char bytes[4096];
    size_t sum = 0;
    while (sum < limit) {
        size_t wanted = limit - sum < sizeof bytes ? limit - sum : sizeof bytes;
        int got = BIO_read(server->said, bytes, (int)wanted);
        if (got <= 0) {
            break;
        }
        assert_int_equal(send(server->socket, bytes, (size_t)got, MSG_NOSIGNAL), got);
        sum += (size_t)got;
    }
    return sum;
}

#endif
