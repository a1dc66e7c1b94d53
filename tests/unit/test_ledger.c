/* SPDX-License-Identifier: MIT */
#include "quota/ledger.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum {
    LEASE_MS = 1000,
    HOLD_MS = 60000,
    REFUSAL_MS = 200,
    SETTLE_MS = 800,
    LIMIT = 10000,
    GRACE = 1000
};

#define FULL "552 5.2.2 Mailbox is full"

static const struct ledger_settings usual = {
    .mailboxes = 64,
    .lease_bytes = 100,
    .lease_ms = LEASE_MS,
    .refusal_ms = REFUSAL_MS,
    .hold_ms = HOLD_MS,
    .settle_ms = SETTLE_MS,
    .grace_percent = 10,
};

/* Dovecot's side: one mailbox. */
struct mailbox {
    int64_t usage, limit, grace;
    int64_t largest; /* quota_max_mail_size; 0: none */
    int question_count;
    int64_t asked; /* the last question */
};

static bool has_room(const struct mailbox *mailbox, int64_t bytes)
{
    return mailbox->limit < 0 ||
           (mailbox->usage < mailbox->limit &&
            mailbox->usage + bytes <= mailbox->limit + mailbox->grace);
}

static bool answer(struct mailbox *mailbox, int64_t bytes)
{
    mailbox->question_count++;
    mailbox->asked = bytes;
    return (mailbox->largest == 0 || bytes <= mailbox->largest) && has_room(mailbox, bytes);
}

static enum ledger_outcome judge(struct ledger *ledger, struct mailbox *mailbox,
                                 struct ledger_claim *claim, int64_t now_ms)
{
    enum ledger_outcome outcome = ledger_take(ledger, claim, now_ms);
    if (outcome == LEDGER_ASK) {
        outcome = ledger_ask(ledger, claim, now_ms);
    }
    for (int i = 0; outcome == LEDGER_ASK; i++) {
        assert_true(i < 3);
        bool fits = answer(mailbox, claim->question_bytes);
        outcome = ledger_answer(ledger, claim, fits, fits ? "" : FULL, now_ms);
    }
    return outcome;
}

/* A message of so many bytes for a@x, whose hold goes to *hold. */
static enum ledger_outcome come(struct ledger *ledger, struct mailbox *mailbox,
                                int64_t bytes, struct ledger_hold *hold, int64_t now_ms)
{
    struct ledger_claim claim = {
        .mailbox = "a@x", .bytes = bytes, .hold = hold, .limit_bytes = mailbox->limit};
    return judge(ledger, mailbox, &claim, now_ms);
}

static void lends_what_dovecot_granted(void **unused)
{
    (void)unused;
    struct ledger *ledger = ledger_new(&usual);
    struct mailbox mailbox = {.limit = LIMIT, .grace = GRACE};
    struct ledger_hold hold = {0};
    assert_int_equal(come(ledger, &mailbox, 50, &hold, 0), LEDGER_FITS);
    assert_int_equal(hold.bytes, 50);
    assert_int_equal(mailbox.asked, 50 + GRACE + 100); /* message, grace, lease */
    for (int i = 0; i < 10; i++) {
        assert_int_equal(come(ledger, &mailbox, 10, &hold, LEASE_MS - 1), LEDGER_FITS);
    }
    assert_int_equal(hold.bytes, 10);
    assert_int_equal(mailbox.question_count, 1);
    /* The lease is spent: what is on its way is asked about again. */
    assert_int_equal(come(ledger, &mailbox, 10, &hold, LEASE_MS - 1), LEDGER_FITS);
    assert_int_equal(mailbox.question_count, 2);
    assert_int_equal(mailbox.asked, 150 + 10 + GRACE + 100);
    /* Its time is over. */
    assert_int_equal(come(ledger, &mailbox, 10, &hold, 3 * LEASE_MS), LEDGER_FITS);
    assert_int_equal(mailbox.question_count, 3);
    ledger_free(&ledger);
    assert_null(ledger);
    ledger_free(&ledger);
}

