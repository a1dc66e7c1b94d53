/* SPDX-License-Identifier: MIT */
#include "directory/rewrite.h"

#include "directory/envelope.h"
#include "mail/plan_text.h"
#include "volume.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const char accounts[] =
    "alice@example.com|x\nbob@example.com|x\ncarol@example.com|x\ndave@example.com|x\n";

static const char aliases[] =
    "sales@example.com       alice@example.com\n"
    "team@example.com        alice@example.com, bob@example.com\n"
    "nested@example.com      team@example.com, sales@example.com, out@remote.test\n"
    "bob@example.com         bob@example.com, bob@remote.test\n"
    "ext@example.com         someone@remote.test\n"
    "tagged@example.com      alice+fixed@example.com, you+fixed@remote.test\n"
    "carol+news@example.com  bob@example.com\n"
    "dave@example.com        dave@example.com, bob@example.com, carol@example.com\n"
    "@catch.test             alice@example.com\n"
    "host@example.com        root@mail.example.test, carol@example.com\n"
    "gone@example.com        nobody@example.com\n"
    "abroad@example.com      both@remote.test\n"
    "ping@example.com        pong@example.com\n"
    "pong@example.com        ping@example.com\n";

static const char patterns[] =
    "/^both@remote\\.test$/ both@remote.test, alice@example.com\n";

static const struct rewrite expand_only = {.expand = true, .recipients_max = 1000};
static const struct rewrite strip_only = {.detail = DETAIL_STRIP, .recipients_max = 1000};
static const struct rewrite external_only = {.expand = true, .detail = DETAIL_EXTERNAL};
static const struct rewrite both = {
    .expand = true, .detail = DETAIL_STRIP, .recipients_max = 1000};
static const struct rewrite off = {.recipients_max = 1000};
static const struct rewrite traced = {
    .expand = true, .detail = DETAIL_STRIP, .header = "X-Original-To"};

static struct volume volume;
static struct snapshot *snapshot;

static int begin(void **unused)
{
    (void)unused;
    struct error error = {0};
    volume_begin(&volume);
    volume_write(&volume, "postfix-accounts.cf", accounts);
    volume_write(&volume, "postfix-virtual.cf", aliases);
    volume_write(&volume, "postfix-regexp.cf", patterns);
    snapshot = dms_load(&volume.settings, NULL, &error);
    return snapshot == NULL;
}

static int end(void **unused)
{
    (void)unused;
    snapshot_release(&snapshot);
    volume_end(&volume);
    return 0;
}

static struct message *new_message(const char *recipients)
{
    static const char *const none[] = {NULL};
    struct message *message = message_new();
    message_begin(message, none);
    char *rest = NULL;
    char *text = arena_copy(message->arena, recipients);
    for (char *word = strtok_r(text, " ", &rest); word != NULL;
         word = strtok_r(NULL, " ", &rest)) {
        struct recipient *recipient = message_add_recipient(message, none);
        struct error error;
        bool refused = word[0] == '!';
        assert_true(address_parse(message->arena, word + refused, &volume.settings.rules,
                                  &recipient->address, &error));
        recipient->state = refused ? RECIPIENT_REFUSED : RECIPIENT_ACCEPTED;
    }
    return message;
}

/* As the transaction does it. */
static const char *edits_of(const struct rewrite *rewrite, struct message *message)
{
    struct edit_list edits;
    struct error error = {0};
    struct recipient *const *recipients =
        rewrite_recipients(rewrite, message, &(struct directory){.snapshot = snapshot});
    if (!envelope_plan(&message->plan, recipients, message->recipient_count,
                       &(struct directory){.snapshot = snapshot}, message->arena, &edits,
                       &error)) {
        return arena_copy(message->arena, error.text);
    }
    rewrite_trace(rewrite, message, &edits);
    const char *text = edits_text(message->arena, &edits);
    return text != NULL ? text : "";
}

