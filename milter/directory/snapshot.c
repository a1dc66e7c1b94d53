/* SPDX-License-Identifier: MIT */
#include "directory/snapshot.h"

#include "base/text.h"
#include "directory/snapshot_build.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct snapshot *snapshot_new(void)
{
    static atomic_uint_least64_t generations;
    struct snapshot *snapshot = calloc(1, sizeof *snapshot);
    if (snapshot == NULL) {
        abort();
    }
    atomic_init(&snapshot->references, 1);
    snapshot->generation = atomic_fetch_add(&generations, 1) + 1;
    snapshot->arena = arena_new();
    return snapshot;
}

void snapshot_seal(struct snapshot *snapshot)
{
    table_sort(&snapshot->accounts);
    table_unique(&snapshot->accounts);
    table_sort(&snapshot->aliases);
    table_unique(&snapshot->aliases);
    table_sort(&snapshot->domains);
    table_unique(&snapshot->domains);
    table_sort(&snapshot->grants);
}

struct snapshot *snapshot_hold(struct snapshot *snapshot)
{
    atomic_fetch_add(&snapshot->references, 1);
    return snapshot;
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
    arena_free(&released->arena);
    free(released);
}

static struct answer find_in(const struct table *table, const char *key)
{
    const struct table_entry *entry = table_find(table, key);
    return entry != NULL ? (struct answer){.kind = ANSWER_FOUND, .value = entry->value}
                         : (struct answer){.kind = ANSWER_NOT_FOUND};
}

/* The account is its key: the value is the spelling in the file. */
static struct answer find_account(const struct table *accounts, const char *key)
{
    const struct table_entry *entry = table_find(accounts, key);
    return entry != NULL ? (struct answer){.kind = ANSWER_FOUND, .value = entry->key}
                         : (struct answer){.kind = ANSWER_NOT_FOUND};
}

struct answer snapshot_answer(const struct snapshot *snapshot,
                              const struct question *question, struct arena *arena)
{
    switch (question->kind) {
    case QUESTION_DOMAIN:
        return find_in(&snapshot->domains, question->key);
    case QUESTION_MAILBOX:
        return find_account(&snapshot->accounts, question->key);
    case QUESTION_TABLE:
        return find_in(&snapshot->aliases, question->key);
    case QUESTION_PATTERN:
        return snapshot->patterns != NULL
                   ? pattern_table_find(snapshot->patterns, question->key, arena)
                   : (struct answer){.kind = ANSWER_NOT_FOUND};
    }
    assert(false && "a question of unknown kind");
    return (struct answer){.kind = ANSWER_FAILED, .reason = "unknown question"};
}

static bool grant_covers(const char *grant, const struct address *address)
{
    if (strcmp(grant, "*") == 0) {
        return true;
    }
    return grant[0] == '@' ? text_equal_folded(grant + 1, address->domain)
                           : text_equal_folded(grant, address->key);
}

bool snapshot_may_send_as(const struct snapshot *snapshot, const char *login,
                          const struct address *address)
{
    const struct table *grants = &snapshot->grants;
    const struct table_entry *entry = table_find(grants, login);
    if (entry == NULL) {
        return false;
    }
    /* The search finds any of a login's entries; they stand side by side. */
    const struct table_entry *end = grants->entries + grants->count;
    while (entry > grants->entries && strcmp(entry[-1].key, login) == 0) {
        entry--;
    }
    for (; entry < end && strcmp(entry->key, login) == 0; entry++) {
        if (grant_covers(entry->value, address)) {
            return true;
        }
    }
    return false;
}

struct snapshot_counts snapshot_counts(const struct snapshot *snapshot)
{
    return (struct snapshot_counts){
        .accounts = snapshot->accounts.count,
        .aliases = snapshot->aliases.count,
        .patterns =
            snapshot->patterns != NULL ? pattern_table_count(snapshot->patterns) : 0,
        .domains = snapshot->domains.count,
        .quotas = snapshot->quota_count,
    };
}

uint64_t snapshot_generation(const struct snapshot *snapshot)
{
    return snapshot->generation;
}