static void holds_until_dovecot_has_counted(void **unused)
{
    (void)unused;
    struct ledger_settings settings = usual;
    settings.lease_bytes = 0;
    struct ledger *ledger = ledger_new(&settings);
    struct mailbox mailbox = {.limit = LIMIT, .grace = GRACE};
    struct ledger_hold hold = {0};
    struct ledger_hold other = {0};
    come(ledger, &mailbox, 100, &hold, 0);
    assert_int_equal(mailbox.asked, 100); /* alone, exactly */
    come(ledger, &mailbox, 10, &other, HOLD_MS);
    assert_int_equal(mailbox.asked, 100 + 10 + GRACE); /* open for a long time */
    ledger_release(ledger, "a@x", &other);
    ledger_settle(ledger, "a@x", &hold, 90, HOLD_MS); /* it was smaller than declared */
    come(ledger, &mailbox, 10, &other, HOLD_MS + SETTLE_MS);
    assert_int_equal(mailbox.asked, 90 + 10 + GRACE);
    ledger_release(ledger, "a@x", &other);
    come(ledger, &mailbox, 10, &other, HOLD_MS + SETTLE_MS * 5 / 4);
    assert_int_equal(mailbox.asked, 10);
    ledger_free(&ledger);
}

/* Who only opens transactions does not keep a mailbox busy for ever; what is released when
 * it counts no more is not taken off twice. */
static void forgets_what_stays_open(void **unused)
{
    (void)unused;
    struct ledger_settings settings = usual;
    settings.lease_bytes = 0;
    struct ledger *ledger = ledger_new(&settings);
    struct mailbox mailbox = {.limit = LIMIT, .grace = GRACE};
    struct ledger_hold hold = {0};
    struct ledger_hold other = {0};
    come(ledger, &mailbox, 100, &hold, 0);
    come(ledger, &mailbox, 10, &other, HOLD_MS * 5 / 4);
    assert_int_equal(mailbox.asked, 10);
    ledger_release(ledger, "a@x", &hold);
    come(ledger, &mailbox, 1, &hold, HOLD_MS * 5 / 4);
    assert_int_equal(mailbox.asked, 10 + 1 + GRACE);
    ledger_free(&ledger);
}

static void gives_a_released_lease_back(void **unused)
{
    (void)unused;
    struct ledger *ledger = ledger_new(&usual);
    struct mailbox mailbox = {.limit = LIMIT, .grace = GRACE};
    struct ledger_hold hold = {0};
    come(ledger, &mailbox, 1, &hold, 0);
    for (int i = 0; i < 100; i++) {
        assert_int_equal(come(ledger, &mailbox, 100, &hold, 1), LEDGER_FITS);
        ledger_release(ledger, "a@x", &hold);
    }
    assert_int_equal(mailbox.question_count, 1);
    ledger_free(&ledger);
}

static void tells_busy_from_full(void **unused)
{
    (void)unused;
    struct ledger *ledger = ledger_new(&usual);
    struct mailbox mailbox = {.usage = LIMIT - 100, .limit = LIMIT, .grace = GRACE};
    struct ledger_hold hold = {0};
    struct ledger_hold first = {0};
    assert_int_equal(come(ledger, &mailbox, 80, &first, 0), LEDGER_FITS);
    struct ledger_claim claim = {
        .mailbox = "a@x", .bytes = 80, .hold = &hold, .limit_bytes = LIMIT};
    assert_int_equal(judge(ledger, &mailbox, &claim, 1), LEDGER_BUSY);
    assert_non_null(strstr(claim.text, "80 bytes"));
    assert_int_equal(claim.under_way_bytes, 80);
    assert_int_equal(hold.bytes, 0);
    int count = mailbox.question_count;
    assert_int_equal(judge(ledger, &mailbox, &claim, 2), LEDGER_BUSY); /* remembered */
    assert_int_equal(mailbox.question_count, count);
    /* Beside it, what stays below the limit with it is fine. */
    assert_int_equal(come(ledger, &mailbox, 20, &hold, 1), LEDGER_FITS);
    assert_int_equal(come(ledger, &mailbox, 1, &hold, 1), LEDGER_BUSY);
    /* Both arrive. One above the limit is Dovecot's grace, the next is none. */
    ledger_settle(ledger, "a@x", &first, 80, 1);
    ledger_settle(ledger, "a@x", &hold, 20, 1);
    mailbox.usage += 99;
    assert_int_equal(come(ledger, &mailbox, 500, &hold, 5000), LEDGER_FITS);
    mailbox.usage += 500;
    ledger_settle(ledger, "a@x", &hold, 500, 5000);
    assert_int_equal(come(ledger, &mailbox, 1, &hold, 5001), LEDGER_OVER);
    ledger_free(&ledger);
}

