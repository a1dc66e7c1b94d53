/* SPDX-License-Identifier: MIT */
#include "quota/ledger.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* A set-associative table: a mailbox has WAYS places, the one that expires first gives
 * way. Memory is bounded by construction and nothing is ever searched for long. */
enum { WAYS = 4 };

/* In left_bytes: headroom was refused. No message is small enough for it. */
enum { TIGHT = -1 };

struct lease {
    char *mailbox; /* NULL: free */
    int64_t left_bytes;
    int64_t expires_ms;
};

struct ledger {
    pthread_mutex_t lock; /* protects leases; a leaf, held for lines */
    struct lease *leases;
    size_t sets; /* a power of two */
    int64_t lease_ms;
};

struct ledger *ledger_new(int max_leases, int64_t lease_ms)
{
    struct ledger *ledger = calloc(1, sizeof *ledger);
    if (ledger == NULL) {
        abort();
    }
    ledger->sets = 1;
    while (ledger->sets * WAYS < (size_t)max_leases) {
        ledger->sets *= 2;
    }
    ledger->leases = calloc(ledger->sets * WAYS, sizeof *ledger->leases);
    if (ledger->leases == NULL) {
        abort();
    }
    ledger->lease_ms = lease_ms;
    pthread_mutex_init(&ledger->lock, NULL);
    return ledger;
}

void ledger_free(struct ledger **ledger)
{
    if (*ledger == NULL) {
        return;
    }
    for (size_t i = 0; i < (*ledger)->sets * WAYS; i++) {
        free((*ledger)->leases[i].mailbox);
    }
    free((*ledger)->leases);
    pthread_mutex_destroy(&(*ledger)->lock);
    free(*ledger);
    *ledger = NULL;
}

static struct lease *set_of(const struct ledger *ledger, const char *mailbox)
{
    uint64_t value = 14695981039346656037u;
    for (const char *at = mailbox; *at != '\0'; at++) {
        value = (value ^ (unsigned char)*at) * 1099511628211u;
    }
    return &ledger->leases[((value ^ (value >> 29)) & (ledger->sets - 1)) * WAYS];
}

static struct lease *lease_find(const struct ledger *ledger, const char *mailbox)
{
    struct lease *set = set_of(ledger, mailbox);
    for (int i = 0; i < WAYS; i++) {
        if (set[i].mailbox != NULL && strcmp(set[i].mailbox, mailbox) == 0) {
            return &set[i];
        }
    }
    return NULL;
}

bool ledger_spend(struct ledger *ledger, const char *mailbox, int64_t bytes, int64_t now_ms)
{
    pthread_mutex_lock(&ledger->lock);
    struct lease *lease = lease_find(ledger, mailbox);
    bool fits = lease != NULL && now_ms < lease->expires_ms && lease->left_bytes >= bytes;
    if (fits) {
        lease->left_bytes -= bytes;
    }
    pthread_mutex_unlock(&ledger->lock);
    return fits;
}

/* The place for a mailbox: its own, else the one that expires first. */
static struct lease *lease_place(const struct ledger *ledger, const char *mailbox)
{
    struct lease *lease = lease_find(ledger, mailbox);
    if (lease != NULL) {
        return lease;
    }
    struct lease *set = set_of(ledger, mailbox);
    lease = &set[0];
    for (int i = 1; i < WAYS && lease->mailbox != NULL; i++) {
        if (set[i].mailbox == NULL || set[i].expires_ms < lease->expires_ms) {
            lease = &set[i];
        }
    }
    return lease;
}

static void lease_put(struct ledger *ledger, const char *mailbox, int64_t bytes,
                      int64_t now_ms)
{
    char *name = strdup(mailbox);
    if (name == NULL) {
        abort();
    }
    pthread_mutex_lock(&ledger->lock);
    struct lease *lease = lease_place(ledger, mailbox);
    char *old = lease->mailbox;
    *lease = (struct lease){name, bytes, now_ms + ledger->lease_ms};
    pthread_mutex_unlock(&ledger->lock);
    free(old);
}

void ledger_grant(struct ledger *ledger, const char *mailbox, int64_t bytes, int64_t now_ms)
{
    lease_put(ledger, mailbox, bytes, now_ms);
}

void ledger_refuse(struct ledger *ledger, const char *mailbox, int64_t now_ms)
{
    lease_put(ledger, mailbox, TIGHT, now_ms);
}

bool ledger_is_tight(struct ledger *ledger, const char *mailbox, int64_t now_ms)
{
    pthread_mutex_lock(&ledger->lock);
    const struct lease *lease = lease_find(ledger, mailbox);
    bool is_tight =
        lease != NULL && now_ms < lease->expires_ms && lease->left_bytes == TIGHT;
    pthread_mutex_unlock(&ledger->lock);
    return is_tight;
}
