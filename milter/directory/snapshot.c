/* SPDX-License-Identifier: MIT */
#include "directory/snapshot.h"

#include "base/hash.h"
#include "base/text.h"
#include "directory/snapshot_build.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct snapshot *snapshot_new(const struct directory_settings *settings)
{
    static atomic_uint_least64_t generations;
    struct snapshot *snapshot = calloc(1, sizeof *snapshot);
    if (snapshot == NULL) {
        abort();
    }
    atomic_init(&snapshot->references, 1);
    snapshot->generation = atomic_fetch_add(&generations, 1) + 1;
    snapshot->settings = *settings;
    snapshot->arena = arena_new();
    return snapshot;
}

void snapshot_seal(struct snapshot *snapshot)
{
    table_seal(&snapshot->accounts);
    table_seal(&snapshot->aliases);
    table_seal(&snapshot->alias_domains);
    table_seal(&snapshot->local_aliases);
    table_seal(&snapshot->domains);
    table_seal(&snapshot->limits);
    table_seal(&snapshot->grants);
}

struct snapshot *snapshot_hold(struct snapshot *snapshot)
{
    atomic_fetch_add(&snapshot->references, 1);
    return snapshot;
}

bool snapshot_is_unused(const struct snapshot *snapshot)
{
    return atomic_load(&snapshot->references) == 1;
}

void snapshot_release(struct snapshot **snapshot)
{
    struct snapshot *released = *snapshot;
    *snapshot = NULL;
    if (released == NULL || atomic_fetch_sub(&released->references, 1) > 1) {
        return;
    }
    if (released->patterns != NULL) {
        pattern_table_deinit(released->patterns);
    }
    table_deinit(&released->accounts);
    table_deinit(&released->aliases);
    table_deinit(&released->alias_domains);
    table_deinit(&released->local_aliases);
    table_deinit(&released->domains);
    table_deinit(&released->limits);
    table_deinit(&released->grants);
    arena_free(&released->arena);
    free(released);
}

const struct directory_settings *snapshot_settings(const struct snapshot *snapshot)
{
    return &snapshot->settings;
}

static struct answer find_in(const struct table *table, const char *key)
{
    struct table_entry entry;
    return table_find(table, key, &entry) ? (struct answer){.kind = ANSWER_FOUND,
                                                            .value = entry.value,
                                                            .line = entry.line}
                                          : (struct answer){.kind = ANSWER_NOT_FOUND};
}

/* Getting a place of a large table from memory takes as long as all else in a look-up. Who
 * resolves goes on with the first target of an alias, or when there is none with the
 * account: so that is under way meanwhile. */
static struct answer find_alias(const struct snapshot *snapshot, const char *key)
{
    struct answer answer = find_in(&snapshot->aliases, key);
    bool found = answer.kind == ANSWER_FOUND;
    const char *next = found ? answer.value : key;
    if (next[0] != '@') {
        uint32_t hash = table_hash(next, found ? strcspn(next, ", \t") : strlen(next));
        table_expect(&snapshot->accounts, hash);
        if (found) {
            table_expect(&snapshot->aliases, hash);
        }
    }
    return answer;
}

/* True: the look-up is one that fails. */
static bool is_fault(const struct snapshot *snapshot, const char *key,
                     struct answer *answer)
{
    const struct table *faults = snapshot->settings.faults;
    struct table_entry entry;
    if (faults == NULL || !table_find(faults, key, &entry)) {
        return false;
    }
    *answer = (struct answer){.kind = ANSWER_FAILED, .reason = entry.value};
    return true;
}

struct answer snapshot_answer(const struct snapshot *snapshot,
                              const struct question *question, struct arena *arena)
{
    struct table_entry entry;
    struct answer fault;
    if (is_fault(snapshot, question->key, &fault)) {
        return fault;
    }
    switch (question->kind) {
    case QUESTION_DOMAIN:
        return find_in(&snapshot->domains, question->key);
    case QUESTION_ALIAS_DOMAIN:
        return find_in(&snapshot->alias_domains, question->key);
    case QUESTION_MAILBOX:
        return table_find(&snapshot->accounts, question->key, &entry)
                   ? (struct answer){.kind = ANSWER_FOUND,
                                     .value = entry.key,
                                     .line = entry.line}
                   : (struct answer){.kind = ANSWER_NOT_FOUND};
    case QUESTION_TABLE:
        return find_alias(snapshot, question->key);
    case QUESTION_LOCAL:
        return find_in(&snapshot->local_aliases, question->key);
    case QUESTION_LIMIT:
        return find_in(&snapshot->limits, question->key);
    case QUESTION_SENDER:
        return (struct answer){.kind = ANSWER_NOT_FOUND}; /* there are only grants */
    case QUESTION_PATTERN:
        return snapshot->patterns != NULL
                   ? pattern_table_find(snapshot->patterns, question->key, arena)
                   : (struct answer){.kind = ANSWER_NOT_FOUND};
    }
    assert(false && "a question of unknown kind");
    return (struct answer){.kind = ANSWER_FAILED, .reason = "unknown question"};
}

