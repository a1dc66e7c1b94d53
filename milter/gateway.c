/* SPDX-License-Identifier: MIT */
#include "gateway.h"

#include "base/clock.h"
#include "base/log.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Behind stdbool.h, or bool would become a 4-byte int here. */
#include <libmilter/mfapi.h>

#include "gateway_edits.h"
#include "pool.h"

/* One a milter connection: libmilter's private pointer. */
struct connection {
    struct transaction *transaction;
    unsigned long actions; /* edits that the MTA takes */
    bool header_replies;   /* the MTA waits for an answer to each header */
    bool counted;          /* in open_transactions */
};

/* Const after gateway_open. */
static struct {
    const struct transaction_settings *transactions;
    const struct listener_settings *listener;
    int socket;
    pthread_t main_thread;
} gateway;

static atomic_int open_transactions;
static atomic_bool draining;
static atomic_bool ended; /* libmilter serves nobody any more */
static atomic_bool failed;

enum {
    WANTED_ACTIONS = SMFIF_ADDHDRS | SMFIF_CHGHDRS | SMFIF_ADDRCPT | SMFIF_ADDRCPT_PAR |
                     SMFIF_DELRCPT | SMFIF_CHGFROM | SMFIF_QUARANTINE,
    REPLY_BYTES = 2 * VERDICT_TEXT_BYTES + 1,
};

/* Also an early return leaves. */
static void callback_leave(const int *unused)
{
    (void)unused;
    pool_leave();
}

#define CALLBACK_ENTER()                                                                   \
    pool_enter();                                                                          \
    __attribute__((cleanup(callback_leave), unused)) const int callback_guard = 0

static struct connection *connection_of(SMFICTX *context)
{
    return smfi_getpriv(context);
}

/* libmilter keeps the pointer's string until the macro is replaced: copied by who stores
 * it. */
static const char *macro(SMFICTX *context, const char *name)
{
    return smfi_getsymval(context, mutable(name));
}

static void mark_open(struct connection *connection)
{
    bool open = transaction_is_open(connection->transaction);
    if (open != connection->counted) {
        atomic_fetch_add(&open_transactions, open ? 1 : -1);
        connection->counted = open;
    }
}

static void end_transaction(struct connection *connection)
{
    transaction_end(connection->transaction);
    mark_open(connection);
}

/* Set right before returning: libmilter keeps an unused reply for a later refusal. A single
 * % would vanish from the text. */
static sfsistat reply(SMFICTX *context, const struct verdict *verdict)
{
    char code[8];
    char text[REPLY_BYTES];
    size_t length = 0;
    snprintf(code, sizeof code, "%d", verdict->code);
    for (const char *at = verdict->text; *at != '\0' && length + 2 < sizeof text; at++) {
        text[length++] = *at;
        if (*at == '%') {
            text[length++] = '%';
        }
    }
    text[length] = '\0';
    smfi_setreply(context, code, mutable(verdict->xcode), text);
    return verdict->code < 500 ? SMFIS_TEMPFAIL : SMFIS_REJECT;
}

static sfsistat give(SMFICTX *context, const struct verdict *verdict)
{
    switch (verdict->kind) {
    case VERDICT_CONTINUE:
    case VERDICT_SKIP:
    case VERDICT_QUARANTINE: /* an edit, made at end of message */
        return SMFIS_CONTINUE;
    case VERDICT_REJECT:
    case VERDICT_DEFER:
    case VERDICT_DISCONNECT:
        return reply(context, verdict);
    case VERDICT_DISCARD:
        return SMFIS_DISCARD;
    }
    return SMFIS_TEMPFAIL;
}

static void ask_for_macros(SMFICTX *context)
{
    /* {mail_addr} is always sent, so that the MAIL slot is replaced as a whole and no login
     * of an earlier message stays in it. */
    static const struct {
        int stage;
        const char *names;
    } lists[] = {
        {SMFIM_CONNECT, "{daemon_name}"},
        {SMFIM_HELO, "{tls_version}"},
        {SMFIM_ENVFROM, "i {mail_addr} {auth_type} {auth_authen} {tls_version} {cipher}"},
        {SMFIM_ENVRCPT, "i"},
        {SMFIM_DATA, "i"},
        {SMFIM_EOH, "i"},
        {SMFIM_EOM, "i"},
    };

    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
        smfi_setsymlist(context, lists[i].stage, mutable(lists[i].names));
    }
}

