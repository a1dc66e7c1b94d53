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

enum { LEASE_MS = 1000, REFUSAL_MS = 200, SETTLE_MS = 800, LIMIT = 10000, GRACE = 1000 };

#define FULL "552 5.2.2 Mailbox is full"

static const struct ledger_settings usual = {
    .mailboxes = 64,
    .lease_bytes = 100,
    .lease_ms = LEASE_MS,
    .refusal_ms = REFUSAL_MS,
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
    return mailbox->usage < mailbox->limit &&
           mailbox->usage + bytes <= mailbox->limit + mailbox->grace;
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
                                int64_t bytes, int64_t *hold, int64_t now_ms)
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
    int64_t hold = 0;
    assert_int_equal(come(ledger, &mailbox, 50, &hold, 0), LEDGER_FITS);
    assert_int_equal(hold, 50);
    assert_int_equal(mailbox.asked, 50 + GRACE + 100); /* message, grace, lease */
    for (int i = 0; i < 10; i++) {
        assert_int_equal(come(ledger, &mailbox, 10, &hold, LEASE_MS - 1), LEDGER_FITS);
    }
    assert_int_equal(hold, 150);
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
    int64_t hold = 0;
    int64_t other = 0;
    come(ledger, &mailbox, 100, &hold, 0);
    assert_int_equal(mailbox.asked, 100); /* alone, exactly */
    come(ledger, &mailbox, 10, &other, 60000);
    assert_int_equal(mailbox.asked, 100 + 10 + GRACE); /* open for however long */
    ledger_release(ledger, "a@x", 10);
    ledger_settle(ledger, "a@x", 100, 60000);
    come(ledger, &mailbox, 10, &other, 60000 + SETTLE_MS * 3 / 4);
    assert_int_equal(mailbox.asked, 100 + 10 + GRACE);
    ledger_release(ledger, "a@x", 10);
    come(ledger, &mailbox, 10, &other, 60000 + SETTLE_MS);
    assert_int_equal(mailbox.asked, 10);
    ledger_free(&ledger);
}

static void gives_a_released_lease_back(void **unused)
{
    (void)unused;
    struct ledger *ledger = ledger_new(&usual);
    struct mailbox mailbox = {.limit = LIMIT, .grace = GRACE};
    int64_t hold = 0;
    come(ledger, &mailbox, 1, &hold, 0);
    for (int i = 0; i < 100; i++) {
        assert_int_equal(come(ledger, &mailbox, 100, &hold, 1), LEDGER_FITS);
        ledger_release(ledger, "a@x", 100);
    }
    assert_int_equal(mailbox.question_count, 1);
    ledger_free(&ledger);
}

static void tells_busy_from_full(void **unused)
{
    (void)unused;
    struct ledger *ledger = ledger_new(&usual);
    struct mailbox mailbox = {.usage = LIMIT - 100, .limit = LIMIT, .grace = GRACE};
    int64_t hold = 0;
    assert_int_equal(come(ledger, &mailbox, 80, &hold, 0), LEDGER_FITS);
    struct ledger_claim claim = {
        .mailbox = "a@x", .bytes = 80, .hold = &hold, .limit_bytes = LIMIT};
    assert_int_equal(judge(ledger, &mailbox, &claim, 1), LEDGER_BUSY);
    assert_non_null(strstr(claim.text, "80 bytes"));
    assert_int_equal(claim.under_way_bytes, 80);
    assert_int_equal(hold, 80);
    /* Beside it, what stays below the limit with it is fine. */
    assert_int_equal(come(ledger, &mailbox, 20, &hold, 1), LEDGER_FITS);
    assert_int_equal(come(ledger, &mailbox, 1, &hold, 1), LEDGER_BUSY);
    /* Both arrive. One above the limit is Dovecot's grace, the next is none. */
    ledger_settle(ledger, "a@x", 100, 1);
    mailbox.usage += 99;
    assert_int_equal(come(ledger, &mailbox, 500, &hold, 5000), LEDGER_FITS);
    mailbox.usage += 500;
    ledger_settle(ledger, "a@x", 500, 5000);
    assert_int_equal(come(ledger, &mailbox, 1, &hold, 5001), LEDGER_OVER);
    ledger_free(&ledger);
}

static void remembers_refusals(void **unused)
{
    (void)unused;
    struct ledger *ledger = ledger_new(&usual);
    struct mailbox mailbox = {.usage = LIMIT - 100, .limit = LIMIT, .grace = GRACE};
    int64_t hold = 0;
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
    ledger_release(ledger, "a@x", 1000);
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
    int64_t hold = 0;
    come(ledger, &mailbox, 1, &hold, 0);
    struct ledger_claim more = {.mailbox = "a@x",
                                .bytes = 299,
                                .own_bytes = 1,
                                .hold = &hold,
                                .limit_bytes = LIMIT};
    assert_int_equal(judge(ledger, &mailbox, &more, 0), LEDGER_FITS);
    assert_int_equal(mailbox.asked, 300);
    assert_int_equal(hold, 300);
    ledger_free(&ledger);
}