static void remembers_refusals(void **unused)
{
    (void)unused;
    struct ledger *ledger = ledger_new(&usual);
    struct mailbox mailbox = {.usage = LIMIT - 100, .limit = LIMIT, .grace = GRACE};
    struct ledger_hold hold = {0};
    struct ledger_claim claim = {
        .mailbox = "a@x", .bytes = 2000, .hold = &hold, .limit_bytes = LIMIT};
    assert_int_equal(judge(ledger, &mailbox, &claim, 0), LEDGER_OVER);
    assert_string_equal(claim.text, FULL);
    assert_int_equal(claim.source, LEDGER_ASKED);
    int count = mailbox.question_count;
    assert_int_equal(judge(ledger, &mailbox, &claim, REFUSAL_MS - 1), LEDGER_OVER);
    assert_string_equal(claim.text, FULL);
    assert_int_equal(claim.source, LEDGER_REFUSAL);
    assert_int_equal(mailbox.question_count, count);
    assert_int_equal(come(ledger, &mailbox, 1000, &hold, 1), LEDGER_FITS); /* smaller */
    ledger_release(ledger, "a@x", &hold);
    mailbox.usage = 0;
    assert_int_equal(judge(ledger, &mailbox, &claim, REFUSAL_MS), LEDGER_FITS);
    ledger_free(&ledger);
}

/* More of the same message is judged as the whole of it. */
static void counts_its_own_once(void **unused)
{
    (void)unused;
    struct ledger_settings settings = usual;
    settings.lease_bytes = 0;
    struct ledger *ledger = ledger_new(&settings);
    struct mailbox mailbox = {.limit = LIMIT, .grace = GRACE};
    struct ledger_hold hold = {0};
    come(ledger, &mailbox, 1, &hold, 0);
    struct ledger_claim more = {.mailbox = "a@x",
                                .bytes = 299,
                                .copy_bytes = 300,
                                .own_bytes = 1,
                                .hold = &hold,
                                .limit_bytes = LIMIT};
    assert_int_equal(judge(ledger, &mailbox, &more, 0), LEDGER_FITS);
    assert_int_equal(mailbox.asked, 300);
    assert_int_equal(hold.bytes, 299);
    ledger_free(&ledger);
}

/* Each alone would be within the grace, but it is there once. */
static void judges_two_deliveries_as_two(void **unused)
{
    (void)unused;
    struct ledger *ledger = ledger_new(&usual);
    struct mailbox mailbox = {.usage = LIMIT - 100, .limit = LIMIT, .grace = GRACE};
    struct ledger_hold hold = {0};
    struct ledger_hold second = {0};
    assert_int_equal(come(ledger, &mailbox, 200, &hold, 0), LEDGER_FITS);
    struct ledger_claim claim = {.mailbox = "a@x",
                                 .bytes = 200,
                                 .copy_bytes = 200,
                                 .own_bytes = 200,
                                 .hold = &second,
                                 .limit_bytes = LIMIT};
    assert_int_equal(judge(ledger, &mailbox, &claim, 0), LEDGER_OVER);
    assert_int_equal(second.bytes, 0);
    ledger_free(&ledger);
}

/* quota_max_mail_size: a refusal of more says nothing, so it is never asked, not for the
 * sum of two deliveries either. */
static void asks_no_more_than_dovecot_answers(void **unused)
{
    (void)unused;
    struct ledger_settings settings = usual;
    settings.lease_bytes = 1000000;
    settings.question_bytes = 5000;
    struct ledger *ledger = ledger_new(&settings);
    struct mailbox mailbox = {.limit = 100 * LIMIT, .grace = 10 * LIMIT, .largest = 5000};
    struct ledger_hold holds[100] = {0};
    for (int i = 0; i < 100; i++) {
        assert_int_equal(come(ledger, &mailbox, 500, &holds[i], i), LEDGER_FITS);
        assert_true(mailbox.asked <= 5000);
        ledger_settle(ledger, "a@x", &holds[i], 500, i);
    }
    assert_true(mailbox.question_count < 100 / 2);
    struct ledger_claim twice = {.mailbox = "a@x",
                                 .bytes = 4000,
                                 .copy_bytes = 4000,
                                 .own_bytes = 4000,
                                 .hold = &holds[0],
                                 .limit_bytes = mailbox.limit};
    assert_int_equal(judge(ledger, &mailbox, &twice, 200), LEDGER_FITS);
    ledger_free(&ledger);
}

