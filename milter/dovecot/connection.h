/* SPDX-License-Identifier: MIT */
/* One connection to Dovecot's auth master socket: connects, reads the greeting, writes
 * questions and gives the answers, which come in any order, to those who asked by their
 * ids. For asking.c only; all on the loop thread. */
#ifndef FOREGATE_DOVECOT_CONNECTION_H
#define FOREGATE_DOVECOT_CONNECTION_H

#include "base/error.h"
#include "dovecot/userdb.h"
#include "io/stream.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct event;
struct service;

enum {
    USERDB_UNDER_WAY = 1024,             /* questions on one connection */
    USERDB_SILENT = 3,                   /* that get no answer, until it is given up */
    USERDB_LINE_BYTES = 16 * 1024,       /* of an answer */
    USERDB_OUTPUT_BYTES = 16 * 1024 + 1, /* not taken by the socket yet */
};

enum userdb_connection_state {
    USERDB_CLOSED,
    USERDB_CONNECTING,
    USERDB_GREETING, /* connected; whether it is Dovecot is not known yet */
    USERDB_OPEN,
    USERDB_LEAVING, /* takes no more questions, and closes behind the last answer */
};

struct userdb_connection {
    struct userdb *userdb;
    enum userdb_connection_state state;
    struct stream stream; /* with the events: unless CLOSED */
    struct event *reader;
    struct event *writer; /* active when there is something to write */
    struct event *renewer;
    size_t first_address; /* of the service, for this attempt */
    size_t tried_count;   /* addresses from there on; the last one is in use */
    bool has_version;
    uint32_t first_id; /* of the ids that were given on it: below end_id, */
    uint32_t end_id;   /* counted modulo 2^32 */
    struct userdb_request *questions[USERDB_UNDER_WAY]; /* by id, modulo their number */
    uint32_t ids[USERDB_UNDER_WAY];
    size_t count;
    int silent_count; /* questions that ran out of time since the last line came */
    char output[USERDB_OUTPUT_BYTES];
    size_t output_length;
    char input[USERDB_LINE_BYTES]; /* an incomplete line, at its start */
    size_t input_length;
    bool is_skipping; /* up to the end of a line that is too long */
};

const char *userdb_connection_state_name(enum userdb_connection_state state);

/* CLOSED and the address of the service is known. Ends, maybe before it returns, in OPEN
 * or in a report of unreachable. */
void userdb_connection_open(struct userdb_connection *connection);

/* Whether it takes one more question, and that. */
bool userdb_connection_has_room(const struct userdb_connection *connection);
void userdb_connection_ask(struct userdb_connection *connection,
                           struct userdb_request *question);

/* Takes a question away whose time is over; its answer is dropped when it comes. */
void userdb_connection_forget(struct userdb_connection *connection, size_t place);

/* Nobody answers on it: what is under way is reported lost. */
void userdb_connection_give_up(struct userdb_connection *connection,
                               const struct error *error);

void userdb_connection_close(struct userdb_connection *connection);

/* Reports, in asking.c. */
void userdb_answered(struct userdb_request *question, const struct master_line *line);
void userdb_unreadable(struct userdb_request *question, const struct error *error);
void userdb_lost(struct userdb_request *question, const struct error *error);
void userdb_unreachable(struct userdb *userdb, const struct error *error);
void userdb_advance(struct userdb *userdb); /* at the end of every event */

#endif
