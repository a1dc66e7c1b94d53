/* SPDX-License-Identifier: MIT */
/* What nobody can tell is never told as if it were known, whichever question it is. */
#include "source_fixture.h"

/* While LDAP is away and `continue`: what is known goes on, nobody is called unknown. */
static void unknown_is_never_said_in_doubt(void **state)
{
    (void)state;

    static const struct {
        const char *address;
        enum expansion_status status;
    } cases[] = {
        {"carl@vol.test", EXPANSION_OK},
        {"carl+x@vol.test", EXPANSION_OK},
        {"nobody@vol.test", EXPANSION_ERROR},
        {"list@vol.test", EXPANSION_OK}, /* its target is at a domain only LDAP knows */
        {"someone@elsewhere.test", EXPANSION_RELAY},
    };

    struct source_settings list[] = {dms, source(SOURCE_LDAP)};
    list[1].goes_on = true;
    set_up(list, 2);
    assert_int_equal(resolve("nobody@vol.test")->status, EXPANSION_UNKNOWN);
    tear_down();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        set_up(list, 2);
        script[SOURCE_LDAP].failure = "away";
        const struct expansion *expansion = resolve(cases[i].address);
        assert_int_equal(expansion->status, cases[i].status);
        if (expansion->status == EXPANSION_ERROR) {
            assert_int_equal(expansion->fault, FAULT_TABLE);
            assert_string_equal(expansion->fault_reason, "ldap: away");
        }
        tear_down();
    }
}

/* The stage's directory, of which one question gets no certain answer. */
struct faulty {
    struct directory directory; /* first */
    int left;                   /* questions before it */
    bool is_doubt;              /* NOT_FOUND, with a reason; else FAILED */
};

static struct answer ask_faulty(const struct directory *directory,
                                const struct question *question, struct arena *arena)
{
    struct faulty *faulty = directory->context;
    struct answer answer = directory_answer(&stage->directory, question, arena);
    bool is_of_volume = (answer.kind == ANSWER_FOUND && answer.source == NULL) ||
                        question->kind == QUESTION_PATTERN ||
                        question->kind == QUESTION_LOCAL;
    if (!is_of_volume && faulty->left-- == 0) {
        answer = (struct answer){
            .kind = faulty->is_doubt ? ANSWER_NOT_FOUND : ANSWER_FAILED, .reason = "no"};
    }
    return answer;
}

static struct directory faulty_directory(struct faulty *faulty, int failing, bool is_doubt)
{
    faulty->left = failing;
    faulty->is_doubt = is_doubt;
    faulty->directory = stage->directory;
    faulty->directory.ask = ask_faulty;
    faulty->directory.context = faulty;
    return faulty->directory;
}

static const struct source_settings everything[] = {
    {.kind = SOURCE_DMS},
    {.kind = SOURCE_LDAP, .timeout_ms = 500, .cache_ms = 10000},
    {.kind = SOURCE_DOVECOT, .timeout_ms = 500, .cache_ms = 10000},
};

static const char *const logins[] = {"bea", "ann", "dora@vol.test", "carl@vol.test",
                                     "carl"};

static const char *const addresses[] = {
    "bea@vol.test",  "info@vol.test", "tag@vol.test",    "old.dora@vol.test",
    "carl@vol.test", "list@vol.test", "sales@ldap.test", "carl+tag@vol.test",
    "away@vol.test", "only@al.test",  "late@al.test",    "nobody@vol.test",
};

static size_t count_unknown(const struct expansion *expansion)
{
    size_t count = expansion->status == EXPANSION_UNKNOWN;
    for (size_t i = 0; i < expansion->recipient_count; i++) {
        count += expansion->recipients[i].class == CLASS_UNKNOWN;
    }
    return count;
}

