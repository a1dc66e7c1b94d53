/* SPDX-License-Identifier: MIT */
/* Ownership has a walk of its own beside the resolver. In random tables the two agree:
 * whoever's mailbox gets the mail of an address by virtual aliases owns it, with all
 * options on; and who owns it by an alias is named on some way of that mail. The seed and
 * number of tables may be given: test_ownership_tables SEED TABLES. */
#include "directory/ownership.h"

#include "base/text.h"
#include "directory/dms_parse.h"
#include "directory/local.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { TABLES = 20, KEYS = 12, PATTERNS = 3, TARGETS = 3 };

static uint64_t state = 1;
static unsigned long tables = TABLES;

static unsigned below(unsigned limit)
{
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(state >> 33) % limit;
}

#define ONE_OF(list) ((list)[below(sizeof(list) / sizeof *(list))])

static const char *const locals[] = {"a", "b",   "c",   "d",   "e",
                                     "A", "a+x", "b+x", "a-x", "b-a"};
static const char *const domains[] = {"x.test", "y.test", "X.Test", "host.test"};
static const char *const patterns[] = {
    "/^(.*)@y\\.test$/ $1@x.test",     "/^a[+-](.*)@x\\.test$/ $1@x.test",
    "/^([de])@/ $1x@x.test, b@x.test", "/^(.)x@x\\.test$/ $1@y.test",
    "/^b-(.)@x\\.test$/ $1+x@x.test",  "/^c@x\\.test$/ a%x.test@host.test",
};

static const char *random_address(struct arena *arena)
{
    return arena_format(arena, "%s@%s", ONE_OF(locals), ONE_OF(domains));
}

static const char *random_key(struct arena *arena)
{
    unsigned kind = below(12);
    return kind == 0   ? arena_format(arena, "@%s", ONE_OF(domains))
           : kind == 1 ? ONE_OF(locals)
                       : random_address(arena);
}

static const char *random_target(struct arena *arena)
{
    switch (below(14)) {
    case 0:
        return arena_format(arena, "@%s", ONE_OF(domains));
    case 1:
        return ONE_OF(locals);
    case 2:
        return arena_format(arena, "%s%%x.test@host.test", ONE_OF(locals));
    case 3:
        return arena_format(arena, "\"%s\"@host.test", random_address(arena));
    case 4:
        return arena_format(arena, "@r.test:%s", random_address(arena));
    case 5:
        return arena_format(arena, "\"%s\"@x.test", ONE_OF(locals));
    case 6:
        return arena_format(arena, "%s@elsewhere.test", ONE_OF(locals));
    default:
        return random_address(arena);
    }
}

static const char *random_aliases(struct arena *arena)
{
    const char *text = "";
    const char *keys[KEYS];
    for (size_t i = 0; i < KEYS; i++) {
        keys[i] = random_key(arena);
        bool is_double = false;
        for (size_t j = 0; j < i; j++) {
            is_double = is_double || text_equal_folded(keys[i], keys[j]);
        }
        if (is_double) {
            continue;
        }
        text = arena_format(arena, "%s%s", text, keys[i]);
        for (unsigned count = below(TARGETS) + 1; count > 0; count--) {
            text = arena_format(arena, "%s %s", text, random_target(arena));
        }
        text = arena_format(arena, "%s\n", text);
    }
    return text;
}

static const char *random_accounts(struct arena *arena)
{
    static const char *const accounts[] = {"a@x.test",  "b@x.test", "c@y.test",
                                           "d@x.test",  "a@y.test", "a+x@x.test",
                                           "b-a@x.test"};
    const char *text = "";
    for (size_t i = 0; i < sizeof accounts / sizeof *accounts; i++) {
        if (below(2) == 0) {
            text = arena_format(arena, "%s%s|x\n", text, accounts[i]);
        }
    }
    return text;
}

static const char *random_patterns(struct arena *arena)
{
    const char *text = "";
    for (unsigned count = below(PATTERNS + 1); count > 0; count--) {
        text = arena_format(arena, "%s%s\n", text, ONE_OF(patterns));
    }
    return text;
}

static FILE *open_text(const char *text)
{
    static char nothing[] = "\n";
    FILE *stream = text[0] != '\0' ? fmemopen((void *)(uintptr_t)text, strlen(text), "r")
                                   : fmemopen(nothing, 1, "r");
    assert_non_null(stream);
    return stream;
}

struct tables {
    struct directory_settings settings;
    const char *accounts, *aliases, *patterns;
    struct snapshot *snapshot;
};

static void build(struct arena *arena, struct tables *random)
{
    static const char *const delimiters[] = {"+", "+-", "-", ""};
    struct error error = {0};
    random->settings = (struct directory_settings){
        .hostname = "host.test",
        .mydestination = "host.test",
        .rules = {.myorigin = "host.test", .delimiters = ONE_OF(delimiters)},
    };
    random->accounts = random_accounts(arena);
    random->aliases = random_aliases(arena);
    random->patterns = random_patterns(arena);
    struct snapshot *snapshot = random->snapshot = snapshot_new(&random->settings);
    FILE *stream = open_text(random->accounts);
    assert_true(dms_parse_accounts(snapshot, stream, NULL, &error));
    fclose(stream);
    stream = open_text(random->aliases);
    assert_true(dms_parse_virtual(snapshot, stream, NULL, &error));
    rewind(stream);
    assert_true(dms_parse_domains(snapshot, stream, NULL, &error));
    fclose(stream);
    stream = open_text(random->patterns);
    assert_true(pattern_table_parse(snapshot->arena, stream, "r", NULL, &snapshot->patterns,
                                    &error));
    fclose(stream);
    snapshot_seal(snapshot);
}

