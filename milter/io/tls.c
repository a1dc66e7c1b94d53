/* SPDX-License-Identifier: MIT */
#include "io/tls.h"

#include <arpa/inet.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

struct tls_peer {
    SSL_CTX *context;
    char name[256];
    bool is_address; /* name: no name to send in the clear, and another field to verify */
    SSL_SESSION *session; /* the last one that the other end offered to resume, or NULL */
    time_t session_end;
};

struct tls_link {
    struct tls_peer *peer;
    SSL *ssl;
    bool is_broken; /* OpenSSL wants no further call but SSL_free */
    bool is_asked;  /* for a certificate that we do not have */
    /* When the first of the certificates ends that were verified, maybe by an earlier
     * connection: who resumes a session verifies nothing. */
    time_t end;
    char fault[256]; /* what is wrong with which certificate */
};

static bool is_given(const char *text)
{
    return text != NULL && *text != '\0';
}

/* Bytes of the other end are for people to read: no control characters among them. */
static void take_text(BIO *from, char *text, size_t size)
{
    int length = BIO_read(from, text, (int)size - 1);
    text[length > 0 ? length : 0] = '\0';
    for (char *at = text; *at != '\0'; at++) {
        *at = (unsigned char)*at < ' ' || *at == 0x7f ? '?' : *at;
    }
    BIO_free(from);
}

static BIO *text_new(void)
{
    BIO *text = BIO_new(BIO_s_mem());
    if (text == NULL) {
        abort();
    }
    return text;
}

/* The common name, else all of it. */
static void print_name(BIO *to, const X509_NAME *name)
{
    int place = X509_NAME_get_index_by_NID(name, NID_commonName, -1);
    if (place >= 0) {
        const X509_NAME_ENTRY *entry = X509_NAME_get_entry(name, place);
        ASN1_STRING_print_ex(to, X509_NAME_ENTRY_get_data(entry),
                             ASN1_STRFLGS_UTF8_CONVERT);
    } else if (X509_NAME_entry_count(name) > 0) {
        X509_NAME_print_ex(to, name, 0, XN_FLAG_RFC2253);
    } else {
        BIO_puts(to, "nobody");
    }
}

/* "DNS:a.test, IP Address:192.0.2.1" */
static void print_bearers(BIO *to, const X509 *certificate)
{
    int place = X509_get_ext_by_NID(certificate, NID_subject_alt_name, -1);
    if (place >= 0) {
        X509V3_EXT_print(to, X509_get_ext(certificate, place), 0, 0);
    } else {
        print_name(to, X509_get_subject_name(certificate));
    }
}

static void print_detail(BIO *to, int code, const X509 *certificate, const char *name)
{
    switch (code) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
        BIO_puts(to, " (notAfter=");
        ASN1_TIME_print(to, X509_get0_notAfter(certificate));
        break;
    case X509_V_ERR_CERT_NOT_YET_VALID:
        BIO_puts(to, " (notBefore=");
        ASN1_TIME_print(to, X509_get0_notBefore(certificate));
        break;
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
        BIO_printf(to, ", wanted is %.100s (it is for ", name);
        print_bearers(to, certificate);
        break;
    default:
        BIO_puts(to, " (issuer=");
        print_name(to, X509_get_issuer_name(certificate));
        break;
    }
    BIO_puts(to, ")");
}

/* Called for each certificate, ok or not; what is returned counts. */
static int on_certificate(int is_ok, X509_STORE_CTX *store)
{
    const SSL *ssl =
        X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
    struct tls_link *link = SSL_get_app_data(ssl);
    if (is_ok) {
        return 1;
    }
    int code = X509_STORE_CTX_get_error(store);
    const X509 *certificate = X509_STORE_CTX_get_current_cert(store);
    BIO *text = text_new();
    if (certificate == NULL) {
        BIO_puts(text, X509_verify_cert_error_string(code));
    } else {
        BIO_puts(text, "certificate of ");
        print_name(text, X509_get_subject_name(certificate));
        BIO_printf(text, ": %s", X509_verify_cert_error_string(code));
        print_detail(text, code, certificate, link->peer->name);
    }
    take_text(text, link->fault, sizeof link->fault);
    return 0;
}