static void rewrites_recipients(void **unused)
{
    (void)unused;

    static const struct {
        const struct rewrite *rewrite;
        const char *recipients, *edits;
    } cases[] = {
        {&off, "<sales+x@example.com>", ""},
        {&expand_only, "<alice@example.com>", ""},
        {&expand_only, "<Alice+x@Example.com>", ""},
        {&expand_only, "<sales@example.com>",
         "delete <sales@example.com>, add <alice@example.com>"},
        {&expand_only, "<SALES@example.com>",
         "delete <SALES@example.com>, add <alice@example.com>"},
        {&expand_only, "<sales+x@example.com>",
         "delete <sales+x@example.com>, add <alice+x@example.com>"},
        {&expand_only, "<nested@example.com>",
         "delete <nested@example.com>, add <bob@example.com>, add <alice@example.com>, "
         "add <out@remote.test>"},
        /* Each mailbox once: alice is there, sales is alice, bob forwards to bob@remote. */
        {&expand_only, "<alice@example.com> <sales@example.com> <team@example.com>",
         "delete <sales@example.com>, delete <team@example.com>, add <bob@example.com>"},
        {&expand_only, "<team@example.com> <bob@remote.test>",
         "delete <team@example.com>, delete <bob@remote.test>, add <bob@example.com>, add "
         "<alice@example.com>"},
        {&expand_only, "<bob@example.com>", ""},
        {&expand_only, "<x@catch.test>", "delete <x@catch.test>, add <alice@example.com>"},
        {&expand_only, "<x@elsewhere.test>", ""},
        {&expand_only, "<nobody@example.com>", ""},
        {&expand_only, "<ping@example.com>", ""},
        {&expand_only, "!<sales@example.com> <alice@example.com>", ""},
        /* Local users of the host are expanded by the server itself. */
        {&expand_only, "<host@example.com>", ""},
        {&expand_only, "<root@mail.example.test>", ""},
        {&expand_only, "<gone@example.com>",
         "delete <gone@example.com>, add <nobody@example.com>"},
        {&strip_only, "<alice+x@example.com>",
         "delete <alice+x@example.com>, add <alice@example.com>"},
        {&strip_only, "<alice@example.com>", ""},
        {&strip_only, "<sales+x@example.com>",
         "delete <sales+x@example.com>, add <sales@example.com>"},
        {&strip_only, "<carol+x@example.com>",
         "delete <carol+x@example.com>, add <carol@example.com>"},
        /* Here the tag is what leads to bob. */
        {&strip_only, "<carol+news@example.com>", ""},
        {&strip_only, "<x+y@elsewhere.test>", ""},
        /* Nobody behind the catch-all sees the detail. */
        {&strip_only, "<x+y@catch.test>", ""},
        {&both, "<sales+x@example.com>",
         "delete <sales+x@example.com>, add <alice@example.com>"},
        {&both, "<carol+news@example.com>",
         "delete <carol+news@example.com>, add <bob@example.com>"},
        /* dave is its own target, and brings the others with him. */
        {&expand_only, "<carol@example.com> <dave@example.com>",
         "delete <carol@example.com>"},
        {&expand_only, "<bob@example.com> <dave@example.com>", "delete <bob@example.com>"},
        {&expand_only, "<dave@example.com> <alice@example.com>", ""},
        /* The server that has the pattern must see it. */
        {&expand_only, "<abroad@example.com>", ""},
        {&expand_only, "<abroad@example.com> <sales@example.com>",
         "delete <sales@example.com>"},
        {&off, "<carol@example.com> <dave@example.com>", ""},
        {&strip_only, "<carol@example.com> <dave@example.com>", ""},
        {&both, "<ext+x@example.com>",
         "delete <ext+x@example.com>, add <someone@remote.test>"},
        /* A detail that the alias itself names belongs to the address. */
        {&both, "<tagged@example.com>",
         "delete <tagged@example.com>, add <alice@example.com>, add "
         "<you+fixed@remote.test>"},
        {&external_only, "<ext+x@example.com>",
         "delete <ext+x@example.com>, add <someone@remote.test>"},
        {&external_only, "<sales+x@example.com>",
         "delete <sales+x@example.com>, add <alice+x@example.com>"},
        {&external_only, "<x+y@elsewhere.test>", ""},
        {&traced, "<sales+x@example.com>",
         "delete <sales+x@example.com>, add <alice@example.com>, add header X-Original-To"},
        {&traced, "!<team@example.com> <Sales@example.com>",
         "delete <Sales@example.com>, add <alice@example.com>, add header X-Original-To"},
        {&traced, "<sales@example.com> <carol@example.com>",
         "delete <sales@example.com>, add <alice@example.com>"},
        {&traced, "<alice@example.com>", ""},
        {&traced, "<bob@example.com>", ""},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct message *message = new_message(cases[i].recipients);
        const char *got = edits_of(cases[i].rewrite, message);
        if (strcmp(got, cases[i].edits) != 0) {
            fail_msg("%s (%zu)\n    got  %s\n    want %s", cases[i].recipients, i, got,
                     cases[i].edits);
        }
        message_free(&message);
    }
}

