/* SPDX-License-Identifier: MIT */
/* The parts that judge mail, in start order: directory, loop, clients of services, rules.
 * `run` puts a gateway in front of them, `explain` one transaction; tests of rules put
 * scripts in the place of services. */
#ifndef FOREGATE_PARTS_H
#define FOREGATE_PARTS_H

#include "backends.h"
#include "base/arena.h"
#include "base/config.h"
#include "base/error.h"
#include "base/network.h"
#include "directory/dms.h"
#include "transaction.h"

#include <stdint.h>

/* Instead of services. Borrowed as long as the parts. */
struct parts_scripts {
    struct loop *loop; /* runs already, and goes on running */
    quota_script *quota;
    void *quota_argument;
    dns_script *dns;
    void *dns_argument;
    http_script *http;
    void *http_argument;
    const struct table *faults; /* see struct directory_settings; or NULL */
};

struct parts {
    struct arena *arena;
    struct directory_settings directory;
    struct network_list trusted;
    struct quota_client_settings quota;
    struct loop *loop; /* NULL: the scripts' */
    struct services services;
    struct backends backends;
    struct current *current;
    struct transaction_settings transactions;
    uint64_t fingerprint;   /* of the volume just before it was read */
    struct dms_watch files; /* as they were just behind that */
};

/* Declares the rules' options in config and checks it. Findings of the directory go to
 * findings (may be NULL). */
bool parts_start(struct parts *parts, struct config *config, struct finding_list *findings,
                 struct error *error);

/* The same without any service. */
bool parts_start_scripted(struct parts *parts, struct config *config,
                          const struct parts_scripts *scripts, struct error *error);

/* The same without services, real or scripted, and without their threads, for replays: the
 * rules must never get to ask one. */
bool parts_start_offline(struct parts *parts, struct config *config, struct error *error);

/* With no transaction left. Fine after a failed start. */
void parts_stop(struct parts *parts);

#endif