/* Only when there is none of our own: goes on without. */
static int on_certificate_wanted(SSL *ssl, X509 **unused_certificate, EVP_PKEY **unused_key)
{
    (void)unused_certificate;
    (void)unused_key;
    struct tls_link *link = SSL_get_app_data(ssl);
    link->is_asked = true;
    return 0;
}

static time_t chain_end(const SSL *ssl)
{
    const STACK_OF(X509) *chain = SSL_get0_verified_chain(ssl);
    time_t first = 0;
    for (int i = 0; chain != NULL && i < sk_X509_num(chain); i++) {
        struct tm parts;
        if (ASN1_TIME_to_tm(X509_get0_notAfter(sk_X509_value(chain, i)), &parts) != 1) {
            return 0;
        }
        time_t end = timegm(&parts);
        first = i == 0 || end < first ? end : first;
    }
    return first;
}

static void forget_session(struct tls_peer *peer)
{
    SSL_SESSION_free(peer->session);
    peer->session = NULL;
}

/* TLS 1.2: within the handshake; 1.3: whenever the other end likes, it comes with what is
 * read. 1: the session is ours. */
static int on_session(SSL *ssl, SSL_SESSION *session)
{
    struct tls_link *link = SSL_get_app_data(ssl);
    if (SSL_session_reused(ssl) == 0) {
        link->end = chain_end(ssl);
    }
    forget_session(link->peer);
    link->peer->session = session;
    link->peer->session_end = link->end;
    return 1;
}

/* Asking the terminal, as OpenSSL does by itself, would wait for somebody. */
static int on_passphrase(char *unused_text, int unused_size, int unused_writing,
                         void *was_asked)
{
    (void)unused_text;
    (void)unused_size;
    (void)unused_writing;
    *(bool *)was_asked = true;
    return -1;
}

static const char *first_reason(void)
{
    unsigned long code = ERR_peek_error();
    const char *reason = ERR_SYSTEM_ERROR(code) ? strerror(ERR_GET_REASON(code))
                                                : ERR_reason_error_string(code);
    return reason != NULL ? reason : "unknown error";
}

static bool refuse_file(struct error *error, const char *path, const char *reason,
                        const char *remedy)
{
    return error_set(error, ERROR_CONFIG, "%s: %s; %s", path, reason, remedy);
}

static bool load_trusted(SSL_CTX *context, const char *ca, struct error *error)
{
    if (!is_given(ca)) {
        return SSL_CTX_set_default_verify_paths(context) == 1 ||
               error_set(error, ERROR_CONFIG, "no trusted certificates of the system: %s",
                         first_reason());
    }
    struct stat status;
    bool is_folder = stat(ca, &status) == 0 && S_ISDIR(status.st_mode);
    int done = is_folder ? SSL_CTX_load_verify_dir(context, ca)
                         : SSL_CTX_load_verify_file(context, ca);
    return done == 1 ||
           refuse_file(error, ca, first_reason(),
                       "trusted certificates are needed there, in PEM, readable for the "
                       "user that Foregate runs as");
}

static bool load_own(SSL_CTX *context, const struct tls_settings *settings,
                     struct error *error)
{
    if (!is_given(settings->certificate)) {
        return true;
    }
    if (SSL_CTX_use_certificate_chain_file(context, settings->certificate) != 1) {
        return refuse_file(error, settings->certificate, first_reason(),
                           "a certificate is needed there, in PEM, readable for the user "
                           "that Foregate runs as");
    }
    bool has_passphrase = false;
    SSL_CTX_set_default_passwd_cb(context, on_passphrase);
    SSL_CTX_set_default_passwd_cb_userdata(context, &has_passphrase);
    int done = SSL_CTX_use_PrivateKey_file(context, settings->key, SSL_FILETYPE_PEM);
    SSL_CTX_set_default_passwd_cb_userdata(context, NULL);
    if (done == 1) {
        return true;
    }
    return refuse_file(error, settings->key,
                       has_passphrase ? "the key has a passphrase" : first_reason(),
                       "the key of the certificate is needed there, in PEM, without a "
                       "passphrase, readable for the user that Foregate runs as");
}

