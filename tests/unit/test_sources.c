/* SPDX-License-Identifier: MIT */
/* Sources one behind the other. */
#include "source_fixture.h"

static void first_that_knows_answers(void **state)
{
    (void)state;
    const struct source_settings list[] = {dms, source(SOURCE_LDAP),
                                           source(SOURCE_DOVECOT)};

    static const struct {
        enum question_kind kind;
        const char *key, *value, *source;
    } cases[] = {
        {QUESTION_MAILBOX, "carl@vol.test", "carl@vol.test", NULL},
        {QUESTION_MAILBOX, "ann@ldap.test", "ann@ldap.test", "ldap"},
        {QUESTION_MAILBOX, "dora@vol.test", "dora@vol.test", "dovecot"},
        {QUESTION_MAILBOX, "nobody@vol.test", NULL, NULL},
        {QUESTION_DOMAIN, "ldap.test", "ldap.test", "ldap"},
        {QUESTION_DOMAIN, "elsewhere.test", NULL, NULL},
    };

    set_up(list, 3);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct answer answer = ask(cases[i].kind, cases[i].key);
        assert_int_equal(answer.kind,
                         cases[i].value != NULL ? ANSWER_FOUND : ANSWER_NOT_FOUND);
        assert_null(answer.reason);
        if (cases[i].value != NULL) {
            assert_string_equal(answer.value, cases[i].value);
            assert_true(cases[i].source == NULL
                            ? answer.source == NULL
                            : strcmp(answer.source, cases[i].source) == 0);
        }
    }
    tear_down();
}

static void failure_stops_or_goes_on(void **state)
{
    (void)state;
    struct source_settings list[] = {source(SOURCE_LDAP), dms};
    set_up(list, 2);
    script[SOURCE_LDAP].failure = "nobody listens";
    struct answer answer = ask(QUESTION_MAILBOX, "carl@vol.test");
    assert_int_equal(answer.kind, ANSWER_FAILED);
    assert_string_equal(answer.reason, "ldap: nobody listens");
    tear_down();

    list[0].goes_on = true;
    set_up(list, 2);
    script[SOURCE_LDAP].failure = "nobody listens";
    answer = ask(QUESTION_MAILBOX, "carl@vol.test");
    assert_int_equal(answer.kind, ANSWER_FOUND);
    answer = ask(QUESTION_MAILBOX, "nobody@vol.test");
    assert_int_equal(answer.kind, ANSWER_NOT_FOUND);
    assert_string_equal(answer.reason, "ldap: nobody listens");
    tear_down();
}

static void a_message_asks_once(void **state)
{
    (void)state;
    const struct source_settings list[] = {dms, source(SOURCE_LDAP)};
    set_up(list, 2);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(ask(QUESTION_MAILBOX, "ann@ldap.test").kind, ANSWER_FOUND);
        assert_int_equal(ask(QUESTION_MAILBOX, "none@ldap.test").kind, ANSWER_NOT_FOUND);
        clock_advance(60000); /* beyond what is cached */
    }
    assert_int_equal(script[SOURCE_LDAP].asked, 2);
    script[SOURCE_LDAP].failure = "away";
    for (int i = 0; i < 3; i++) {
        assert_int_equal(ask(QUESTION_MAILBOX, "late@ldap.test").kind, ANSWER_FAILED);
    }
    assert_int_equal(script[SOURCE_LDAP].asked, 3);
    tear_down();
}

static void fresh_answers_are_not_asked_for(void **state)
{
    (void)state;
    const struct source_settings list[] = {dms, source(SOURCE_LDAP)};

    static const struct {
        const char *key;
        int64_t age_ms;
        int asked; /* the second time */
    } cases[] = {
        {"ann@ldap.test", 9999, 0},
        {"ann@ldap.test", 10001, 1},
        {"none@ldap.test", 999, 0},
        {"none@ldap.test", 1001, 1},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        set_up(list, 2);
        enum answer_kind first = ask(QUESTION_MAILBOX, cases[i].key).kind;
        next_message();
        clock_advance(cases[i].age_ms);
        script[SOURCE_LDAP].asked = 0;
        assert_int_equal(ask(QUESTION_MAILBOX, cases[i].key).kind, first);
        assert_int_equal(script[SOURCE_LDAP].asked, cases[i].asked);
        tear_down();
    }
}