/* quota_max_mail_size: a refusal of more says nothing, so it is never asked. */
static void asks_no_more_than_dovecot_answers(void **unused)
{
    (void)unused;
    struct ledger_settings settings = usual;
    settings.lease_bytes = 1000000;
    settings.question_bytes = 5000;
    struct ledger *ledger = ledger_new(&settings);
    struct mailbox mailbox = {.limit = 100 * LIMIT, .grace = 10 * LIMIT, .largest = 5000};
    int64_t holds[100] = {0};
    for (int i = 0; i < 100; i++) {
        assert_int_equal(come(ledger, &mailbox, 500, &holds[i], i), LEDGER_FITS);
        assert_true(mailbox.asked <= 5000);
        ledger_settle(ledger, "a@x", 500, i);
    }
    assert_true(mailbox.question_count < 100 / 2);
    ledger_free(&ledger);
}

/* However many mailboxes come, no more are kept than there is room for, and what is spoken
 * for stays so. */
static void is_bounded(void **unused)
{
    (void)unused;
    struct ledger *ledger = ledger_new(&usual);
    struct mailbox mailbox = {.limit = LIMIT, .grace = GRACE};
    int64_t hold = 0;
    char name[32];
    come(ledger, &mailbox, 100, &hold, 0);
    for (int i = 0; i < 10000; i++) {
        snprintf(name, sizeof name, "u%d@x", i);
        int64_t more = 0;
        struct ledger_claim claim = {
            .mailbox = name, .bytes = 7, .hold = &more, .limit_bytes = LIMIT};
        assert_int_equal(judge(ledger, &mailbox, &claim, i), LEDGER_FITS);
        ledger_settle(ledger, name, more, i);
    }
    come(ledger, &mailbox, 1, &hold, 10000);
    assert_int_equal(mailbox.asked, 100 + 1 + GRACE + 100);
    ledger_free(&ledger);
}

struct message {
    int64_t hold;
    int64_t size;
    int64_t end_ms;     /* of the transaction */
    int64_t deliver_ms; /* -1: aborted */
    bool is_accepted, is_over;
};

enum { MESSAGES = 400 };

/* Messages that come, are given up, or are delivered after a while, all at random: what was
 * accepted never finds the mailbox full, and nothing is refused for good that had room for
 * twice its size. */
static void play(unsigned seed, int64_t lease_bytes)
{
    struct ledger_settings settings = usual;
    settings.lease_bytes = lease_bytes;
    struct ledger *ledger = ledger_new(&settings);
    struct mailbox mailbox = {.limit = LIMIT, .grace = GRACE};
    static struct message messages[MESSAGES];
    int64_t under_way = 0;
    srandom(seed);
    for (int64_t now = 0, next = 0; now < 20000; now += 5) {
        for (int64_t i = 0; i < next; i++) {
            struct message *message = &messages[i];
            if (!message->is_over && !message->is_accepted && now >= message->end_ms) {
                if (message->deliver_ms < 0) {
                    ledger_release(ledger, "a@x", message->hold);
                    under_way -= message->size;
                    message->is_over = true;
                } else {
                    ledger_settle(ledger, "a@x", message->hold, now);
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
    assert_true(mailbox.usage > LIMIT * 9 / 10); /* it was filled */
    ledger_free(&ledger);
}

static void neither_bounces_nor_refuses_what_fits(void **unused)
{
    (void)unused;
    for (unsigned seed = 0; seed < 60; seed++) {
        play(seed, 0);
        play(seed, 200);
        play(seed, 5000);
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
        int64_t hold = 0;
        struct ledger_claim claim = {.mailbox = "a@x", .bytes = 1, .hold = &hold};
        if (ledger_take(spender->ledger, &claim, 0) == LEDGER_FITS) {
            atomic_fetch_add(spender->spent, 1);
        }
        struct ledger_claim other = {.mailbox = own, .bytes = 1, .hold = &hold};
        if (ledger_ask(spender->ledger, &other, 0) == LEDGER_ASK) {
            ledger_answer(spender->ledger, &other, i % 2 == 0, FULL, 0);
        }
        ledger_settle(spender->ledger, own, 1, i);
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
    int64_t hold = 0;
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
        cmocka_unit_test(gives_a_released_lease_back),
        cmocka_unit_test(tells_busy_from_full),
        cmocka_unit_test(remembers_refusals),
        cmocka_unit_test(counts_its_own_once),
        cmocka_unit_test(asks_no_more_than_dovecot_answers),
        cmocka_unit_test(is_bounded),
        cmocka_unit_test(neither_bounces_nor_refuses_what_fits),
        cmocka_unit_test(lends_once_among_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
