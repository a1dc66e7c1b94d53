/* SPDX-License-Identifier: MIT */
#include "quota/ledger.h"

#include "base/hash.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Accepted bytes are kept by when they were accepted; what is older than settle_ms goes
 * with its period. */
enum { PERIODS = 8 };

/* Mailboxes that can be forgotten are looked for when there are so many more than after the
 * last time. */
enum { SWEEP_FIRST = 1024 };

/* Of a known limit, so much is lent at most. */
enum { LEASE_PART = 8 };

/* Ten percent of 640 MiB. */
enum { GRACE_UNKNOWN = 64 << 20 };

/* What is asked about, in this order. */
enum step {
    STEP_LEASE, /* all on its way, the message, the grace and room for more */
    STEP_SAFE,  /* the same without room for more */
    STEP_ALONE, /* the message as if nothing were on its way */
};

struct account {
    struct account *next;
    char *mailbox;
    int64_t held;              /* by open messages */
    int64_t accepted[PERIODS]; /* not settled yet */
    int64_t period;            /* the newest of them: time divided by its length */
    int64_t admitted;          /* all that was ever held and not released */
    int64_t lease_end;         /* what `admitted` may reach */
    int64_t lease_until_ms;
    int64_t tight_until_ms;
    int64_t refused_bytes; /* Dovecot has no room for so much */
    int64_t refused_until_ms;
    char *refusal; /* its words, or NULL */
};

struct ledger {
    struct ledger_settings settings;
    pthread_mutex_t lock; /* protects all below; a leaf, held for lines */
    struct account **chains;
    size_t chain_count; /* a power of two */
    size_t count;
    size_t sweep_at;
};

static void *allocate(size_t count, size_t size)
{
    void *memory = calloc(count, size);
    if (memory == NULL) {
        abort();
    }
    return memory;
}

struct ledger *ledger_new(const struct ledger_settings *settings)
{
    struct ledger *ledger = allocate(1, sizeof *ledger);
    ledger->settings = *settings;
    ledger->chain_count = 1;
    while (ledger->chain_count < (size_t)settings->mailboxes) {
        ledger->chain_count *= 2;
    }
    ledger->chains = allocate(ledger->chain_count, sizeof(struct account *));
    ledger->sweep_at = SWEEP_FIRST;
    pthread_mutex_init(&ledger->lock, NULL);
    return ledger;
}

static void account_free(struct account *account)
{
    free(account->mailbox);
    free(account->refusal);
    free(account);
}

void ledger_free(struct ledger **ledger)
{
    if (*ledger == NULL) {
        return;
    }
    for (size_t i = 0; i < (*ledger)->chain_count; i++) {
        struct account *account = (*ledger)->chains[i];
        while (account != NULL) {
            struct account *next = account->next;
            account_free(account);
            account = next;
        }
    }
    free((*ledger)->chains);
    pthread_mutex_destroy(&(*ledger)->lock);
    free(*ledger);
    *ledger = NULL;
}

static int64_t period_of(const struct ledger *ledger, int64_t now_ms)
{
    int64_t length = ledger->settings.settle_ms / PERIODS;
    return now_ms / (length > 0 ? length : 1);
}

/* Makes now the newest period, and forgets those that are over. */
static void advance(const struct ledger *ledger, struct account *account, int64_t now_ms)
{
    int64_t period = period_of(ledger, now_ms);
    int64_t passed = period - account->period;
    for (int64_t i = 0; i < passed && i < PERIODS; i++) {
        account->accepted[(account->period + 1 + i) % PERIODS] = 0;
    }
    account->period = passed > 0 ? period : account->period;
}

static int64_t under_way(const struct account *account)
{
    int64_t bytes = account->held;
    for (int i = 0; i < PERIODS; i++) {
        bytes += account->accepted[i];
    }
    return bytes;
}

static bool is_idle(const struct ledger *ledger, struct account *account, int64_t now_ms)
{
    advance(ledger, account, now_ms);
    return under_way(account) == 0 && now_ms >= account->lease_until_ms &&
           now_ms >= account->tight_until_ms && now_ms >= account->refused_until_ms;
}