static void stale_answers_serve_for_a_while(void **state)
{
    (void)state;
    const struct source_settings list[] = {dms, source(SOURCE_LDAP)};
    set_up(list, 2);
    ask(QUESTION_MAILBOX, "ann@ldap.test");
    ask(QUESTION_MAILBOX, "none@ldap.test");
    script[SOURCE_LDAP].failure = "away";
    clock_advance(60000);
    next_message();
    struct answer found = ask(QUESTION_MAILBOX, "ann@ldap.test");
    assert_int_equal(found.kind, ANSWER_FOUND);
    assert_string_equal(found.source, "ldap, 60 s old");
    /* That nobody had it then is no proof that nobody has it now. */
    struct answer none = ask(QUESTION_MAILBOX, "none@ldap.test");
    assert_int_equal(none.kind, ANSWER_NOT_FOUND);
    assert_string_equal(none.reason, "ldap: away");
    clock_advance(3600000);
    next_message();
    assert_int_equal(ask(QUESTION_MAILBOX, "ann@ldap.test").kind, ANSWER_FAILED);
    tear_down();
}

static void breaker_opens_by_different_questions(void **state)
{
    (void)state;
    const struct source_settings list[] = {dms, source(SOURCE_LDAP)};
    set_up(list, 2);
    script[SOURCE_LDAP].failure = "away";
    script[SOURCE_LDAP].slow_ms = 60;
    for (int i = 0; i < 5; i++) { /* one broken entry */
        next_message();
        ask(QUESTION_MAILBOX, "bad@ldap.test");
    }
    assert_int_equal(script[SOURCE_LDAP].asked, 5);
    ask(QUESTION_MAILBOX, "a@ldap.test");
    ask(QUESTION_MAILBOX, "b@ldap.test");
    assert_int_equal(script[SOURCE_LDAP].asked, 7);
    struct answer refused = ask(QUESTION_MAILBOX, "c@ldap.test");
    assert_int_equal(refused.kind, ANSWER_FAILED);
    assert_string_equal(refused.reason, "ldap: away");
    assert_int_equal(script[SOURCE_LDAP].asked, 7);
    script[SOURCE_LDAP].failure = NULL;
    clock_advance(200);
    /* It did not wait before, so it may be asked; and that finds out. */
    assert_int_equal(ask(QUESTION_MAILBOX, "c@ldap.test").kind, ANSWER_NOT_FOUND);
    assert_int_equal(ask(QUESTION_MAILBOX, "ann@ldap.test").kind, ANSWER_FOUND);
    tear_down();
}

/* A script may fail for some users at once, and know the others. */
static void quick_failures_keep_nobody_out(void **state)
{
    (void)state;
    const struct source_settings list[] = {dms, source(SOURCE_LDAP)};
    set_up(list, 2);
    script[SOURCE_LDAP].failure = "no such column";
    for (int i = 0; i < 9; i++) {
        ask(QUESTION_MAILBOX, arena_format(stage->arena, "bad%d@ldap.test", i));
    }
    assert_int_equal(script[SOURCE_LDAP].asked, 9);
    /* Not so while a question waits in vain: then some may fail at once beside it. */
    script[SOURCE_LDAP].slow_ms = 60;
    ask(QUESTION_MAILBOX, "hangs@ldap.test");
    ask(QUESTION_MAILBOX, "broken@ldap.test");
    assert_int_equal(script[SOURCE_LDAP].asked, 10);
    clock_advance(1001);
    script[SOURCE_LDAP].failure = NULL;
    assert_int_equal(ask(QUESTION_MAILBOX, "ann@ldap.test").kind, ANSWER_FOUND);
    tear_down();
}

static void nobody_waits_beyond_the_deadline(void **state)
{
    (void)state;
    const struct source_settings list[] = {dms, source(SOURCE_LDAP)};
    set_up(list, 2);
    stage->directory.deadline_ms = clock_monotonic_ms() + 120;
    assert_int_equal(ask(QUESTION_MAILBOX, "ann@ldap.test").kind, ANSWER_FOUND);
    assert_int_equal(script[SOURCE_LDAP].timeout_ms, 120);
    clock_advance(120);
    struct answer late = ask(QUESTION_MAILBOX, "bob@ldap.test");
    assert_int_equal(late.kind, ANSWER_FAILED);
    assert_string_equal(late.reason, "ldap: no time is left to ask it");
    assert_int_equal(script[SOURCE_LDAP].asked, 1);
    stage->directory.deadline_ms = clock_monotonic_ms() + 10000;
    assert_int_equal(ask(QUESTION_MAILBOX, "bob@ldap.test").kind, ANSWER_NOT_FOUND);
    assert_int_equal(script[SOURCE_LDAP].timeout_ms, 500);
    tear_down();
}