static void fail_each_resolution(const char *text, bool is_doubt)
{
    struct faulty faulty = {.left = -1};
    struct address address;
    set_up(everything, 3);
    address_from_internal(stage->arena, text, &stage->volume.settings.rules, &address);
    size_t right =
        count_unknown(resolve_address(stage->arena, &address, &stage->directory));
    for (int failing = 0; faulty.left < 0; failing++) {
        const struct directory directory = faulty_directory(&faulty, failing, is_doubt);
        const struct expansion *expansion =
            resolve_address(stage->arena, &address, &directory);
        if (count_unknown(expansion) > right) {
            fail_msg("%s: unknown, when question %d %s", text, failing,
                     is_doubt ? "is in doubt" : "fails");
        }
    }
    tear_down();
}

static void no_failure_makes_somebody_unknown(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof addresses / sizeof addresses[0]; i++) {
        fail_each_resolution(addresses[i], false);
        fail_each_resolution(addresses[i], true);
    }
}

/* What is found in old answers serves; what they exclude may be allowed by now. */
static void refusals_do_not_rest_on_old_answers(void **state)
{
    (void)state;
    static const struct line moving[] = {
        {QUESTION_DOMAIN, "ldap.test", "ldap.test"},
        {QUESTION_MAILBOX, "ann@ldap.test", "ann@ldap.test"},
        {QUESTION_TABLE, "sales@ldap.test", "ann@ldap.test"},
        {QUESTION_SENDER, "ann@ldap.test", "ann@ldap.test, uid"},
        {0, NULL, NULL},
    };
    const struct source_settings list[] = {dms, source(SOURCE_LDAP)};
    set_up(list, 2);
    script[SOURCE_LDAP].lines = moving;
    for (int is_away = 0; is_away <= 1; is_away++) {
        assert_int_equal(owner("carl@vol.test", "ann@ldap.test").kind,
                         is_away ? ANSWER_FAILED : ANSWER_NOT_FOUND);
        assert_int_equal(owner("carl@vol.test", "sales@ldap.test").kind,
                         is_away ? ANSWER_FAILED : ANSWER_NOT_FOUND);
        assert_int_equal(owner("ann@ldap.test", "sales@ldap.test").kind, ANSWER_FOUND);
        assert_int_equal(owner("uid", "ann@ldap.test").kind, ANSWER_FOUND);
        assert_int_equal(owner("uid", "sales@ldap.test").kind, ANSWER_FOUND);
        assert_int_equal(owner("other", "sales@ldap.test").kind,
                         is_away ? ANSWER_FAILED : ANSWER_NOT_FOUND);
        assert_int_equal(resolve("sales@ldap.test")->status, EXPANSION_OK);
        script[SOURCE_LDAP].failure = "away";
        clock_advance(60000);
        next_message();
    }
    tear_down();
}

static void not_owned_is_never_said_in_doubt(void **state)
{
    (void)state;
    struct source_settings list[] = {dms, source(SOURCE_LDAP)};
    for (int goes_on = 0; goes_on <= 1; goes_on++) {
        list[1].goes_on = goes_on != 0;
        set_up(list, 2);
        script[SOURCE_LDAP].failure = "away";
        struct ownership ownership = owner("carl@vol.test", "sales@ldap.test");
        assert_int_equal(ownership.kind, ANSWER_FAILED);
        assert_string_equal(ownership.reason, "ldap: away");
        assert_int_equal(owner("carl@vol.test", "carl@vol.test").kind, ANSWER_FOUND);
        tear_down();
    }
}

static void fail_each_claim(const char *login, const char *text, bool is_doubt)
{
    const struct ownership_options options = {.nested = true, .group = true};
    struct faulty faulty = {.left = -1};
    struct address address;
    set_up(everything, 3);
    address_from_internal(stage->arena, text, &stage->volume.settings.rules, &address);
    enum answer_kind right = owner(login, text).kind;
    for (int failing = 0; faulty.left < 0; failing++) {
        const struct directory directory = faulty_directory(&faulty, failing, is_doubt);
        enum answer_kind kind =
            ownership_find(stage->arena, login, &address, &directory, &options).kind;
        bool is_possible = kind == right || (kind == ANSWER_FAILED && faulty.left < 0);
        if (!is_possible) {
            fail_msg("%s as %s: %s, when question %d %s", login, text,
                     answer_kind_name(kind), failing, is_doubt ? "is in doubt" : "fails");
        }
    }
    tear_down();
}