static void sweep(struct ledger *ledger, int64_t now_ms)
{
    for (size_t i = 0; i < ledger->chain_count; i++) {
        struct account **place = &ledger->chains[i];
        while (*place != NULL) {
            struct account *account = *place;
            if (is_idle(ledger, account, now_ms)) {
                *place = account->next;
                account_free(account);
                ledger->count--;
            } else {
                place = &account->next;
            }
        }
    }
    ledger->sweep_at = ledger->count * 2 > SWEEP_FIRST ? ledger->count * 2 : SWEEP_FIRST;
}

static struct account **chain_of(const struct ledger *ledger, const char *mailbox)
{
    uint64_t hash = hash_bytes(0, mailbox, strlen(mailbox));
    return &ledger->chains[hash & (ledger->chain_count - 1)];
}

static struct account *account_find(const struct ledger *ledger, const char *mailbox)
{
    struct account *account = *chain_of(ledger, mailbox);
    while (account != NULL && strcmp(account->mailbox, mailbox) != 0) {
        account = account->next;
    }
    return account;
}

/* NULL: there are too many that cannot be forgotten. */
static struct account *account_get(struct ledger *ledger, const char *mailbox,
                                   int64_t now_ms)
{
    struct account *account = account_find(ledger, mailbox);
    if (account != NULL) {
        advance(ledger, account, now_ms);
        return account;
    }
    if (ledger->count >= ledger->sweep_at) {
        sweep(ledger, now_ms);
    }
    if (ledger->count >= (size_t)ledger->settings.mailboxes) {
        return NULL;
    }
    struct account **chain = chain_of(ledger, mailbox);
    account = allocate(1, sizeof *account);
    account->mailbox = strdup(mailbox);
    if (account->mailbox == NULL) {
        abort();
    }
    account->period = period_of(ledger, now_ms);
    account->next = *chain;
    *chain = account;
    ledger->count++;
    return account;
}

static enum ledger_outcome admit(struct account *account, struct ledger_claim *claim,
                                 enum ledger_source source)
{
    account->held += claim->bytes;
    account->admitted += claim->bytes;
    *claim->hold += claim->bytes;
    claim->source = source;
    return LEDGER_FITS;
}

static enum ledger_outcome take(struct account *account, struct ledger_claim *claim,
                                int64_t now_ms)
{
    claim->under_way_bytes = under_way(account) - claim->own_bytes;
    if (now_ms < account->refused_until_ms &&
        claim->own_bytes + claim->bytes >= account->refused_bytes) {
        claim->source = LEDGER_REFUSAL;
        snprintf(claim->text, sizeof claim->text, "%s", account->refusal);
        return LEDGER_OVER;
    }
    if (now_ms < account->lease_until_ms &&
        claim->bytes <= account->lease_end - account->admitted) {
        return admit(account, claim, LEDGER_LEASE);
    }
    return LEDGER_ASK;
}

enum ledger_outcome ledger_take(struct ledger *ledger, struct ledger_claim *claim,
                                int64_t now_ms)
{
    pthread_mutex_lock(&ledger->lock);
    struct account *account = account_find(ledger, claim->mailbox);
    enum ledger_outcome outcome = LEDGER_ASK;
    if (account != NULL) {
        advance(ledger, account, now_ms);
        outcome = take(account, claim, now_ms);
    }
    pthread_mutex_unlock(&ledger->lock);
    return outcome;
}

static int64_t limit_of(const struct ledger *ledger, const struct ledger_claim *claim)
{
    return claim->limit_bytes != 0 ? claim->limit_bytes : ledger->settings.limit_bytes;
}

/* Where the limit is not known, a mailbox must be far from it. */
static int64_t grace_of(const struct ledger *ledger, const struct ledger_claim *claim)
{
    int64_t limit = limit_of(ledger, claim);
    if (limit == 0) {
        return GRACE_UNKNOWN;
    }
    return limit > 0 ? limit / 100 * ledger->settings.grace_percent : 0;
}

static int64_t smaller(int64_t left, int64_t right)
{
    return left < right ? left : right;
}