static void replaces_a_trace_that_came_along(void **unused)
{
    (void)unused;
    struct message *message = new_message("<Sales+x@example.com>");
    header_add(&message->headers, message->arena, "x-original-to", "forged@example.com");
    header_add(&message->headers, message->arena, "Subject", "x");
    header_add(&message->headers, message->arena, "X-Original-To", "other@example.com");
    struct edit_list edits;
    struct error error = {0};
    assert_true(envelope_plan(
        &message->plan,
        rewrite_recipients(&traced, message, &(struct directory){.snapshot = snapshot}), 1,
        &(struct directory){.snapshot = snapshot}, message->arena, &edits, &error));
    rewrite_trace(&traced, message, &edits);
    assert_int_equal(edits.count, 5);
    assert_int_equal(edits.edits[2].kind, EDIT_DELETE_HEADER);
    assert_int_equal(edits.edits[2].index, 2);
    assert_int_equal(edits.edits[3].index, 1);
    assert_int_equal(edits.edits[4].kind, EDIT_ADD_HEADER);
    assert_string_equal(edits.edits[4].value, "Sales+x@example.com");
    message_free(&message);
}

/* What rules left of a recipient is not expanded anew. */
static void keeps_what_rules_left_out(void **unused)
{
    (void)unused;
    struct message *message = new_message("<team+x@example.com>");
    const char *left[] = {"alice+x@example.com"};
    message->recipients[0]->replaced = true;
    message->recipients[0]->replacement = left;
    message->recipients[0]->replacement_count = 1;
    assert_string_equal(edits_of(&expand_only, message),
                        "delete <team+x@example.com>, add <alice+x@example.com>");
    assert_string_equal(edits_of(&both, message),
                        "delete <team+x@example.com>, add <alice@example.com>");
    message->recipients[0]->replacement_count = 0;
    assert_string_equal(edits_of(&both, message), "the plan leaves no recipient");
    message_free(&message);
}

static void counts_recipients(void **unused)
{
    (void)unused;

    static const struct {
        const struct rewrite *rewrite;
        const char *internal;
        size_t count;
    } cases[] = {
        {&off, "nested@example.com", 1},         {&expand_only, "nested@example.com", 4},
        {&expand_only, "alice@example.com", 1},  {&expand_only, "ping@example.com", 1},
        {&expand_only, "nobody@example.com", 1}, {&expand_only, "host@example.com", 1},
        {&strip_only, "nested@example.com", 1},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct arena *arena = arena_new();
        struct address address;
        address_from_internal(arena, cases[i].internal, &volume.settings.rules, &address);
        assert_int_equal(rewrite_count(cases[i].rewrite, &address,
                                       &(struct directory){.snapshot = snapshot}),
                         cases[i].count);
        arena_free(&arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rewrites_recipients),
        cmocka_unit_test(replaces_a_trace_that_came_along),
        cmocka_unit_test(keeps_what_rules_left_out),
        cmocka_unit_test(counts_recipients),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
