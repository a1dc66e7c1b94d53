/* SPDX-License-Identifier: MIT */
/* Where accounts, aliases, domains and senders are known: the volume, LDAP, Dovecot's
 * userdb, Dovecot's Lua auth scripts, asked one behind the other in the operator's order.
 * The first that knows an answer gives it. Any thread but the loop's; asking may wait. */
#ifndef FOREGATE_SOURCES_SOURCES_H
#define FOREGATE_SOURCES_SOURCES_H

#include "base/arena.h"
#include "directory/snapshot.h"
#include "directory/source.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct auth_script;
struct ldap_directory;
struct loop;
struct userdb;

enum source_kind { SOURCE_DMS, SOURCE_LUA, SOURCE_LDAP, SOURCE_DOVECOT };

enum { SOURCE_KINDS = SOURCE_DOVECOT + 1 };

/* As in directory.sources. */
const char *source_kind_name(enum source_kind kind);
bool source_kind_find(const char *name, size_t length, enum source_kind *kind);

struct source_settings {
    enum source_kind kind;
    int timeout_ms;   /* for one answer */
    int64_t cache_ms; /* an answer is not asked for again so long */
    int64_t stale_ms; /* while the source is away, an answer of at most this age serves */
    bool goes_on;     /* when it cannot be asked, the next source is */

    /* Of its kind; borrowed, and outlives the sources. The volume has none. */
    struct auth_script *script;
    struct ldap_directory *ldap;
    struct userdb *userdb;
    struct loop *loop; /* on which the userdb is asked */
};

struct sources;

/* In the order to ask; at most one of a kind. */
struct sources *sources_new(const struct source_settings *list, size_t count);
void sources_free(struct sources **sources); /* nobody asks any more */

/* The combined answer; strings live as long as the snapshot, or in the arena. FAILED: the
 * source in turn cannot be asked; another with a reason: one that cannot was passed over,
 * or its last answer is old. deadline_ms: monotonic, 0 for none. *asked: it was a question
 * to a source that had to be waited for. */
struct answer sources_ask(struct sources *sources, const struct snapshot *snapshot,
                          const struct question *question, int64_t deadline_ms,
                          struct arena *arena, bool *asked);

/* One source alone, whatever is cached and whether or not it counts as away: for those who
 * look after it. */
size_t sources_count(const struct sources *sources);
enum source_kind sources_kind(const struct sources *sources, size_t index);
struct answer sources_try(struct sources *sources, size_t index,
                          const struct snapshot *snapshot, const struct question *question,
                          struct arena *arena);

#endif