static sfsistat on_negotiate(SMFICTX *context, unsigned long f0, unsigned long f1,
                             unsigned long f2, unsigned long f3, unsigned long *pf0,
                             unsigned long *pf1, unsigned long *pf2, unsigned long *pf3)
{
    (void)f2;
    (void)f3;
    CALLBACK_ENTER();
    struct connection *connection = calloc(1, sizeof *connection);
    if (connection == NULL) {
        abort();
    }
    connection->transaction = transaction_new(gateway.transactions);
    connection->actions = f0 & WANTED_ACTIONS;
    connection->header_replies = (f1 & SMFIP_NR_HDR) == 0;
    if (smfi_setpriv(context, connection) != MI_SUCCESS) {
        transaction_free(&connection->transaction);
        free(connection);
        return SMFIS_REJECT;
    }
    if ((f0 & SMFIF_SETSYMLIST) != 0) {
        ask_for_macros(context);
    }
    *pf0 = connection->actions | (f0 & SMFIF_SETSYMLIST);
    /* DATA is always taken and answered: without it the next packet waits for a delayed
     * acknowledgement, 40 ms a message over TCP. The same bits for every connection, since
     * libmilter keeps one table of allowed steps for all. */
    *pf1 = f1 & (SMFIP_NR_HDR | SMFIP_SKIP | SMFIP_NOUNKNOWN);
    *pf2 = 0;
    *pf3 = 0;
    return SMFIS_CONTINUE;
}

static sfsistat on_connect(SMFICTX *context, char *name, _SOCK_ADDR *address)
{
    CALLBACK_ENTER();
    struct connection *connection = connection_of(context);
    if (connection == NULL) {
        return SMFIS_TEMPFAIL;
    }
    char ip[INET6_ADDRSTRLEN];
    struct peer peer = {
        .name = name, .listener = macro(context, "{daemon_name}"), .port = -1};
    if (address != NULL && address->sa_family == AF_INET) {
        struct sockaddr_in v4;
        memcpy(&v4, address, sizeof v4);
        peer.ip = inet_ntop(AF_INET, &v4.sin_addr, ip, sizeof ip);
        peer.port = ntohs(v4.sin_port);
    } else if (address != NULL && address->sa_family == AF_INET6) {
        struct sockaddr_in6 v6;
        memcpy(&v6, address, sizeof v6);
        peer.ip = inet_ntop(AF_INET6, &v6.sin6_addr, ip, sizeof ip);
        peer.port = ntohs(v6.sin6_port);
    }
    struct verdict verdict = transaction_connect(connection->transaction, &peer);
    return give(context, &verdict);
}

static sfsistat on_helo(SMFICTX *context, char *name)
{
    CALLBACK_ENTER();
    struct connection *connection = connection_of(context);
    if (connection == NULL) {
        return SMFIS_TEMPFAIL;
    }
    struct verdict verdict = transaction_helo(connection->transaction, name);
    return give(context, &verdict);
}

static sfsistat on_mail(SMFICTX *context, char **arguments)
{
    CALLBACK_ENTER();
    struct connection *connection = connection_of(context);
    if (connection == NULL) {
        return SMFIS_TEMPFAIL;
    }
    end_transaction(connection);
    if (atomic_load(&draining)) {
        const struct verdict verdict = transaction_stopping(connection->transaction);
        return reply(context, &verdict);
    }
    const struct mail_facts facts = {
        .login = macro(context, "{auth_authen}"),
        .login_method = macro(context, "{auth_type}"),
        .tls_version = macro(context, "{tls_version}"),
        .tls_cipher = macro(context, "{cipher}"),
        .queue_id = macro(context, "i"),
    };
    struct verdict verdict =
        transaction_mail(connection->transaction, &facts, (const char *const *)arguments);
    mark_open(connection);
    sfsistat status = give(context, &verdict);
    if (status != SMFIS_CONTINUE) {
        end_transaction(connection); /* libmilter sends no abort after this */
    }
    return status;
}

static sfsistat on_rcpt(SMFICTX *context, char **arguments)
{
    CALLBACK_ENTER();
    struct connection *connection = connection_of(context);
    if (connection == NULL) {
        return SMFIS_TEMPFAIL;
    }
    struct verdict verdict = transaction_rcpt(connection->transaction, macro(context, "i"),
                                              (const char *const *)arguments);
    return give(context, &verdict);
}

static sfsistat on_data(SMFICTX *context)
{
    CALLBACK_ENTER();
    struct connection *connection = connection_of(context);
    if (connection == NULL) {
        return SMFIS_TEMPFAIL;
    }
    transaction_data(connection->transaction, macro(context, "i"));
    return SMFIS_CONTINUE;
}

static sfsistat on_header(SMFICTX *context, char *name, char *value)
{
    CALLBACK_ENTER();
    struct connection *connection = connection_of(context);
    if (connection != NULL) {
        transaction_header(connection->transaction, name, value);
    }
    return connection != NULL && !connection->header_replies ? SMFIS_NOREPLY
                                                             : SMFIS_CONTINUE;
}

static sfsistat on_end_of_headers(SMFICTX *context)
{
    CALLBACK_ENTER();
    struct connection *connection = connection_of(context);
    if (connection == NULL) {
        return SMFIS_TEMPFAIL;
    }
    struct verdict verdict =
        transaction_end_of_headers(connection->transaction, macro(context, "i"));
    sfsistat status = give(context, &verdict);
    if (status != SMFIS_CONTINUE) {
        const struct edit_list none = {0};
        transaction_conclude(connection->transaction, &verdict, &none);
        end_transaction(connection);
    }
    return status;
}

