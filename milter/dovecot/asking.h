/* SPDX-License-Identifier: MIT */
/* What becomes of questions to the userdb: they wait for a connection, are asked on it, run
 * out of time. Between userdb.c, which others call, and connection.c. All on the loop
 * thread. */
#ifndef FOREGATE_DOVECOT_ASKING_H
#define FOREGATE_DOVECOT_ASKING_H

#include "dovecot/connection.h"
#include "dovecot/userdb.h"
#include "io/deadline.h"
#include "io/host_lookup.h"
#include "io/service.h"

/* The one in use, and one that is left when its last answer has come. */
enum { USERDB_CONNECTIONS = 2, USERDB_WAITING = 10000 };

struct userdb {
    struct loop *loop;
    const char *where;
    char service_name[MASTER_SERVICE_BYTES + 1];
    int renew_ms;
    struct service service;
    struct host_lookup *lookup;   /* under way, or NULL */
    struct userdb_request *first; /* wait for a connection */
    struct userdb_request **last;
    size_t waiting_count;
    struct deadline deadline; /* of all questions */
    struct userdb_connection connections[USERDB_CONNECTIONS];
    uint32_t next_id;
};

void userdb_asking_init(struct userdb *userdb);
void userdb_asking_deinit(struct userdb *userdb); /* no question is under way */
void userdb_asking_begin(struct userdb *userdb, struct userdb_request *question);

#endif
