/* SPDX-License-Identifier: MIT */
#include "quota/ledger_question.h"

/* Of a known limit, so much is lent at most. */
enum { LEASE_PART = 8 };

/* Ten percent of 640 MiB. */
enum { GRACE_UNKNOWN = 64 << 20 };

static int64_t smaller(int64_t left, int64_t right)
{
    return left < right ? left : right;
}

static int64_t larger(int64_t left, int64_t right)
{
    return left > right ? left : right;
}

static int64_t limit_of(const struct ledger_settings *settings,
                        const struct ledger_claim *claim)
{
    return claim->limit_bytes != 0 ? claim->limit_bytes : settings->limit_bytes;
}

/* Where the limit is not known, a mailbox must be far from it. */
static int64_t grace_of(const struct ledger_settings *settings,
                        const struct ledger_claim *claim)
{
    int64_t limit = limit_of(settings, claim);
    if (limit == 0) {
        return GRACE_UNKNOWN;
    }
    return limit > 0 ? limit / 100 * settings->grace_percent : 0;
}

static int64_t largest_question(const struct ledger_settings *settings)
{
    return settings->question_bytes > 0 ? settings->question_bytes : INT64_MAX;
}

static int64_t needed_of(const struct ledger_settings *settings, int64_t under_way,
                         const struct ledger_claim *claim)
{
    return under_way + claim->bytes + grace_of(settings, claim);
}

/* A small mailbox lends little, so that it is not tight all the time. */
static int64_t wanted_lease(const struct ledger_settings *settings,
                            const struct ledger_claim *claim)
{
    int64_t limit = limit_of(settings, claim);
    int64_t wanted = settings->lease_bytes;
    return limit > 0 ? smaller(wanted, limit / LEASE_PART) : wanted;
}

/* Whether questions show that all that is on its way stays below the limit, if it
 * has one. */
static bool can_be_shown(const struct ledger_settings *settings,
                         const struct ledger_claim *claim)
{
    return limit_of(settings, claim) >= 0 &&
           grace_of(settings, claim) <= largest_question(settings) / 2;
}

bool question_is_alone(int64_t under_way, const struct ledger_claim *claim)
{
    return under_way <= claim->own_bytes;
}

bool question_is_one_delivery(int64_t under_way, const struct ledger_claim *claim)
{
    return question_is_alone(under_way, claim) &&
           (claim->copy_bytes == 0 || claim->own_bytes + claim->bytes <= claim->copy_bytes);
}

/* What is on its way passes the limit by itself. */
static bool is_hopeless(const struct ledger_settings *settings, int64_t under_way,
                        const struct ledger_claim *claim)
{
    int64_t limit = limit_of(settings, claim);
    return limit > 0 && under_way + claim->bytes > limit;
}

/* No more than Dovecot answers, unless one delivery is more than that. */
static void set_question(const struct ledger_settings *settings, struct ledger_claim *claim,
                         enum ledger_step step, int64_t bytes)
{
    int64_t copy = claim->copy_bytes > 0 ? claim->copy_bytes : claim->bytes;
    claim->step = step;
    claim->question_bytes = smaller(bytes, larger(copy, largest_question(settings)));
    claim->lease_bytes = 0;
}

void question_alone(const struct ledger_settings *settings, struct ledger_claim *claim)
{
    set_question(settings, claim, STEP_ALONE, claim->own_bytes + claim->bytes);
}

/* Without a lease. Where no question is large enough to show that all of it stays below the
 * limit, it is too much. */
void question_plainly(const struct ledger_settings *settings, int64_t under_way,
                      struct ledger_claim *claim)
{
    int64_t needed = needed_of(settings, under_way, claim);
    bool is_hidden = can_be_shown(settings, claim) && needed > largest_question(settings);
    if (question_is_one_delivery(under_way, claim) ||
        is_hopeless(settings, under_way, claim) || is_hidden) {
        question_alone(settings, claim);
    } else {
        set_question(settings, claim, STEP_SAFE, needed);
    }
}

/* The lease comes out of the question: what Dovecot grants beyond all that is on its way
 * and the grace. Where that cannot be shown, half of the largest question is lent. */
void question_with_lease(const struct ledger_settings *settings, int64_t under_way,
                         struct ledger_claim *claim)
{
    int64_t most = largest_question(settings);
    int64_t wanted = wanted_lease(settings, claim);
    int64_t needed = needed_of(settings, under_way, claim);
    if (wanted == 0 || is_hopeless(settings, under_way, claim) ||
        (needed >= most && can_be_shown(settings, claim))) {
        question_plainly(settings, under_way, claim);
        return;
    }
    int64_t lease =
        needed < most ? smaller(wanted, most - needed) : smaller(wanted, most / 2);
    set_question(settings, claim, STEP_LEASE, smaller(needed + lease, most));
    claim->lease_bytes = lease;
}