static sfsistat on_body(SMFICTX *context, unsigned char *chunk, size_t length)
{
    (void)chunk;
    CALLBACK_ENTER();
    struct connection *connection = connection_of(context);
    if (connection == NULL) {
        return SMFIS_TEMPFAIL;
    }
    return transaction_body(connection->transaction, length) ? SMFIS_CONTINUE : SMFIS_SKIP;
}

static sfsistat on_end_of_message(SMFICTX *context)
{
    CALLBACK_ENTER();
    struct connection *connection = connection_of(context);
    if (connection == NULL) {
        return SMFIS_TEMPFAIL;
    }
    struct edit_list edits;
    struct verdict verdict =
        transaction_finish(connection->transaction, macro(context, "i"), &edits);
    struct error error = {0};
    bool sent = edits_send(context, connection->actions, &edits, &error);
    if (sent && verdict.kind == VERDICT_QUARANTINE) {
        sent = smfi_quarantine(context, mutable(verdict.text)) == MI_SUCCESS ||
               error_set(&error, ERROR_REMOTE, "the MTA does not take quarantine");
    }
    if (!sent) {
        verdict = transaction_edit_failed(connection->transaction, &edits, &error);
    }
    transaction_conclude(connection->transaction, &verdict, &edits);
    sfsistat status = give(context, &verdict);
    end_transaction(connection);
    return status;
}

static sfsistat on_abort(SMFICTX *context)
{
    CALLBACK_ENTER();
    struct connection *connection = connection_of(context);
    if (connection != NULL) {
        end_transaction(connection);
    }
    return SMFIS_CONTINUE;
}

/* May run with libmilter's own lock held: memory only. */
static sfsistat on_close(SMFICTX *context)
{
    struct connection *connection = connection_of(context);
    if (connection == NULL) {
        pool_hang_up();
        return SMFIS_CONTINUE;
    }
    CALLBACK_ENTER();
    end_transaction(connection);
    transaction_free(&connection->transaction);
    free(connection);
    smfi_setpriv(context, NULL);
    return SMFIS_CONTINUE;
}

bool gateway_open(const struct transaction_settings *transactions,
                  const struct listener_settings *listener, struct error *error)
{
    static char name[] = "foregate";
    gateway.transactions = transactions;
    gateway.listener = listener;
    gateway.main_thread = pthread_self();
    gateway.socket = listener_open(listener, error);
    if (gateway.socket < 0) {
        return false;
    }
    char connection[32];
    snprintf(connection, sizeof connection, "fd:%d", gateway.socket);
    const struct smfiDesc description = {
        .xxfi_name = name,
        .xxfi_version = SMFI_VERSION,
        .xxfi_flags = WANTED_ACTIONS | SMFIF_SETSYMLIST,
        .xxfi_connect = on_connect,
        .xxfi_helo = on_helo,
        .xxfi_envfrom = on_mail,
        .xxfi_envrcpt = on_rcpt,
        .xxfi_header = on_header,
        .xxfi_eoh = on_end_of_headers,
        .xxfi_body = on_body,
        .xxfi_eom = on_end_of_message,
        .xxfi_abort = on_abort,
        .xxfi_close = on_close,
        .xxfi_data = on_data,
        .xxfi_negotiate = on_negotiate,
    };
    if (smfi_register(description) != MI_SUCCESS ||
        smfi_setconn(connection) != MI_SUCCESS || smfi_opensocket(false) != MI_SUCCESS) {
        return error_set(error, ERROR_SYSTEM,
                         "listen = %s: libmilter does not take the socket",
                         listener->listen);
    }
    return true;
}

static void *serve(void *unused)
{
    (void)unused;
    atomic_store(&failed, smfi_main() != MI_SUCCESS);
    atomic_store(&ended, true);
    pthread_kill(gateway.main_thread, SIGTERM);
    return NULL;
}

bool gateway_start(struct error *error)
{
    pthread_t thread;
    int result = pthread_create(&thread, NULL, serve, NULL);
    if (result != 0) {
        return error_set(error, ERROR_SYSTEM, "cannot start the serving thread: %s",
                         strerror(result));
    }
    pthread_detach(thread);
    return pool_watch(gateway.socket, error);
}

bool gateway_has_failed(void)
{
    return atomic_load(&failed);
}

bool gateway_drain(int deadline_ms)
{
    enum { PAUSE_MS = 10, QUIET_LOOKS = 10 };
    const struct timespec pause = {.tv_nsec = PAUSE_MS * 1000000L};
    atomic_store(&draining, true);
    pool_unwatch();
    listener_close(gateway.socket, gateway.listener);
    int64_t end_ms = clock_monotonic_ms() + deadline_ms;
    /* libmilter writes a reply after the callback has returned: quiet for a while, not for
     * a moment, means that the last one is out. */
    for (int quiet = 0; quiet < QUIET_LOOKS; nanosleep(&pause, NULL)) {
        bool running = pool_running() > 0;
        bool open = atomic_load(&open_transactions) > 0 && !atomic_load(&ended);
        quiet = running || open ? 0 : quiet + 1;
        if (quiet == 0 && clock_monotonic_ms() >= end_ms) {
            return false;
        }
    }
    return true;
}