/* A source that may take longer than the stage is waited for once and again, but not by all
 * mail. */
static void breaker_opens_below_a_short_deadline(void **state)
{
    (void)state;

    static const struct {
        int64_t left_ms;
        int asked;
    } cases[] = {{10000, 3}, {1000, 3}, {999, 5}};

    struct source_settings list[] = {dms, source(SOURCE_LDAP)};
    list[1].timeout_ms = 20000;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        static const char *const keys[] = {"a@x", "b@x", "c@x", "d@x", "e@x"};
        set_up(list, 2);
        script[SOURCE_LDAP].failure = "slow";
        script[SOURCE_LDAP].slow_ms = 60;
        for (size_t j = 0; j < sizeof keys / sizeof keys[0]; j++) {
            stage->directory.deadline_ms = clock_monotonic_ms() + cases[i].left_ms;
            assert_int_equal(ask(QUESTION_MAILBOX, keys[j]).kind, ANSWER_FAILED);
        }
        assert_int_equal(script[SOURCE_LDAP].asked, cases[i].asked);
        tear_down();
    }
}

static void limits_are_known_without_asking(void **state)
{
    (void)state;
    const struct source_settings list[] = {dms, source(SOURCE_LDAP),
                                           source(SOURCE_DOVECOT)};
    set_up(list, 3);
    assert_int_equal(ask(QUESTION_LIMIT, "dora@vol.test").kind, ANSWER_NOT_FOUND);
    ask(QUESTION_MAILBOX, "dora@vol.test");
    ask(QUESTION_MAILBOX, "ann@ldap.test");
    struct answer limit = ask(QUESTION_LIMIT, "dora@vol.test");
    assert_int_equal(limit.kind, ANSWER_FOUND);
    assert_string_equal(limit.value, "7M");
    /* LDAP's is for reports. */
    assert_int_equal(ask(QUESTION_LIMIT, "ann@ldap.test").kind, ANSWER_NOT_FOUND);
    tear_down();
}

static void aliases_lead_through_all_sources(void **state)
{
    (void)state;
    const struct source_settings list[] = {dms, source(SOURCE_LDAP)};
    set_up(list, 2);
    const struct expansion *expansion = resolve("list+x@vol.test");
    assert_int_equal(expansion->status, EXPANSION_OK);
    assert_int_equal(expansion->recipient_count, 2);
    assert_string_equal(expansion->recipients[0].address, "ann+x@ldap.test");
    assert_string_equal(expansion->recipients[0].mailbox, "ann@ldap.test");
    assert_string_equal(expansion->recipients[0].source, "ldap");
    assert_string_equal(expansion->recipients[0].limit, "7M");
    assert_null(expansion->recipients[0].via[0].source);
    assert_string_equal(expansion->recipients[0].via[1].source, "ldap");
    assert_string_equal(expansion->recipients[1].mailbox, "carl@vol.test");
    assert_null(expansion->recipients[1].source);
    tear_down();
}

static void senders_own_what_a_source_says(void **state)
{
    (void)state;
    const struct source_settings list[] = {dms, source(SOURCE_LDAP)};

    static const struct {
        const char *login, *address;
        enum answer_kind kind;
        const char *text;
    } cases[] = {
        {"ann@ldap.test", "ann@ldap.test", ANSWER_FOUND, "ann@ldap.test"},
        {"Ann", "ann@ldap.test", ANSWER_FOUND, "ann (ldap)"},
        {"ann", "sales@ldap.test", ANSWER_FOUND,
         "ann -> sales@ldap.test (alias of several)"},
        {"ann", "list@vol.test", ANSWER_FOUND,
         "ann -> sales@ldap.test (alias of several) -> list@vol.test (alias)"},
        {"ann", "carl@vol.test", ANSWER_NOT_FOUND, NULL},
        {"an", "ann@ldap.test", ANSWER_NOT_FOUND, NULL},
        {"ann", "ann+tag@ldap.test", ANSWER_NOT_FOUND, NULL},
        {"ann", "x@all.test", ANSWER_NOT_FOUND, NULL}, /* catch_all is off */
        {"carl@vol.test", "list@vol.test", ANSWER_FOUND, NULL},
        /* That a local-part is the same proves nothing elsewhere. */
        {"dora", "ann@ldap.test", ANSWER_NOT_FOUND, NULL},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        set_up(list, 2);
        struct ownership ownership = owner(cases[i].login, cases[i].address);
        if (ownership.kind != cases[i].kind) {
            fail_msg("%s as %s: %s", cases[i].login, cases[i].address,
                     ownership.proof != NULL ? ownership.proof : ownership.reason);
        }
        if (cases[i].text != NULL && strcmp(ownership.proof, cases[i].text) != 0) {
            fail_msg("%s as %s: %s", cases[i].login, cases[i].address, ownership.proof);
        }
        tear_down();
    }
}