static bool has_account(struct arena *arena, const struct tables *random, const char *key)
{
    const struct question question = {.kind = QUESTION_MAILBOX, .key = key};
    return snapshot_answer(random->snapshot, &question, arena).kind == ANSWER_FOUND;
}

/* Is this address (internal) the login's, with a detail at most that makes it nobody
 * else's? */
static bool names(struct arena *arena, const struct tables *random, const char *internal,
                  const char *login)
{
    struct address address;
    address_from_internal(arena, internal, &random->settings.rules, &address);
    if (strcmp(address.key, login) == 0) {
        return true;
    }
    char *base =
        address_quote(arena, arena_format(arena, "%s@%s", address.base, address.domain));
    text_fold(base);
    return address.detail[0] != '\0' && strcmp(base, login) == 0 &&
           !has_account(arena, random, address.key);
}

/* Is the login's mailbox named behind the first address of this way? */
static bool way_names(struct arena *arena, const struct tables *random,
                      const struct expanded_recipient *recipient, const char *login)
{
    bool found = false;
    for (size_t i = 1; i <= recipient->via_count && !found; i++) {
        const char *external =
            i < recipient->via_count ? recipient->via[i].address : recipient->address;
        found = names(arena, random,
                      address_complete(arena, external, &random->settings.rules), login);
    }
    return found;
}

static bool is_named(struct arena *arena, const struct tables *random,
                     const struct expansion *expansion, const char *login)
{
    bool found = false;
    for (size_t i = 0; i < expansion->recipient_count && !found; i++) {
        found = way_names(arena, random, &expansion->recipients[i], login);
    }
    for (size_t i = 0; i < expansion->double_count && !found; i++) {
        found = way_names(arena, random, &expansion->doubles[i], login);
    }
    return found;
}

/* Is there an alias on the way that leads from the asked address to another? One that lists
 * itself and is then routed by its local-part went no way. */
static bool leads_on(const struct expanded_recipient *recipient)
{
    bool leads = false;
    for (size_t i = 1; i < recipient->via_count; i++) {
        leads = leads ||
                !text_equal_folded(recipient->via[i].address, recipient->via[0].address);
    }
    return leads ||
           (recipient->via_count > 0 && strpbrk(recipient->via[0].address, "%!\"") == NULL);
}

static bool gets_mail(const struct expansion *expansion, const char *login)
{
    bool gets = false;
    for (size_t i = 0; i < expansion->recipient_count; i++) {
        const struct expanded_recipient *recipient = &expansion->recipients[i];
        gets = gets || (recipient->mailbox != NULL && leads_on(recipient) &&
                        strcmp(recipient->mailbox, login) == 0);
    }
    return gets;
}

static void compare_login(const struct tables *random, const struct address *address,
                          const struct expansion *expansion, const char *login)
{
    static const struct ownership_options all = {.nested = true,
                                                 .catch_all = true,
                                                 .regexp = true,
                                                 .group = true,
                                                 .subaddress = true,
                                                 .account_alias = true};
    struct arena *arena = arena_new();
    struct ownership owner = ownership_find(
        arena, login, address, &(struct directory){.snapshot = random->snapshot}, &all);
    bool lost = gets_mail(expansion, login) && owner.kind != ANSWER_FOUND;
    /* Where nobody gets the mail, no way is told. */
    bool made_up = owner.kind == ANSWER_FOUND && owner.path_count > 0 &&
                   expansion->recipient_count > 0 &&
                   !is_named(arena, random, expansion, login);
    if (lost || made_up) {
        fail_msg("%s as %s, delimiters \"%s\": %s, %s\n%s---\n%s---\n%s", login,
                 address->raw, random->settings.rules.delimiters, lost ? "lost" : "made up",
                 owner.kind == ANSWER_FOUND ? owner.proof : owner.reason, random->accounts,
                 random->aliases, random->patterns);
    }
    arena_free(&arena);
}

static void compare(const struct tables *random, const char *typed)
{
    static const char *const logins[] = {"a@x.test", "b@x.test", "a+x@x.test", "b-a@x.test",
                                         "a@y.test", "d@x.test", "e@x.test"};
    struct arena *arena = arena_new();
    struct address address;
    struct error error = {0};
    if (address_parse(arena, typed, &random->settings.rules, &address, &error)) {
        const struct expansion *expansion = resolve_address(
            arena, &address, &(struct directory){.snapshot = random->snapshot});
        for (size_t i = 0; i < sizeof logins / sizeof *logins; i++) {
            compare_login(random, &address, expansion, logins[i]);
        }
    }
    arena_free(&arena);
}

static void agrees_with_the_resolver(void **unused)
{
    (void)unused;
    for (unsigned long i = 0; i < tables; i++) {
        struct arena *arena = arena_new();
        struct tables random;
        build(arena, &random);
        for (size_t l = 0; l < sizeof locals / sizeof *locals; l++) {
            for (size_t d = 0; d < sizeof domains / sizeof *domains; d++) {
                compare(&random, arena_format(arena, "%s@%s", locals[l], domains[d]));
            }
        }
        for (int n = 0; n < 10; n++) {
            compare(&random, random_target(arena));
        }
        snapshot_release(&random.snapshot);
        arena_free(&arena);
    }
}

int main(int argc, char **argv)
{
    if (argc == 3) {
        state = strtoull(argv[1], NULL, 10);
        tables = strtoul(argv[2], NULL, 10);
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_the_resolver),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