/* Whichever question fails, nobody is told for good that he owns nothing; and a failure
 * proves nothing for him. */
static void no_failure_takes_or_gives_ownership(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof logins / sizeof logins[0]; i++) {
        for (size_t j = 0; j < sizeof addresses / sizeof addresses[0]; j++) {
            fail_each_claim(logins[i], addresses[j], false);
            fail_each_claim(logins[i], addresses[j], true);
        }
    }
}

/* Behind pair@ is carl@, whom the plan must not give a second copy. */
static void no_failure_makes_another_plan(void **state)
{
    (void)state;

    enum { RIGHT_EDITS = 2 };

    const char *targets[] = {"pair@elsewhere.test", "carl@vol.test"};
    struct recipient recipient = {.state = RECIPIENT_ACCEPTED,
                                  .replaced = true,
                                  .replacement = targets,
                                  .replacement_count = 2};
    struct recipient *const recipients[] = {&recipient};
    const struct plan nothing_else = {0};
    struct faulty faulty;
    set_up(everything, 3);
    struct error error = {0};
    assert_true(address_parse(stage->arena, "<info@vol.test>",
                              &stage->volume.settings.rules, &recipient.address, &error));
    for (int failing = 0;; failing++) {
        struct edit_list edits;
        const struct directory directory = faulty_directory(&faulty, failing, false);
        bool planned = envelope_plan(&nothing_else, recipients, 1, &directory, stage->arena,
                                     &edits, &error);
        if (planned && edits.count != RIGHT_EDITS) {
            fail_msg("%zu edits, when question %d fails", edits.count, failing);
        }
        if (faulty.left >= 0) {
            assert_true(planned);
            break;
        }
    }
    tear_down();
}

static void domains_stay_in_doubt_in_all_forms(void **state)
{
    (void)state;
    struct faulty faulty;
    set_up(everything, 3);
    for (int failing = 0; failing < 2; failing++) {
        const struct directory directory = faulty_directory(&faulty, failing, true);
        struct answer answer =
            directory_find_domain(&directory, "xn--bcher-kva.test", stage->arena);
        assert_int_equal(answer.kind, ANSWER_NOT_FOUND);
        assert_string_equal(answer.reason, "no");
    }
    assert_null(directory_find_domain(&stage->directory, "xn--bcher-kva.test", stage->arena)
                    .reason);
    tear_down();
}

static void a_source_that_gives_no_reason_has_failed(void **state)
{
    (void)state;
    const struct source_settings list[] = {dms, source(SOURCE_LDAP)};
    static const char *const keys[] = {"a@x.test", "b@x.test", "c@x.test", "d@x.test"};
    set_up(list, 2);
    script[SOURCE_LDAP].is_silent = true;
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        struct answer answer = ask(QUESTION_MAILBOX, keys[i]);
        assert_int_equal(answer.kind, ANSWER_FAILED);
        assert_string_equal(answer.reason, "ldap: it cannot tell");
    }
    tear_down();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unknown_is_never_said_in_doubt),
        cmocka_unit_test(no_failure_makes_somebody_unknown),
        cmocka_unit_test(not_owned_is_never_said_in_doubt),
        cmocka_unit_test(refusals_do_not_rest_on_old_answers),
        cmocka_unit_test(no_failure_takes_or_gives_ownership),
        cmocka_unit_test(no_failure_makes_another_plan),
        cmocka_unit_test(domains_stay_in_doubt_in_all_forms),
        cmocka_unit_test(a_source_that_gives_no_reason_has_failed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