static int64_t larger(int64_t left, int64_t right)
{
    return left > right ? left : right;
}

static int64_t largest_question(const struct ledger *ledger)
{
    return ledger->settings.question_bytes > 0 ? ledger->settings.question_bytes
                                               : INT64_MAX;
}

static int64_t needed_of(const struct ledger *ledger, const struct account *account,
                         const struct ledger_claim *claim)
{
    return under_way(account) + claim->bytes + grace_of(ledger, claim);
}

/* A small mailbox lends little, so that it is not tight all the time. */
static int64_t wanted_lease(const struct ledger *ledger, const struct ledger_claim *claim)
{
    int64_t limit = limit_of(ledger, claim);
    int64_t wanted = ledger->settings.lease_bytes;
    return limit > 0 ? smaller(wanted, limit / LEASE_PART) : wanted;
}

/* The lease comes out of the question: what Dovecot grants beyond all that is on its way
 * and the grace. Where it takes no question that large, nobody can tell whether the grace
 * is needed, and half of the largest is lent. */
static void ask_for_lease(const struct ledger *ledger, const struct account *account,
                          struct ledger_claim *claim)
{
    int64_t most = largest_question(ledger);
    int64_t wanted = wanted_lease(ledger, claim);
    int64_t needed = needed_of(ledger, account, claim);
    int64_t asked = needed < most ? smaller(wanted, most - needed) + needed : most;
    claim->step = STEP_LEASE;
    claim->lease_bytes = needed < most ? asked - needed : smaller(wanted, most / 2);
    claim->question_bytes = larger(asked, claim->own_bytes + claim->bytes);
}

static void ask_safely(const struct ledger *ledger, const struct account *account,
                       struct ledger_claim *claim)
{
    int64_t needed = needed_of(ledger, account, claim);
    claim->step = STEP_SAFE;
    claim->lease_bytes = 0;
    claim->question_bytes =
        larger(smaller(needed, largest_question(ledger)), claim->own_bytes + claim->bytes);
}

static void ask_alone(struct ledger_claim *claim)
{
    claim->step = STEP_ALONE;
    claim->lease_bytes = 0;
    claim->question_bytes = claim->own_bytes + claim->bytes;
}

static bool is_alone(const struct account *account, const struct ledger_claim *claim)
{
    return under_way(account) <= claim->own_bytes;
}

/* Above its limit with what is on its way alone: no question is large enough to show it. */
static bool is_hopeless(const struct ledger *ledger, const struct account *account,
                        const struct ledger_claim *claim)
{
    int64_t limit = limit_of(ledger, claim);
    return limit > 0 && under_way(account) + claim->bytes > limit;
}

/* Without a lease. */
static void ask_plainly(const struct ledger *ledger, const struct account *account,
                        struct ledger_claim *claim)
{
    if (is_alone(account, claim) || is_hopeless(ledger, account, claim)) {
        ask_alone(claim);
    } else {
        ask_safely(ledger, account, claim);
    }
}

enum ledger_outcome ledger_ask(struct ledger *ledger, struct ledger_claim *claim,
                               int64_t now_ms)
{
    pthread_mutex_lock(&ledger->lock);
    enum ledger_outcome outcome = LEDGER_ASK;
    struct account *account = account_get(ledger, claim->mailbox, now_ms);
    if (account == NULL) {
        ask_alone(claim);
    } else {
        outcome = take(account, claim, now_ms);
    }
    if (account != NULL && outcome == LEDGER_ASK) {
        account->lease_until_ms = 0; /* nothing is spent of it while Dovecot is asked */
        if (ledger->settings.lease_bytes > 0 && now_ms >= account->tight_until_ms &&
            !is_hopeless(ledger, account, claim)) {
            ask_for_lease(ledger, account, claim);
        } else {
            ask_plainly(ledger, account, claim);
        }
    }
    pthread_mutex_unlock(&ledger->lock);
    return outcome;
}