/* However much is on its way: there is no limit that it could pass. */
static void is_never_busy_without_a_limit(void **unused)
{
    (void)unused;
    struct ledger_settings settings = usual;
    settings.question_bytes = 5000;
    struct ledger *ledger = ledger_new(&settings);
    struct mailbox mailbox = {.limit = -1, .largest = 5000};
    for (int i = 0; i < 100; i++) {
        struct ledger_hold hold = {0};
        assert_int_equal(come(ledger, &mailbox, 900, &hold, 0), LEDGER_FITS);
    }
    ledger_free(&ledger);
}

/* More mailboxes at once than there is room for: later there is room again. */
static void recovers_from_a_flood_of_mailboxes(void **unused)
{
    (void)unused;
    struct ledger *ledger = ledger_new(&usual);
    struct mailbox mailbox = {.limit = LIMIT, .grace = GRACE};
    char name[32];
    for (int i = 0; i < 200; i++) {
        struct ledger_hold hold = {0};
        snprintf(name, sizeof name, "u%d@x", i);
        struct ledger_claim claim = {
            .mailbox = name, .bytes = 1, .hold = &hold, .limit_bytes = LIMIT};
        assert_int_equal(judge(ledger, &mailbox, &claim, 0), LEDGER_FITS);
        assert_int_equal(hold.bytes, i < usual.mailboxes);
    }
    struct ledger_hold hold = {0};
    come(ledger, &mailbox, 1, &hold, 2 * HOLD_MS);
    assert_int_equal(hold.bytes, 1);
    ledger_free(&ledger);
}

/* However many mailboxes come, no more are kept than there is room for, and what is spoken
 * for stays so. */
static void is_bounded(void **unused)
{
    (void)unused;
    struct ledger *ledger = ledger_new(&usual);
    struct mailbox mailbox = {.limit = LIMIT, .grace = GRACE};
    struct ledger_hold hold = {0};
    char name[32];
    come(ledger, &mailbox, 100, &hold, 0);
    for (int i = 0; i < 10000; i++) {
        snprintf(name, sizeof name, "u%d@x", i);
        struct ledger_hold more = {0};
        struct ledger_claim claim = {
            .mailbox = name, .bytes = 7, .hold = &more, .limit_bytes = LIMIT};
        assert_int_equal(judge(ledger, &mailbox, &claim, i), LEDGER_FITS);
        ledger_settle(ledger, name, &more, 7, i);
    }
    come(ledger, &mailbox, 1, &hold, 10000);
    assert_int_equal(mailbox.asked, 100 + 1 + GRACE + 100);
    ledger_free(&ledger);
}

struct message {
    struct ledger_hold hold;
    int64_t size;
    int64_t end_ms;     /* of the transaction */
    int64_t deliver_ms; /* -1: aborted */
    bool is_accepted, is_over;
};

enum { MESSAGES = 400 };

/* Messages that come, are given up, or are delivered after a while, all at random: what was
 * accepted never finds the mailbox full, and nothing is refused for good that had room for
 * twice its size. */