uint32_t snapshot_hash(const char *key, size_t length)
{
    return table_hash(key, length);
}

void snapshot_expect_alias(const struct snapshot *snapshot, uint32_t hash)
{
    table_expect(&snapshot->aliases, hash);
}

struct answer snapshot_find_alias(const struct snapshot *snapshot, const char *key,
                                  uint32_t hash)
{
    struct table_entry entry;
    struct answer fault;
    if (is_fault(snapshot, key, &fault)) {
        return fault;
    }
    return table_find_hashed(&snapshot->aliases, key, hash, &entry)
               ? (struct answer){.kind = ANSWER_FOUND,
                                 .value = entry.value,
                                 .line = entry.line}
               : (struct answer){.kind = ANSWER_NOT_FOUND};
}

const char *snapshot_limit(const struct snapshot *snapshot, const char *account)
{
    struct table_entry entry;
    return table_find(&snapshot->limits, account, &entry) ? entry.value : NULL;
}

const char *snapshot_first_account(const struct snapshot *snapshot)
{
    struct table_entry entry;
    size_t cursor = 0;
    return table_next(&snapshot->accounts, &cursor, &entry) ? entry.key : NULL;
}

static bool grant_covers(const char *grant, const char *key)
{
    if (strcmp(grant, "*") == 0) {
        return true;
    }
    const char *at = strrchr(key, '@');
    return grant[0] == '@' ? at != NULL && text_equal_folded(grant, at)
                           : text_equal_folded(grant, key);
}

int snapshot_may_send_as(const struct snapshot *snapshot, const char *login,
                         const char *key)
{
    struct table_entry entry;
    bool found = table_find(&snapshot->grants, login, &entry);
    while (found && !grant_covers(entry.value, key)) {
        found = table_find_twin(&snapshot->grants, &entry);
    }
    return found ? entry.line : 0;
}

bool snapshot_next_domain(const struct snapshot *snapshot, size_t *cursor,
                          const char **domain)
{
    struct table_entry entry;
    bool found = table_next(&snapshot->domains, cursor, &entry);
    *domain = found ? entry.key : NULL;
    return found;
}

struct snapshot_counts snapshot_counts(const struct snapshot *snapshot)
{
    return (struct snapshot_counts){
        .accounts = snapshot->accounts.count,
        .aliases = snapshot->aliases.count,
        .patterns =
            snapshot->patterns != NULL ? pattern_table_count(snapshot->patterns) : 0,
        .local_aliases = snapshot->local_aliases.count,
        .domains = snapshot->domains.count,
        .quotas = snapshot->limits.count,
    };
}

static struct snapshot_change compare(const char *what, const struct table *old,
                                      const struct table *new)
{
    struct table_change change = table_compare(old, new);
    return (struct snapshot_change){what, new->count, change.added, change.removed,
                                    change.changed};
}

static struct snapshot_change compare_patterns(size_t old, size_t new)
{
    return (struct snapshot_change){.what = "patterns",
                                    .count = new,
                                    .added = new > old ? new - old : 0,
                                    .removed = old > new ? old - new : 0};
}

/* Of all permissions of a login, which are found in no order. */
static uint64_t digest_grants(const struct table *grants, const char *login)
{
    struct table_entry grant;
    uint64_t sum = 0;
    bool found = table_find(grants, login, &grant);
    while (found) {
        sum += hash_bytes(1, grant.value, strlen(grant.value));
        found = table_find_twin(grants, &grant);
    }
    return sum;
}

/* A login has several. */
static struct snapshot_change compare_grants(const struct table *old,
                                             const struct table *new)
{
    struct snapshot_change change = compare("grants", old, new);
    struct table_entry grant;
    struct table_entry first;
    size_t cursor = 0;
    change.changed = 0;
    while (table_next(new, &cursor, &grant)) {
        bool is_first = table_find(new, grant.key, &first) && first.place == grant.place;
        if (is_first && table_find(old, grant.key, &first) &&
            digest_grants(old, grant.key) != digest_grants(new, grant.key)) {
            change.changed++;
        }
    }
    return change;
}

void snapshot_compare(const struct snapshot *old, const struct snapshot *new,
                      struct snapshot_change changes[SNAPSHOT_CHANGES])
{
    changes[0] = compare("accounts", &old->accounts, &new->accounts);
    changes[1] = compare("aliases", &old->aliases, &new->aliases);
    changes[2] =
        compare_patterns(snapshot_counts(old).patterns, snapshot_counts(new).patterns);
    changes[3] = compare("local_aliases", &old->local_aliases, &new->local_aliases);
    changes[4] = compare("domains", &old->domains, &new->domains);
    changes[5] = compare("quotas", &old->limits, &new->limits);
    changes[6] = compare_grants(&old->grants, &new->grants);
}

uint64_t snapshot_generation(const struct snapshot *snapshot)
{
    return snapshot->generation;
}

uint64_t snapshot_digest(const struct snapshot *snapshot)
{
    return snapshot->digest;
}
