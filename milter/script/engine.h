/* SPDX-License-Identifier: MIT */
/* The rule engine: generations of N Lua states with the same rules in each. engine_call is
 * the only way in. A generation is immutable once made and reference counted; a reload
 * makes a new one aside and the old one ends with its last message. */
#ifndef FOREGATE_SCRIPT_ENGINE_H
#define FOREGATE_SCRIPT_ENGINE_H

#include "base/config.h"
#include "base/error.h"
#include "directory/directory.h"
#include "directory/dms.h"
#include "io/dns.h"
#include "io/http.h"
#include "io/loop.h"
#include "mail/decision.h"
#include "mail/message.h"
#include "mail/session.h"
#include "mail/verdict.h"
#include "quota/admission.h"
#include "quota/holds.h"

#include <stdbool.h>
#include <stdint.h>

enum stage {
    STAGE_CONNECT,
    STAGE_HELO,
    STAGE_MAIL,
    STAGE_RCPT,
    STAGE_DATA,
    STAGE_HEADERS,
    STAGE_FINISH,
    STAGE_COUNT,
};

const char *stage_name(enum stage stage);

/* What the functions that rules call work with. Borrowed, process lifetime. */
struct services {
    struct loop *loop;
    struct quota_client *quota;
    struct ledger *ledger;
    struct quota_desk *desk;
    int quota_timeout_ms;   /* for one answer */
    int64_t quota_overhead; /* bytes that a message gains on its way to a mailbox */
    struct dns_client *dns;
    int dns_timeout_ms; /* for one answer */
    struct http_client *http;
    int http_timeout_ms;         /* for one answer */
    const struct replay *replay; /* NULL: the functions are called */
};

struct stage_call;

enum replay_result {
    REPLAY_CALL,   /* the function is called */
    REPLAY_ANSWER, /* it gave the results */
    REPLAY_FAIL,   /* it did not return: it raises an error */
};

/* Answers of an earlier run, given again to rules in place of calling directory.*, quota.*,
 * dns.*, http.request and clock.*. */
struct replay {
    /* The results are plain values that live until the next call. Worker thread, with a
     * state locked. */
    enum replay_result (*find)(void *context, const struct stage_call *stage,
                               const char *name, const struct value_list *arguments,
                               struct value_list *results);
    void *context;
};

struct generation;

/* Loads the rules that config names into new states. Declares their settings in config and
 * checks it (config_check): afterwards config is complete; it must outlive the generation.
 * NULL: CONFIG (with file and line), and nothing has changed. */
struct generation *generation_new(struct config *config, const struct services *services,
                                  struct error *error);

/* config is the generation's to free from now on. */
void generation_own_config(struct generation *generation, struct config **config);

/* A fresh generation from the sources of an old one, as they were read then. Takes over the
 * configuration that the old one owns. NULL: the old one stays as it is. */
struct generation *generation_renew(struct generation *old, struct error *error);

/* Only loads the rules and declares their settings, and checks nothing: for commands that
 * show or check the options. */
bool generation_declare(struct config *config, struct error *error);

struct generation *generation_hold(struct generation *generation);

/* Counts down only: any thread, never waits. */
void generation_release(struct generation **generation);

/* The maker's: true when nobody else holds it any more; then generation_free may run. */
bool generation_is_unused(const struct generation *generation);
void generation_free(struct generation **generation);

/* True when rules have filled a state for good (in a local of their file): the maker should
 * make a new generation. */
bool generation_is_spent(const struct generation *generation);

uint64_t generation_number(const struct generation *generation);

/* What it was made from. Borrowed. */
const struct config *generation_config(const struct generation *generation);

/* A rule as it was loaded. Borrowed from the generation. */
struct loaded_rule {
    const char *name;
    const char *file;   /* path */
    const char *source; /* its text */
    const char *tests;  /* names of files in its folder, blanks between; "": none */
};

/* In the order of the option `rules`; false behind the last. */
bool generation_rule(const struct generation *generation, size_t index,
                     struct loaded_rule *rule);

bool generation_is_shadow(const struct generation *generation); /* mode = shadow, for all */
bool generation_has_stage(const struct generation *generation, enum stage stage);

/* When a call of this stage that begins now must have ended: monotonic. */
int64_t generation_deadline_ms(const struct generation *generation, enum stage stage);

/* One stage of one session: fill it, the verdict comes back in it. */
struct stage_call {
    enum stage stage;
    struct session *session;
    struct message *message;     /* NULL in connect and helo */
    struct recipient *recipient; /* rcpt only */
    const struct directory *directory;
    struct arena *arena; /* of the message, else of the session: results live there */
    struct decision_list *decisions;
    struct quota_holds *holds; /* of the message, else NULL */
    struct verdict verdict;
};

/* Runs the rules of the stage in their order until one gives a verdict. Never fails: a rule
 * that does becomes its on_error. Worker thread; may wait, bounded by the stage's deadline.
 */
void engine_call(struct generation *generation, struct stage_call *stage);

/* A refusal that no rule made becomes a decision as well: it gets an id, is recorded and
 * logged. generation, and the directory of the stage, are NULL before MAIL. */
void engine_record(const struct generation *generation, const struct stage_call *stage,
                   struct verdict *verdict);

#endif