static void play(unsigned seed, int64_t lease_bytes, int64_t largest)
{
    struct ledger_settings settings = usual;
    settings.lease_bytes = lease_bytes;
    settings.question_bytes = largest;
    struct ledger *ledger = ledger_new(&settings);
    struct mailbox mailbox = {.limit = LIMIT, .grace = GRACE, .largest = largest};
    static struct message messages[MESSAGES];
    int64_t under_way = 0;
    srandom(seed);
    for (int64_t now = 0, next = 0; now < 20000; now += 5) {
        for (int64_t i = 0; i < next; i++) {
            struct message *message = &messages[i];
            if (!message->is_over && !message->is_accepted && now >= message->end_ms) {
                if (message->deliver_ms < 0) {
                    ledger_release(ledger, "a@x", &message->hold);
                    under_way -= message->size;
                    message->is_over = true;
                } else {
                    ledger_settle(ledger, "a@x", &message->hold, message->size, now);
                    message->is_accepted = true;
                }
            }
            if (!message->is_over && message->is_accepted && now >= message->deliver_ms) {
                assert_true(has_room(&mailbox, message->size)); /* else it bounces */
                mailbox.usage += message->size;
                under_way -= message->size;
                message->is_over = true;
            }
        }
        bool comes = random() % 4 == 0 && next < MESSAGES;
        for (long burst = comes ? random() % 6 : 0; burst > 0 && next < MESSAGES; burst--) {
            struct message *message = &messages[next++];
            *message = (struct message){.size = 1 + random() % 300};
            message->end_ms = now + random() % 100;
            message->deliver_ms =
                random() % 8 == 0 ? -1 : message->end_ms + random() % (SETTLE_MS * 3 / 4);
            switch (come(ledger, &mailbox, message->size, &message->hold, now)) {
            case LEDGER_FITS:
                under_way += message->size;
                break;
            case LEDGER_BUSY:
                message->is_over = true;
                break;
            case LEDGER_OVER:
                assert_true(mailbox.usage + under_way + 2 * message->size > LIMIT);
                message->is_over = true;
                break;
            case LEDGER_ASK:
                fail();
            }
        }
    }
    assert_true(largest > 0 || mailbox.usage > LIMIT * 9 / 10); /* it was filled */
    ledger_free(&ledger);
}

static void neither_bounces_nor_refuses_what_fits(void **unused)
{
    (void)unused;
    for (unsigned seed = 0; seed < 60; seed++) {
        for (int64_t lease = 0; lease < 5000; lease = lease * 8 + 100) {
            play(seed, lease, 0);
            play(seed, lease, 2 * GRACE); /* few questions are large enough */
            play(seed, lease, 4 * GRACE);
        }
    }
}

enum { THREADS = 8, SPENDINGS = 20000 };

struct spender {
    struct ledger *ledger;
    atomic_long *spent;
    int index;
};

static void *spend(void *argument)
{
    struct spender *spender = argument;
    char own[16];
    snprintf(own, sizeof own, "u%d@x", spender->index);
    for (int i = 0; i < SPENDINGS; i++) {
        struct ledger_hold hold = {0};
        struct ledger_claim claim = {.mailbox = "a@x", .bytes = 1, .hold = &hold};
        if (ledger_take(spender->ledger, &claim, 0) == LEDGER_FITS) {
            atomic_fetch_add(spender->spent, 1);
        }
        struct ledger_claim other = {.mailbox = own, .bytes = 1, .hold = &hold};
        if (ledger_ask(spender->ledger, &other, 0) == LEDGER_ASK) {
            ledger_answer(spender->ledger, &other, i % 2 == 0, FULL, 0);
        }
        ledger_settle(spender->ledger, own, &hold, 1, 0);
    }
    return NULL;
}

static void lends_once_among_threads(void **unused)
{
    (void)unused;

    enum { GRANTED = 12345 };
    struct ledger_settings settings = usual;
    settings.lease_bytes = GRANTED;
    struct ledger *ledger = ledger_new(&settings);
    struct mailbox mailbox = {.limit = LIMIT * 1000, .grace = GRACE * 1000};
    struct ledger_hold hold = {0};
    come(ledger, &mailbox, 1, &hold, 0);
    atomic_long spent = 0;
    pthread_t threads[THREADS];
    struct spender spenders[THREADS];
    for (int i = 0; i < THREADS; i++) {
        spenders[i] = (struct spender){ledger, &spent, i};
        assert_int_equal(pthread_create(&threads[i], NULL, spend, &spenders[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    assert_int_equal(atomic_load(&spent), GRANTED); /* to the byte, never more */
    ledger_free(&ledger);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lends_what_dovecot_granted),
        cmocka_unit_test(holds_until_dovecot_has_counted),
        cmocka_unit_test(forgets_what_stays_open),
        cmocka_unit_test(gives_a_released_lease_back),
        cmocka_unit_test(tells_busy_from_full),
        cmocka_unit_test(remembers_refusals),
        cmocka_unit_test(counts_its_own_once),
        cmocka_unit_test(judges_two_deliveries_as_two),
        cmocka_unit_test(asks_no_more_than_dovecot_answers),
        cmocka_unit_test(is_bounded),
        cmocka_unit_test(is_never_busy_without_a_limit),
        cmocka_unit_test(recovers_from_a_flood_of_mailboxes),
        cmocka_unit_test(neither_bounces_nor_refuses_what_fits),
        cmocka_unit_test(lends_once_among_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