static void set_rules(struct tls_peer *peer)
{
    SSL_CTX *context = peer->context;
    X509_VERIFY_PARAM *verify = SSL_CTX_get0_param(context);
    int done = peer->is_address ? X509_VERIFY_PARAM_set1_ip_asc(verify, peer->name)
                                : X509_VERIFY_PARAM_set1_host(verify, peer->name, 0);
    /* Who is named as trusted is trusted, also without the one who signed it. */
    done = done && X509_VERIFY_PARAM_set_flags(verify, X509_V_FLAG_PARTIAL_CHAIN);
    X509_VERIFY_PARAM_set_hostflags(verify, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    done = done && SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
    if (!done) {
        abort(); /* out of memory */
    }
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, on_certificate);
    SSL_CTX_set_client_cert_cb(context, on_certificate_wanted);
    /* An answer has an end of its own: whether the other end says goodbye before it closes
     * is of no interest, and that it did not is no reason to distrust the session. */
    SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_IGNORE_UNEXPECTED_EOF);
    SSL_CTX_set_mode(context,
                     SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_session_cache_mode(context,
                                   SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(context, on_session);
}

/* The first who does decides for all. */
void tls_set_up(void)
{
    OPENSSL_init_ssl(OPENSSL_INIT_NO_ATEXIT, NULL);
}

static SSL_CTX *context_new(struct error *error)
{
    tls_set_up();
    ERR_clear_error();
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    if (context == NULL) {
        error_set(error, ERROR_CONFIG,
                  "OpenSSL does not start: %s; see the system's openssl.cnf",
                  first_reason());
    }
    return context;
}

bool tls_check_trusted(const char *ca, struct error *error)
{
    SSL_CTX *context = context_new(error);
    bool ok = context != NULL && load_trusted(context, ca, error);
    SSL_CTX_free(context);
    ERR_clear_error();
    return ok;
}

struct tls_peer *tls_peer_new(const struct tls_settings *settings, struct error *error)
{
    struct tls_peer *peer = calloc(1, sizeof *peer);
    if (peer == NULL) {
        abort();
    }
    peer->context = context_new(error);
    if (peer->context == NULL) {
        tls_peer_free(&peer);
        return NULL;
    }
    snprintf(peer->name, sizeof peer->name, "%s", settings->name);
    unsigned char address[sizeof(struct in6_addr)];
    peer->is_address = inet_pton(AF_INET, peer->name, address) == 1 ||
                       inet_pton(AF_INET6, peer->name, address) == 1;
    set_rules(peer);
    if (!load_trusted(peer->context, settings->ca, error) ||
        !load_own(peer->context, settings, error)) {
        tls_peer_free(&peer);
    }
    ERR_clear_error();
    return peer;
}

void tls_peer_free(struct tls_peer **peer)
{
    forget_session(*peer);
    SSL_CTX_free((*peer)->context);
    free(*peer);
    *peer = NULL;
}

struct tls_link *tls_link_open(struct tls_peer *peer, int socket)
{
    struct tls_link *link = calloc(1, sizeof *link);
    if (link == NULL || (link->ssl = SSL_new(peer->context)) == NULL ||
        SSL_set_fd(link->ssl, socket) != 1) {
        abort();
    }
    link->peer = peer;
    SSL_set_app_data(link->ssl, link);
    SSL_set_connect_state(link->ssl);
    if (!peer->is_address) {
        SSL_set_tlsext_host_name(link->ssl, peer->name);
    }
    if (peer->session != NULL && time(NULL) < peer->session_end) {
        link->end = peer->session_end;
        SSL_set_session(link->ssl, peer->session);
    }
    return link;
}

void tls_link_close(struct tls_link **link)
{
    SSL *ssl = (*link)->ssl;
    ERR_clear_error();
    if (!(*link)->is_broken && SSL_is_init_finished(ssl) != 0) {
        /* Waits for no answer. Without it OpenSSL takes the session for a bad one. */
        SSL_shutdown(ssl);
        ERR_clear_error();
    }
    SSL_free(ssl);
    free(*link);
    *link = NULL;
}

/* In the field's words, with what OpenSSL calls it. */
static bool set_failure(const struct tls_link *link, struct error *error)
{
    unsigned long code = ERR_peek_error();
    const char *reason = first_reason();
    const char *asked =
        link->is_asked ? "; it asks for a client certificate, and has got none" : "";
    int number = ERR_GET_LIB(code) == ERR_LIB_SSL ? ERR_GET_REASON(code) : 0;
    switch (number) {
    case SSL_R_CERTIFICATE_VERIFY_FAILED:
        return error_set(error, ERROR_REMOTE, "TLS: %s", link->fault);
    case SSL_R_WRONG_VERSION_NUMBER:
    case SSL_R_HTTP_REQUEST:
    case SSL_R_PACKET_LENGTH_TOO_LONG:
        return error_set(error, ERROR_REMOTE, "TLS: the server speaks no TLS there (%s)",
                         reason);
    case SSL_R_UNSUPPORTED_PROTOCOL:
    case SSL_R_TLSV1_ALERT_PROTOCOL_VERSION:
        return error_set(error, ERROR_REMOTE,
                         "TLS: the server has no TLS 1.2 or newer (%s)", reason);
    default:
        break;
    }
    return number > SSL_AD_REASON_OFFSET
               ? error_set(error, ERROR_REMOTE, "TLS: the server refuses us (%s%s)", reason,
                           asked)
               : error_set(error, ERROR_REMOTE, "TLS: %s", reason);
}

/* What a call of OpenSSL returned; errno and the queue are still those of the call. */
static enum stream_result judge(struct tls_link *link, int result, struct error *error)
{
    switch (SSL_get_error(link->ssl, result)) {
    case SSL_ERROR_NONE:
        return STREAM_DONE;
    case SSL_ERROR_WANT_READ:
        return STREAM_WAIT_READ;
    case SSL_ERROR_WANT_WRITE:
        return STREAM_WAIT_WRITE;
    case SSL_ERROR_ZERO_RETURN:
        return STREAM_CLOSED;
    case SSL_ERROR_SYSCALL:
        link->is_broken = true;
        return STREAM_CLOSED;
    default:
        link->is_broken = true;
        set_failure(link, error);
        return STREAM_FAILED;
    }
}

enum stream_result tls_handshake(struct tls_link *link, struct error *error)
{
    ERR_clear_error();
    enum stream_result result = judge(link, SSL_do_handshake(link->ssl), error);
    if (result == STREAM_CLOSED) {
        link->is_broken = true;
        error_set(error, ERROR_REMOTE,
                  "TLS: the server closed the connection in the handshake");
        result = STREAM_FAILED;
    }
    if (result == STREAM_FAILED) {
        forget_session(link->peer);
    }
    return result;
}

enum stream_result tls_read(struct tls_link *link, char *bytes, size_t size, size_t *count,
                            struct error *error)
{
    ERR_clear_error();
    *count = 0;
    return judge(link, SSL_read_ex(link->ssl, bytes, size, count), error);
}

enum stream_result tls_write(struct tls_link *link, const char *bytes, size_t length,
                             size_t *count, struct error *error)
{
    ERR_clear_error();
    *count = 0;
    enum stream_result result =
        judge(link, SSL_write_ex(link->ssl, bytes, length, count), error);
    if (result != STREAM_CLOSED) {
        return result;
    }
    /* Whoever cut us off may have said why before: a server that does not want us does so
     * while we take the handshake for done and write. */
    char byte;
    size_t unused = 0;
    ERR_clear_error();
    result = judge(link, SSL_peek_ex(link->ssl, &byte, sizeof byte, &unused), error);
    return result == STREAM_FAILED ? STREAM_FAILED : STREAM_CLOSED;
}

bool tls_is_quiet(struct tls_link *link)
{
    char byte;
    size_t count = 0;
    struct error unused;
    ERR_clear_error();
    enum stream_result result =
        judge(link, SSL_peek_ex(link->ssl, &byte, sizeof byte, &count), &unused);
    return result == STREAM_WAIT_READ || result == STREAM_WAIT_WRITE;
}

bool tls_is_amid(const struct tls_link *link)
{
    /* RH: it waits for the head of a record. A head without anything behind it is not
     * pending. */
    return SSL_has_pending(link->ssl) != 0 ||
           strcmp(SSL_rstate_string(link->ssl), "RH") != 0;
}
