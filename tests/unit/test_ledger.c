/* SPDX-License-Identifier: MIT */
#include "quota/ledger.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

enum { LEASE_MS = 1000 };

static void test_spend(void **unused)
{
    (void)unused;
    struct ledger *ledger = ledger_new(16, LEASE_MS);
    assert_false(ledger_spend(ledger, "a@x", 1, 0));
    ledger_grant(ledger, "a@x", 100, 0);
    assert_false(ledger_spend(ledger, "b@x", 1, 0));
    assert_false(ledger_spend(ledger, "A@x", 1, 0)); /* mailboxes are folded already */
    assert_false(ledger_spend(ledger, "a@x", 101, 0));
    assert_true(ledger_spend(ledger, "a@x", 60, 0));
    assert_false(ledger_spend(ledger, "a@x", 41, 0));
    assert_true(ledger_spend(ledger, "a@x", 40, 0));
    assert_false(ledger_spend(ledger, "a@x", 1, 0));
    ledger_grant(ledger, "a@x", 10, 0); /* replaces, adds nothing */
    ledger_grant(ledger, "a@x", 10, 0);
    assert_false(ledger_spend(ledger, "a@x", 11, 0));
    assert_true(ledger_spend(ledger, "a@x", 10, 0));
    ledger_free(&ledger);
    assert_null(ledger);
    ledger_free(&ledger);
}

static void test_expiry(void **unused)
{
    (void)unused;
    struct ledger *ledger = ledger_new(16, LEASE_MS);
    ledger_grant(ledger, "a@x", 100, 5000);
    assert_true(ledger_spend(ledger, "a@x", 1, 5000 + LEASE_MS - 1));
    assert_false(ledger_spend(ledger, "a@x", 1, 5000 + LEASE_MS));
    ledger_refuse(ledger, "a@x", 5000);
    assert_true(ledger_is_tight(ledger, "a@x", 5000 + LEASE_MS - 1));
    assert_false(ledger_is_tight(ledger, "a@x", 5000 + LEASE_MS));
    ledger_free(&ledger);
    ledger = ledger_new(16, 0);
    ledger_grant(ledger, "a@x", 100, 5000);
    assert_false(ledger_spend(ledger, "a@x", 1, 5000));
    ledger_free(&ledger);
}

static void test_refuse(void **unused)
{
    (void)unused;
    struct ledger *ledger = ledger_new(16, LEASE_MS);
    ledger_grant(ledger, "a@x", 100, 0);
    assert_false(ledger_is_tight(ledger, "a@x", 0));
    ledger_refuse(ledger, "a@x", 0);
    assert_true(ledger_is_tight(ledger, "a@x", 0));
    assert_false(ledger_spend(ledger, "a@x", 1, 0));
    assert_false(ledger_spend(ledger, "a@x", 0, 0));
    ledger_grant(ledger, "a@x", 100, 0);
    assert_false(ledger_is_tight(ledger, "a@x", 0));
    assert_true(ledger_spend(ledger, "a@x", 100, 0));
    assert_false(ledger_is_tight(ledger, "a@x", 0)); /* spent is not tight */
    assert_false(ledger_is_tight(ledger, "b@x", 0));
    ledger_free(&ledger);
}

/* However many mailboxes come, the newest lease is there and no more are kept than there is
 * room for. */
static void test_eviction(void **unused)
{
    (void)unused;

    enum { ROOM = 64, MANY = 10000 };
    struct ledger *ledger = ledger_new(ROOM, LEASE_MS);
    char mailbox[32];
    for (int i = 0; i < MANY; i++) {
        snprintf(mailbox, sizeof mailbox, "u%d@x", i);
        ledger_grant(ledger, mailbox, 1, i);
        assert_true(ledger_spend(ledger, mailbox, 0, i));
    }
    int kept = 0;
    for (int i = 0; i < MANY; i++) {
        snprintf(mailbox, sizeof mailbox, "u%d@x", i);
        kept += ledger_spend(ledger, mailbox, 1, i);
    }
    assert_true(kept > 0 && kept <= ROOM);
    ledger_free(&ledger);
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
        if (ledger_spend(spender->ledger, "shared@x", 1, 0)) {
            atomic_fetch_add(spender->spent, 1);
        }
        ledger_grant(spender->ledger, own, i, 0);
        ledger_is_tight(spender->ledger, "shared@x", 0);
        if (i % 16 == 0) {
            ledger_refuse(spender->ledger, own, 0);
        }
    }
    return NULL;
}

static void test_threads(void **unused)
{
    (void)unused;

    enum { GRANTED = 12345 };
    struct ledger *ledger = ledger_new(4096, LEASE_MS);
    ledger_grant(ledger, "shared@x", GRANTED, 0);
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
        cmocka_unit_test(test_spend),   cmocka_unit_test(test_expiry),
        cmocka_unit_test(test_refuse),  cmocka_unit_test(test_eviction),
        cmocka_unit_test(test_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