static enum ledger_outcome granted(const struct ledger *ledger, struct account *account,
                                   struct ledger_claim *claim, int64_t now_ms)
{
    if (claim->step == STEP_ALONE && !is_alone(account, claim)) {
        snprintf(claim->text, sizeof claim->text,
                 "%lld bytes are on their way to the mailbox and may fill it",
                 (long long)claim->under_way_bytes);
        claim->source = LEDGER_ASKED;
        return LEDGER_BUSY;
    }
    enum ledger_outcome outcome = admit(account, claim, LEDGER_ASKED);
    if (claim->step == STEP_LEASE) {
        account->lease_end = account->admitted + claim->lease_bytes;
        account->lease_until_ms = now_ms + ledger->settings.lease_ms;
    }
    return outcome;
}

static enum ledger_outcome refused(const struct ledger *ledger, struct account *account,
                                   struct ledger_claim *claim, const char *text,
                                   int64_t now_ms)
{
    if (claim->step == STEP_LEASE) {
        int64_t asked = claim->question_bytes;
        account->tight_until_ms = now_ms + ledger->settings.lease_ms;
        ask_plainly(ledger, account, claim);
        if (claim->step == STEP_SAFE && claim->question_bytes >= asked) {
            ask_alone(claim); /* it has been asked */
        }
        return LEDGER_ASK;
    }
    if (claim->step == STEP_SAFE) {
        ask_alone(claim);
        return LEDGER_ASK;
    }
    free(account->refusal);
    account->refusal = strdup(text);
    if (account->refusal == NULL) {
        abort();
    }
    account->refused_bytes = claim->question_bytes;
    account->refused_until_ms = now_ms + ledger->settings.refusal_ms;
    claim->source = LEDGER_ASKED;
    snprintf(claim->text, sizeof claim->text, "%s", text);
    return LEDGER_OVER;
}

/* Nothing is kept of it, since there is no place. */
static enum ledger_outcome answer_untracked(struct ledger_claim *claim, bool fits,
                                            const char *text)
{
    claim->source = LEDGER_ASKED;
    snprintf(claim->text, sizeof claim->text, "%s", text);
    return fits ? LEDGER_FITS : LEDGER_OVER;
}

enum ledger_outcome ledger_answer(struct ledger *ledger, struct ledger_claim *claim,
                                  bool fits, const char *text, int64_t now_ms)
{
    pthread_mutex_lock(&ledger->lock);
    struct account *account = account_get(ledger, claim->mailbox, now_ms);
    enum ledger_outcome outcome;
    if (account == NULL) {
        outcome = answer_untracked(claim, fits, text);
    } else if (fits) {
        outcome = granted(ledger, account, claim, now_ms);
    } else {
        outcome = refused(ledger, account, claim, text, now_ms);
    }
    pthread_mutex_unlock(&ledger->lock);
    return outcome;
}

void ledger_settle(struct ledger *ledger, const char *mailbox, int64_t bytes,
                   int64_t now_ms)
{
    pthread_mutex_lock(&ledger->lock);
    struct account *account = account_find(ledger, mailbox);
    if (account != NULL) {
        advance(ledger, account, now_ms);
        account->held -= bytes;
        if (ledger->settings.settle_ms > 0) {
            account->accepted[account->period % PERIODS] += bytes;
        }
    }
    pthread_mutex_unlock(&ledger->lock);
}

void ledger_release(struct ledger *ledger, const char *mailbox, int64_t bytes)
{
    pthread_mutex_lock(&ledger->lock);
    struct account *account = account_find(ledger, mailbox);
    if (account != NULL) {
        account->held -= bytes;
        account->admitted -= bytes;
    }
    pthread_mutex_unlock(&ledger->lock);
}

const char *ledger_source_name(enum ledger_source source)
{
    switch (source) {
    case LEDGER_ASKED:
        return "asked";
    case LEDGER_LEASE:
        return "lease";
    case LEDGER_REFUSAL:
        return "refusal";
    }
    return "invalid";
}

const char *ledger_outcome_name(enum ledger_outcome outcome)
{
    switch (outcome) {
    case LEDGER_FITS:
        return "fits";
    case LEDGER_OVER:
        return "over";
    case LEDGER_BUSY:
        return "busy";
    case LEDGER_ASK:
        return "ask";
    }
    return "invalid";
}
