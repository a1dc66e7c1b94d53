/* SPDX-License-Identifier: MIT */
/* The sources that directory.sources names, each with its client and the loop that it waits
 * on. */
#ifndef FOREGATE_BACKENDS_H
#define FOREGATE_BACKENDS_H

#include "base/config.h"
#include "directory/finding.h"
#include "sources/memory.h"

struct http_client;
struct loop;

struct backends {
    struct loop *loop;           /* NULL: the caller's, or none is needed */
    struct http_client *http;    /* of the script: rules cannot use its requests up */
    struct auth_script *script;  /* NULL: not named */
    struct ldap_directory *ldap; /* the same */
    struct userdb *userdb;       /* the same */
    struct sources *sources;     /* NULL: only the volume, which needs nobody to ask */
};

/* loop: the caller's, which outlives the backends; NULL: an own one, if any source needs
 * it. Nobody is connected to before the first question. False: CONFIG or SYSTEM, and
 * nothing is left. */
bool backends_start(struct backends *backends, const struct config *config,
                    struct loop *loop, struct error *error);

/* What is worth a warning in the files that sources read, or NULL. Borrowed. */
const struct finding_list *backends_findings(const struct backends *backends);

/* Nobody asks any more. Fine for zeroed ones. */
void backends_stop(struct backends *backends);

#endif