/* A userdb has a mailbox under another name than the address. */
static void logins_own_what_is_stored_in_their_mailbox(void **state)
{
    (void)state;
    const struct source_settings list[] = {dms, source(SOURCE_DOVECOT)};

    static const struct {
        const char *login, *address;
        enum answer_kind kind;
        const char *text;
    } cases[] = {
        {"bea", "bea@vol.test", ANSWER_FOUND, "bea -> bea@vol.test (stored there)"},
        {"bea", "bea+x@vol.test", ANSWER_NOT_FOUND,
         "best match bea -> bea+x@vol.test (without its tag), which needs spoof.subaddress "
         "= "
         "yes"},
        {"bea", "info@vol.test", ANSWER_FOUND, "bea -> info@vol.test (alias of several)"},
        {"dora@vol.test", "info@vol.test", ANSWER_FOUND,
         "dora@vol.test -> info@vol.test (alias of several)"},
        {"dora@vol.test", "old.dora@vol.test", ANSWER_FOUND,
         "dora@vol.test -> old.dora@vol.test (stored there)"},
        {"dora@vol.test", "bea@vol.test", ANSWER_NOT_FOUND,
         "best match bea: it is another account"},
        {"carl@vol.test", "info@vol.test", ANSWER_NOT_FOUND, NULL},
        {"old.dora@vol.test", "old.dora@vol.test", ANSWER_FOUND, "old.dora@vol.test"},
        {"old.dora@vol.test", "dora@vol.test", ANSWER_NOT_FOUND, NULL},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        set_up(list, 2);
        struct ownership ownership = owner(cases[i].login, cases[i].address);
        const char *text = ownership.proof != NULL ? ownership.proof : ownership.reason;
        bool is_text = cases[i].text == NULL || strcmp(text, cases[i].text) == 0;
        if (ownership.kind != cases[i].kind || !is_text) {
            fail_msg("%s as %s: %s", cases[i].login, cases[i].address, text);
        }
        tear_down();
    }
}

static void a_message_keeps_so_much(void **state)
{
    (void)state;

    enum { LONG_BYTES = 1 << 20 };

    static char long_value[LONG_BYTES + 1];
    const struct source_settings list[] = {dms, source(SOURCE_LDAP)};
    set_up(list, 2);
    memset(long_value, 'x', LONG_BYTES);
    for (int i = 0; i < 40; i++) {
        struct arena *arena = arena_new();
        const struct question question = {QUESTION_TABLE,
                                          arena_format(arena, "long@%d.test", i)};
        script[SOURCE_LDAP].lines =
            (struct line[]){{QUESTION_TABLE, question.key, long_value}, {0, NULL, NULL}};
        assert_int_equal(directory_answer(&stage->directory, &question, arena).kind,
                         ANSWER_FOUND);
        arena_free(&arena);
    }
    assert_true(arena_used(stage->arena) < MEMORY_ANSWERS_BYTES + 2 * LONG_BYTES);
    script[SOURCE_LDAP].lines = ldap_lines;
    tear_down();
}

static void without_the_volume_domains_are_still_ours(void **state)
{
    (void)state;
    const struct source_settings list[] = {source(SOURCE_LDAP)};
    set_up(list, 1);
    assert_int_equal(ask(QUESTION_DOMAIN, "vol.test").kind, ANSWER_FOUND);
    tear_down();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_that_knows_answers),
        cmocka_unit_test(failure_stops_or_goes_on),
        cmocka_unit_test(a_message_asks_once),
        cmocka_unit_test(fresh_answers_are_not_asked_for),
        cmocka_unit_test(stale_answers_serve_for_a_while),
        cmocka_unit_test(breaker_opens_by_different_questions),
        cmocka_unit_test(quick_failures_keep_nobody_out),
        cmocka_unit_test(nobody_waits_beyond_the_deadline),
        cmocka_unit_test(breaker_opens_below_a_short_deadline),
        cmocka_unit_test(limits_are_known_without_asking),
        cmocka_unit_test(aliases_lead_through_all_sources),
        cmocka_unit_test(senders_own_what_a_source_says),
        cmocka_unit_test(logins_own_what_is_stored_in_their_mailbox),
        cmocka_unit_test(a_message_keeps_so_much),
        cmocka_unit_test(without_the_volume_domains_are_still_ours),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
