/* SPDX-License-Identifier: MIT */
#include "quota/admission.h"

#include "held_quota.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { TIMEOUT_MS = 20000, CROWD = 20 };

struct fixture {
    struct loop *loop;
    struct silence *silence;
    struct held_quota service;
    struct quota_client *client;
    struct ledger *ledger;
    struct quota_desk *desk;
};

struct asker {
    struct fixture *fixture;
    struct quota_admission admission;
    pthread_t thread;
    struct ledger_hold hold;
};

static void begin(struct fixture *fixture, int64_t lease_bytes)
{
    struct error error;
    const struct ledger_settings ledger = {.mailboxes = 100,
                                           .lease_bytes = lease_bytes,
                                           .lease_ms = 3600 * 1000,
                                           .refusal_ms = 3600 * 1000,
                                           .hold_ms = 3600 * 1000,
                                           .settle_ms = 3600 * 1000,
                                           .grace_percent = 10};
    fixture->loop = loop_start(&error);
    assert_non_null(fixture->loop);
    fixture->silence = silence_new(fixture->loop);
    fixture->service = (struct held_quota){.fake = fake_quota_new(fixture->silence)};
    fixture->client = quota_client_new_scripted(fixture->loop, TIMEOUT_MS, held_quota_ask,
                                                &fixture->service);
    fixture->ledger = ledger_new(&ledger);
    fixture->desk = quota_desk_new(fixture->loop, fixture->client, fixture->ledger);
}

static void end(struct fixture *fixture)
{
    quota_desk_free(&fixture->desk);
    quota_client_free(&fixture->client);
    ledger_free(&fixture->ledger);
    fake_quota_free(&fixture->service.fake);
    silence_free(&fixture->silence);
    loop_stop(&fixture->loop);
}

static void *ask_main(void *argument)
{
    struct asker *asker = argument;
    request_wait(asker->fixture->loop, (struct request *[]){&asker->admission.request}, 1);
    return NULL;
}

/* True: there was no need to ask. */
static bool prepare(struct fixture *fixture, struct asker *asker, const char *mailbox,
                    int timeout_ms)
{
    *asker = (struct asker){.fixture = fixture};
    const struct ledger_claim claim = {
        .mailbox = mailbox, .bytes = 10, .hold = &asker->hold, .limit_bytes = 100000};
    return quota_admission_init(&asker->admission, fixture->desk, &claim, timeout_ms);
}

static bool ask(struct fixture *fixture, struct asker *asker, const char *mailbox,
                int timeout_ms)
{
    bool decided = prepare(fixture, asker, mailbox, timeout_ms);
    if (!decided) {
        assert_int_equal(pthread_create(&asker->thread, NULL, ask_main, asker), 0);
    }
    return decided;
}

static void finish(struct asker *asker)
{
    pthread_join(asker->thread, NULL);
}

/* The crowd comes while the first question is under way; another mailbox's question, behind
 * them all, lets the answers go. */
static void crowd(struct fixture *fixture, struct asker *askers)
{
    struct request *requests[CROWD + 1];
    fixture->service.until = 2;
    for (int i = 0; i <= CROWD; i++) {
        assert_false(prepare(fixture, &askers[i], i < CROWD ? "a@x" : "b@x", TIMEOUT_MS));
        requests[i] = &askers[i].admission.request;
    }
    request_wait(fixture->loop, requests, CROWD + 1);
    fixture->service.until = 0;
}

static int count_questions(const struct fixture *fixture, const char *mailbox)
{
    int count = 0;
    for (size_t i = 0; i < fake_quota_count(fixture->service.fake); i++) {
        const char *asked;
        int64_t bytes;
        fake_quota_asked(fixture->service.fake, i, &asked, &bytes);
        count += strcmp(asked, mailbox) == 0;
    }
    return count;
}

static void shares_what_one_question_brings(void **unused)
{
    (void)unused;
    struct fixture fixture;
    struct asker askers[CROWD + 1];
    begin(&fixture, 1000);
    crowd(&fixture, askers);
    for (int i = 0; i < CROWD; i++) {
        assert_true(askers[i].admission.request.ok);
        assert_int_equal(askers[i].admission.outcome, LEDGER_FITS);
        assert_int_equal(askers[i].hold.bytes, 10);
    }
    assert_int_equal(count_questions(&fixture, "a@x"), 1);
    end(&fixture);
}

