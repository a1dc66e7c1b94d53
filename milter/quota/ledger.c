/* SPDX-License-Identifier: MIT */
#include "quota/ledger.h"

#include "base/hash.h"
#include "quota/ledger_question.h"
#include "quota/periods.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Mailboxes that can be forgotten are looked for when there are so many more than after the
 * last time. */
enum { SWEEP_FIRST = 1024, SWEEP_PAUSE_MS = 1000 };

struct account {
    struct account *next;
    char *mailbox;
    struct periods held;     /* by open messages */
    struct periods accepted; /* not counted by Dovecot yet */
    int64_t admitted;        /* all that was ever held and not released */
    int64_t lease_end;       /* what `admitted` may reach */
    int64_t lease_until_ms;
    int64_t tight_until_ms;
    int64_t refused_bytes; /* Dovecot has no room for so much */
    int64_t refused_until_ms;
    char *refusal;      /* its words, or NULL */
    int64_t busy_bytes; /* no room for so much beside what was on its way then */
    int64_t busy_under_way;
    int64_t busy_until_ms;
};

struct ledger {
    struct ledger_settings settings;
    pthread_mutex_t lock; /* protects all below; a leaf, held for lines */
    struct account **chains;
    size_t chain_count; /* a power of two */
    size_t count;
    size_t sweep_at;
    int64_t sweep_ms; /* not before */
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
    ledger->sweep_at = settings->mailboxes < SWEEP_FIRST ? (size_t)settings->mailboxes
                                                         : (size_t)SWEEP_FIRST;
    ledger->sweep_ms = INT64_MIN;
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

static void advance(const struct ledger *ledger, struct account *account, int64_t now_ms)
{
    periods_advance(&account->held, ledger->settings.hold_ms, now_ms);
    periods_advance(&account->accepted, ledger->settings.settle_ms, now_ms);
}

static int64_t under_way(const struct account *account)
{
    return periods_sum(&account->held) + periods_sum(&account->accepted);
}

static bool is_idle(const struct ledger *ledger, struct account *account, int64_t now_ms)
{
    advance(ledger, account, now_ms);
    return under_way(account) == 0 && now_ms >= account->lease_until_ms &&
           now_ms >= account->tight_until_ms && now_ms >= account->refused_until_ms &&
           now_ms >= account->busy_until_ms;
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
    size_t most = (size_t)ledger->settings.mailboxes;
    size_t next = ledger->count * 2 > SWEEP_FIRST ? ledger->count * 2 : SWEEP_FIRST;
    ledger->sweep_at = next < most ? next : most;
    ledger->sweep_ms = now_ms + SWEEP_PAUSE_MS;
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
    if (ledger->count >= ledger->sweep_at && now_ms >= ledger->sweep_ms) {
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
    advance(ledger, account, now_ms);
    account->next = *chain;
    *chain = account;
    ledger->count++;
    return account;
}

static enum ledger_outcome admit(const struct ledger *ledger, struct account *account,
                                 struct ledger_claim *claim, enum ledger_source source,
                                 int64_t now_ms)
{
    periods_add(&account->held, ledger->settings.hold_ms, claim->bytes);
    account->admitted += claim->bytes;
    *claim->hold = (struct ledger_hold){claim->bytes, now_ms};
    claim->source = source;
    return LEDGER_FITS;
}

static enum ledger_outcome tell_busy(struct ledger_claim *claim, enum ledger_source source)
{
    snprintf(claim->text, sizeof claim->text,
             "%" PRId64 " bytes are on their way to the mailbox and may fill it",
             claim->under_way_bytes);
    claim->source = source;
    return LEDGER_BUSY;
}

static enum ledger_outcome take(const struct ledger *ledger, struct account *account,
                                struct ledger_claim *claim, int64_t now_ms)
{
    int64_t others = under_way(account) - claim->own_bytes;
    claim->under_way_bytes = others > 0 ? others : 0;
    if (now_ms < account->refused_until_ms &&
        claim->own_bytes + claim->bytes >= account->refused_bytes) {
        claim->source = LEDGER_REFUSAL;
        snprintf(claim->text, sizeof claim->text, "%s", account->refusal);
        return LEDGER_OVER;
    }
    if (now_ms < account->lease_until_ms &&
        claim->bytes <= account->lease_end - account->admitted) {
        return admit(ledger, account, claim, LEDGER_LEASE, now_ms);
    }
    if (now_ms < account->busy_until_ms && claim->bytes >= account->busy_bytes &&
        claim->under_way_bytes >= account->busy_under_way) {
        return tell_busy(claim, LEDGER_REFUSAL);
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
        outcome = take(ledger, account, claim, now_ms);
    }
    pthread_mutex_unlock(&ledger->lock);
    return outcome;
}

enum ledger_outcome ledger_ask(struct ledger *ledger, struct ledger_claim *claim,
                               int64_t now_ms)
{
    pthread_mutex_lock(&ledger->lock);
    enum ledger_outcome outcome = LEDGER_ASK;
    struct account *account = account_get(ledger, claim->mailbox, now_ms);
    if (account == NULL) {
        question_alone(&ledger->settings, claim);
    } else {
        outcome = take(ledger, account, claim, now_ms);
    }
    if (account != NULL && outcome == LEDGER_ASK) {
        account->lease_until_ms = 0; /* nothing is spent of it while Dovecot is asked */
        if (now_ms >= account->tight_until_ms) {
            question_with_lease(&ledger->settings, under_way(account), claim);
        } else {
            question_plainly(&ledger->settings, under_way(account), claim);
        }
    }
    pthread_mutex_unlock(&ledger->lock);
    return outcome;
}

static enum ledger_outcome refuse(const struct ledger *ledger, struct account *account,
                                  struct ledger_claim *claim, const char *text,
                                  int64_t now_ms)
{
    free(account->refusal);
    account->refusal = strdup(text);
    if (account->refusal == NULL) {
        abort();
    }
    account->refused_bytes = claim->own_bytes + claim->bytes;
    account->refused_until_ms = now_ms + ledger->settings.refusal_ms;
    claim->source = LEDGER_ASKED;
    snprintf(claim->text, sizeof claim->text, "%s", text);
    return LEDGER_OVER;
}

/* It fits alone, but was not alone. With deliveries of its own message, it is one too many;
 * with others', that may change. */
static enum ledger_outcome crowd(const struct ledger *ledger, struct account *account,
                                 struct ledger_claim *claim, int64_t now_ms)
{
    if (question_is_alone(under_way(account), claim)) {
        return refuse(ledger, account, claim,
                      "no room for so many deliveries of one message", now_ms);
    }
    account->busy_bytes = claim->bytes;
    account->busy_under_way = under_way(account) - claim->own_bytes;
    account->busy_until_ms = now_ms + ledger->settings.refusal_ms;
    return tell_busy(claim, LEDGER_ASKED);
}

static enum ledger_outcome granted(const struct ledger *ledger, struct account *account,
                                   struct ledger_claim *claim, int64_t now_ms)
{
    if (claim->step == STEP_ALONE && !question_is_one_delivery(under_way(account), claim)) {
        return crowd(ledger, account, claim, now_ms);
    }
    enum ledger_outcome outcome = admit(ledger, account, claim, LEDGER_ASKED, now_ms);
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
    int64_t asked = claim->question_bytes;
    switch ((enum ledger_step)claim->step) {
    case STEP_LEASE:
        account->tight_until_ms = now_ms + ledger->settings.lease_ms;
        question_plainly(&ledger->settings, under_way(account), claim);
        if (claim->step == STEP_SAFE && claim->question_bytes >= asked) {
            question_alone(&ledger->settings, claim); /* it has been asked */
        }
        return LEDGER_ASK;
    case STEP_SAFE:
        question_alone(&ledger->settings, claim);
        return LEDGER_ASK;
    case STEP_ALONE:
        break;
    }
    return refuse(ledger, account, claim, text, now_ms);
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

void ledger_settle(struct ledger *ledger, const char *mailbox,
                   const struct ledger_hold *hold, int64_t bytes, int64_t now_ms)
{
    pthread_mutex_lock(&ledger->lock);
    struct account *account = account_find(ledger, mailbox);
    if (account != NULL) {
        advance(ledger, account, now_ms);
        periods_remove(&account->held, ledger->settings.hold_ms, hold->bytes,
                       hold->since_ms);
        periods_add(&account->accepted, ledger->settings.settle_ms,
                    bytes < hold->bytes ? bytes : hold->bytes);
    }
    pthread_mutex_unlock(&ledger->lock);
}

void ledger_release(struct ledger *ledger, const char *mailbox,
                    const struct ledger_hold *hold)
{
    pthread_mutex_lock(&ledger->lock);
    struct account *account = account_find(ledger, mailbox);
    if (account != NULL) {
        periods_remove(&account->held, ledger->settings.hold_ms, hold->bytes,
                       hold->since_ms);
        account->admitted -= hold->bytes;
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
        return "refusal remembered";
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