static void shares_a_refusal(void **unused)
{
    (void)unused;
    struct fixture fixture;
    struct asker askers[CROWD + 1];
    begin(&fixture, 0);
    fake_quota_answer(fixture.service.fake, "a@x", FAKE_QUOTA_OVER, "552 5.2.2 Full", 0);
    crowd(&fixture, askers);
    for (int i = 0; i < CROWD; i++) {
        assert_true(askers[i].admission.request.ok);
        assert_int_equal(askers[i].admission.outcome, LEDGER_OVER);
        assert_string_equal(askers[i].admission.claim.text, "552 5.2.2 Full");
        assert_int_equal(askers[i].hold.bytes, 0);
    }
    assert_int_equal(count_questions(&fixture, "a@x"), 1);
    end(&fixture);
}

/* Cannot tell: no reason to ask for each of the others again. */
static void shares_a_failure(void **unused)
{
    (void)unused;
    struct fixture fixture;
    struct asker askers[CROWD + 1];
    begin(&fixture, 100);
    fake_quota_answer(fixture.service.fake, "a@x", FAKE_QUOTA_FAILS, "the service is tired",
                      0);
    crowd(&fixture, askers);
    for (int i = 0; i < CROWD; i++) {
        assert_false(askers[i].admission.request.ok);
        assert_non_null(strstr(askers[i].admission.request.error.text, "tired"));
        assert_int_equal(askers[i].hold.bytes, 0);
    }
    assert_int_equal(count_questions(&fixture, "a@x"), 1);
    struct asker asker;
    fake_quota_answer(fixture.service.fake, "a@x", FAKE_QUOTA_FITS, "", 0);
    assert_false(ask(&fixture, &asker, "a@x", TIMEOUT_MS));
    finish(&asker);
    assert_int_equal(asker.admission.outcome, LEDGER_FITS);
    end(&fixture);
}

/* Who began with little time fails alone. */
static void waits_no_longer_than_allowed(void **unused)
{
    (void)unused;
    struct fixture fixture;
    struct asker hurried;
    struct asker patient;
    begin(&fixture, 0);
    fake_quota_answer(fixture.service.fake, "a@x", FAKE_QUOTA_SILENT, "", 0);
    assert_false(ask(&fixture, &hurried, "a@x", 50));
    while (fake_quota_count(fixture.service.fake) == 0) {
    }
    fake_quota_answer(fixture.service.fake, "a@x", FAKE_QUOTA_FITS, "", 0);
    assert_false(ask(&fixture, &patient, "a@x", TIMEOUT_MS));
    finish(&hurried);
    finish(&patient);
    assert_false(hurried.admission.request.ok);
    assert_int_equal(hurried.admission.request.error.kind, ERROR_TIMEOUT);
    assert_true(patient.admission.request.ok);
    assert_int_equal(patient.admission.outcome, LEDGER_FITS);
    end(&fixture);
}

static void answers_from_the_lease_at_once(void **unused)
{
    (void)unused;
    struct fixture fixture;
    struct asker asker;
    begin(&fixture, 100);
    assert_false(ask(&fixture, &asker, "a@x", TIMEOUT_MS));
    finish(&asker);
    assert_int_equal(asker.admission.question_count, 1);
    assert_true(ask(&fixture, &asker, "a@x", TIMEOUT_MS));
    assert_int_equal(asker.admission.outcome, LEDGER_FITS);
    assert_int_equal(asker.admission.claim.source, LEDGER_LEASE);
    assert_int_equal(asker.admission.claim.under_way_bytes, 10);
    assert_int_equal(asker.hold.bytes, 10);
    end(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shares_what_one_question_brings),
        cmocka_unit_test(shares_a_refusal),
        cmocka_unit_test(shares_a_failure),
        cmocka_unit_test(waits_no_longer_than_allowed),
        cmocka_unit_test(answers_from_the_lease_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
