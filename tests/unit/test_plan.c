/* SPDX-License-Identifier: MIT */
/* The envelope plan against what Postfix does with its edits (cleanup_milter.c). */
#include "plan_fixture.h"

#include <time.h>

#define A "a@x.example"
#define B "b@x.example"
#define C "c@x.example"

/* The form in which a recipient is deleted and its original recipient is kept. */
static const struct plan_case forms[] = {
    {"brackets and case",
     NULL,
     {{"<User@Box.Example>", NULL, A}},
     NULL,
     "del <User@Box.Example>\nadd <" A "> O=rfc822;User@Box.Example",
     NULL},
    {"no brackets",
     NULL,
     {{"User@Box.Example", NULL, A}},
     NULL,
     "del <User@Box.Example>\nadd <" A "> O=rfc822;User@Box.Example",
     NULL},
    {"blanks inside of the brackets",
     NULL,
     {{"< u@box.example >", NULL, A}},
     NULL,
     "del <u@box.example>\nadd <" A "> O=rfc822;u@box.example",
     NULL},
    {"quoted local-part",
     NULL,
     {{"<\"a b\"@box.example>", NULL, A}},
     NULL,
     "del <\"a b\"@box.example>\nadd <" A "> O=rfc822;\"a+20b\"@box.example",
     NULL},
    {"needless quotes go: the MTA compares without them",
     NULL,
     {{"<\"ab\"@box.example>", NULL, A}},
     NULL,
     "del <ab@box.example>\nadd <" A "> O=rfc822;\"ab\"@box.example",
     NULL},
    {"a dot behind the domain stays, as typed",
     NULL,
     {{"<ab@box.example.>", NULL, A}},
     NULL,
     "del <ab@box.example.>\nadd <" A "> O=rfc822;ab@box.example.",
     NULL},
    {"also without the quotes",
     NULL,
     {{"<\"ab\"@box.example.>", NULL, A}},
     NULL,
     "del <ab@box.example.>\nadd <" A "> O=rfc822;\"ab\"@box.example.",
     NULL},
    {"also before a comment",
     NULL,
     {{"<ab@box.example.(c.\\))>", NULL, A}},
     NULL,
     "del <ab@box.example.>\nadd <" A "> O=rfc822;ab@box.example.(c.\\))",
     NULL},
    {"a comment alone goes",
     NULL,
     {{"<ab@box.example(c.)>", NULL, A}},
     NULL,
     "del <ab@box.example>\nadd <" A "> O=rfc822;ab@box.example(c.)",
     NULL},
    {"source route goes",
     NULL,
     {{"<@h1,@h2:ab@box.example>", NULL, A}},
     NULL,
     "del <ab@box.example>\nadd <" A "> O=rfc822;ab@box.example",
     NULL},
    {"source route before a quoted one",
     NULL,
     {{"<@h1,@h2:\"a b\"@box.example>", NULL, A}},
     NULL,
     "del <\"a b\"@box.example>\nadd <" A "> O=rfc822;\"a+20b\"@box.example",
     NULL},
    {"a bare name stays bare",
     NULL,
     {{"<bare>", NULL, A}},
     NULL,
     "del <bare>\nadd <" A "> O=rfc822;bare",
     NULL},
    {"plus and equals in xtext",
     NULL,
     {{"<u+t=1@box.example>", NULL, A}},
     NULL,
     "del <u+t=1@box.example>\nadd <" A "> O=rfc822;u+2Bt+3D1@box.example",
     NULL},
    {"8-bit in xtext",
     NULL,
     {{"<\xc3\xb6@box.example>", NULL, A}},
     NULL,
     "del <\xc3\xb6@box.example>\nadd <" A "> O=rfc822;+C3+B6@box.example",
     NULL},
    {"the client's ORCPT verbatim",
     NULL,
     {{"<u@box.example>", "ORCPT=rfc822;X+2BY@Z", A}},
     NULL,
     "del <u@box.example>\nadd <" A "> O=rfc822;X+2BY@Z",
     NULL},
    {"parameters in any case and order",
     NULL,
     {{"<u@box.example>", "notify=never orcpt=utf-8;x", A}},
     NULL,
     "del <u@box.example>\nadd <" A "> O=utf-8;x N=never",
     NULL},
};

static const struct plan_case notify[] = {
    {"one to one keeps it",
     NULL,
     {{"<u@d>", "NOTIFY=SUCCESS,FAILURE", A}},
     NULL,
     "del <u@d>\nadd <" A "> O=rfc822;u@d N=SUCCESS,FAILURE",
     NULL},
    {"one to several: SUCCESS once",
     NULL,
     {{"<u@d>", "NOTIFY=SUCCESS,FAILURE", A " " B " " C}},
     NULL,
     "del <u@d>\nadd <" A "> O=rfc822;u@d N=SUCCESS,FAILURE\nadd <" B
     "> O=rfc822;u@d N=FAILURE\nadd <" C "> O=rfc822;u@d N=FAILURE",
     NULL},
    {"SUCCESS alone becomes NEVER",
     NULL,
     {{"<u@d>", "NOTIFY=SUCCESS", A " " B}},
     NULL,
     "del <u@d>\nadd <" A "> O=rfc822;u@d N=SUCCESS\nadd <" B "> O=rfc822;u@d N=NEVER",
     NULL},
    {"success in the middle, small letters",
     NULL,
     {{"<u@d>", "NOTIFY=Delay,success,Failure", A " " B}},
     NULL,
     "del <u@d>\nadd <" A "> O=rfc822;u@d N=Delay,success,Failure\nadd <" B
     "> O=rfc822;u@d N=Delay,Failure",
     NULL},
    {"NEVER stays",
     NULL,
     {{"<u@d>", "NOTIFY=NEVER", A " " B}},
     NULL,
     "del <u@d>\nadd <" A "> O=rfc822;u@d N=NEVER\nadd <" B "> O=rfc822;u@d N=NEVER",
     NULL},
    {"none stays none",
     NULL,
     {{"<u@d>", NULL, A " " B}},
     NULL,
     "del <u@d>\nadd <" A "> O=rfc822;u@d\nadd <" B "> O=rfc822;u@d",
     NULL},
    {"each alias has its own",
     NULL,
     {{"<u@d>", "NOTIFY=SUCCESS", A}, {"<v@d>", "NOTIFY=SUCCESS", B}},
     NULL,
     "del <u@d>\ndel <v@d>\nadd <" A "> O=rfc822;u@d N=SUCCESS\nadd <" B
     "> O=rfc822;v@d N=SUCCESS",
     NULL},
};

/* Sets, order, duplicates. */
static const struct plan_case sets[] = {
    {"nothing recorded", NULL, {{"<u@d>", NULL, NULL}}, NULL, "", NULL},
    {"nothing at all", NULL, {{NULL, NULL, NULL}}, NULL, "", NULL},
    {"deletes before adds",
     NULL,
     {{"<u@d>", NULL, "k@d"}, {"<k@d>", NULL, "z@d"}},
     NULL,
     "del <u@d>\ndel <k@d>\nadd <z@d> O=rfc822;k@d\nadd <k@d> O=rfc822;u@d",
     NULL},
    {"itself only: not touched", NULL, {{"<" A ">", NULL, A}}, NULL, "", NULL},
    {"itself in other letters", NULL, {{"<A@X.Example>", NULL, A}}, NULL, "", NULL},
    {"itself and another",
     NULL,
     {{"<" A ">", NULL, A " " B}},
     NULL,
     "add <" B "> O=rfc822;" A,
     NULL},
    {"target is another recipient already",
     NULL,
     {{"<u@d>", NULL, A}, {"<" A ">", NULL, NULL}},
     NULL,
     "del <u@d>",
     NULL},
    {"in other letters",
     NULL,
     {{"<u@d>", NULL, A}, {"<A@x.EXAMPLE>", NULL, NULL}},
     NULL,
     "del <u@d>",
     NULL},
    {"target is what another expands to",
     "list@d=" A " " B,
     {{"<u@d>", NULL, A " " C}, {"<list@d>", NULL, NULL}},
     NULL,
     "del <u@d>\nadd <" C "> O=rfc822;u@d",
     NULL},
    {"two aliases with the same target",
     NULL,
     {{"<u@d>", NULL, A}, {"<v@d>", NULL, A}},
     NULL,
     "del <u@d>\ndel <v@d>\nadd <" A "> O=rfc822;u@d",
     NULL},
    {"the same target twice",
     NULL,
     {{"<u@d>", NULL, A " A@X.EXAMPLE " A}},
     NULL,
     "del <u@d>\nadd <" A "> O=rfc822;u@d",
     NULL},
    {"a refused recipient is nobody",
     NULL,
     {{"<u@d>", NULL, A}, {"!<" A ">", NULL, NULL}, {"!<v@d>", NULL, ""}},
     NULL,
     "del <u@d>\nadd <" A "> O=rfc822;u@d",
     NULL},
    {"dropped beside another",
     NULL,
     {{"<u@d>", NULL, ""}, {"<v@d>", NULL, NULL}},
     NULL,
     "del <u@d>",
     NULL},
    {"two spellings, both replaced",
     NULL,
     {{"<p@d>", NULL, A}, {"<P@d>", NULL, A}},
     NULL,
     "del <p@d>\ndel <P@d>\nadd <" A "> O=rfc822;p@d",
     NULL},
    {"two spellings, one replaced: the other stays",
     NULL,
     {{"<p@d>", NULL, A}, {"<P@d>", NULL, NULL}},
     NULL,
     "add <" A "> O=rfc822;p@d",
     NULL},
    {"two spellings, one without a member that the other keeps",
     "p@d=" A " " B,
     {{"<p@d>", NULL, A}, {"<P@d>", NULL, NULL}},
     NULL,
     "",
     NULL},
    {"two spellings, one dropped",
     NULL,
     {{"<p@d>", NULL, ""}, {"<P@d>", NULL, NULL}},
     NULL,
     "",
     NULL},
    {"a rule's own recipient", NULL, {{"<u@d>", NULL, NULL}}, A, "add <" A ">", NULL},
    {"that is there already", NULL, {{"<" A ">", NULL, NULL}}, A, "", NULL},
    {"that a kept alias leads to",
     "list@d=" A " " B,
     {{"<list@d>", NULL, NULL}},
     A,
     "",
     NULL},
    {"twice", NULL, {{"<u@d>", NULL, NULL}}, A " A@x.example", "add <" A ">", NULL},
    {"that replaces the last one dropped",
     NULL,
     {{"<u@d>", NULL, ""}},
     A,
     "del <u@d>\nadd <" A ">",
     NULL},
    {"an alias is added before what it covers",
     "list@d=" A " " B,
     {{"<u@d>", NULL, A " list@d"}},
     NULL,
     "del <u@d>\nadd <list@d> O=rfc822;u@d",
     NULL},
    {"a target that is deleted elsewhere with its own ORCPT",
     NULL,
     {{"<u@d>", "ORCPT=rfc822;k@d", "k@d"}, {"<k@d>", NULL, "z@d"}},
     NULL,
     "",
     "deleted and added with the same original recipient"},
};

/* Addresses that are their own targets: the server expands them again, and with them come
 * their other targets. */
static const struct plan_case own_targets[] = {
    {"one behind another",
     "u@d=u@d v@d " A ";v@d=v@d " A,
     {{"<v@d>", NULL, "v@d " A}, {"<u@d>", NULL, "u@d v@d " A}},
     NULL,
     "del <v@d>",
     NULL},
    {"in a circle: one stays",
     "u@d=u@d v@d;v@d=v@d u@d",
     {{"<v@d>", NULL, "v@d u@d"}, {"<u@d>", NULL, "u@d v@d"}},
     NULL,
     "del <v@d>",
     NULL},
    {"a recipient behind one",
     "u@d=u@d " A,
     {{"<" A ">", NULL, A}, {"<u@d>", NULL, "u@d " A}},
     NULL,
     "del <" A ">",
     NULL},
    {"in two spellings",
     "u@d=u@d " A,
     {{"<" A ">", NULL, A}, {"<u@d>", NULL, "u@d " A}, {"<A@x.example>", NULL, A}},
     NULL,
     "del <" A ">\ndel <A@x.example>",
     NULL},
    {"one of which is not to be touched",
     "u@d=u@d " A,
     {{"<" A ">", NULL, NULL}, {"<u@d>", NULL, "u@d " A}},
     NULL,
     "",
     NULL},
    {"a recipient behind one that is added",
     "v@d=v@d " A,
     {{"<" A ">", NULL, A}, {"<u@d>", NULL, "v@d " A}},
     NULL,
     "del <" A ">\ndel <u@d>\nadd <v@d> O=rfc822;u@d",
     NULL},
    {"what stays is not added",
     "v@d=v@d " A,
     {{"<v@d>", NULL, "v@d " A}, {"<u@d>", NULL, "v@d " A}},
     NULL,
     "del <u@d>",
     NULL},
    {"whose name to the server cannot be told",
     "u@d=u@d v@d",
     {{"<@a:@b:v@d>", NULL, "v@d"}, {"<u@d>", NULL, "u@d v@d"}},
     NULL,
     "",
     NULL},
    {"a rule's recipient behind several of them",
     "u@d=u@d " A ";v@d=v@d " B ";w@d=" A " " B,
     {{"<u@d>", NULL, "u@d " A}, {"<v@d>", NULL, "v@d " B}},
     "w@d",
     "",
     NULL},
    {"a recipient behind one that a rule adds",
     "v@d=v@d " A,
     {{"<" A ">", NULL, A}},
     "v@d",
     "del <" A ">\nadd <v@d>",
     NULL},
    {"that share a target: both stay",
     "u@d=u@d " A ";v@d=v@d " A,
     {{"<u@d>", NULL, "u@d " A}, {"<v@d>", NULL, "v@d " A}},
     NULL,
     "",
     NULL},
};

static const struct plan_case impossible[] = {
    {"nobody is left", NULL, {{"<u@d>", NULL, ""}}, NULL, "", "leaves no recipient"},
    {"nobody of several",
     NULL,
     {{"<u@d>", NULL, ""}, {"<v@d>", NULL, ""}},
     NULL,
     "",
     "leaves no recipient"},
    {"only a refused one is left",
     NULL,
     {{"<u@d>", NULL, ""}, {"!<v@d>", NULL, NULL}},
     NULL,
     "",
     "leaves no recipient"},
    {"an alias on itself brings the left-out member back",
     "u@d=u@d full@d",
     {{"<u@d>", NULL, "u@d"}},
     NULL,
     "",
     "expands it again"},
    {"in other letters",
     "u@d=U@d Full@d",
     {{"<U@D>", NULL, "u@d"}},
     NULL,
     "",
     "expands it again"},
    {"a target that is an alias on itself",
     "u@d=v@d full@d;v@d=v@d full@d",
     {{"<u@d>", NULL, "v@d"}},
     NULL,
     "",
     "expands it again"},
    {"a rule's recipient that is one",
     "u@d=" A " full@d;v@d=v@d full@d",
     {{"<u@d>", NULL, A}},
     "v@d",
     "",
     "expands it again"},
    {"the server's aliases cannot be told",
     "v@d=!",
     {{"<u@d>", NULL, "v@d"}},
     NULL,
     "",
     "cannot be told"},
    {"a route within a route",
     "",
     {{"<@a:@b:u@d>", NULL, "v@d"}},
     NULL,
     "",
     "how the server names the recipient"},
    {"a route that begins behind a group",
     "",
     {{"<@a!b:;@c:@d:@r>", NULL, "v@d"}},
     NULL,
     "",
     "how the server names the recipient"},
    {"of a recipient that stays",
     "v@d=!",
     {{"<u@d>", NULL, A}, {"<v@d>", NULL, NULL}},
     NULL,
     "",
     "cannot be told"},
};

/* Everything that the members wanted is there: nothing stands in the way. */
static const struct plan_case possible[] = {
    {"nobody was left out: what an added alias leads to is its own business",
     "v@d=v@d full@d",
     {{"<u@d>", NULL, NULL}},
     "v@d",
     "add <v@d>",
     NULL},
    {"an alias on itself with everybody",
     "u@d=u@d v@d",
     {{"<u@d>", NULL, "u@d v@d"}},
     NULL,
     "",
     NULL},
    {"and one more",
     "u@d=u@d v@d",
     {{"<u@d>", NULL, "u@d v@d " A}},
     NULL,
     "add <" A "> O=rfc822;u@d",
     NULL},
    {"a self-target whose others another recipient wants",
     "v@d=v@d " A,
     {{"<u@d>", NULL, "v@d"}, {"<" A ">", NULL, NULL}},
     NULL,
     "del <u@d>\nadd <v@d> O=rfc822;u@d",
     NULL},
};

static void run_cases(const struct plan_case *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct plan_case *want = &cases[i];
        struct arena *arena = arena_new();
        struct edit_list list;
        struct error error = {0};
        bool ok = plan_run(arena, want, &list, &error);
        if (ok != (want->error == NULL) ||
            (!ok && strstr(error.text, want->error) == NULL)) {
            fail_msg("%s: %s", want->name, ok ? plan_describe(arena, &list) : error.text);
        }
        assert_true(ok || (error.kind == ERROR_RULE && list.count == 0));
        if (strcmp(plan_describe(arena, &list), want->edits) != 0) {
            fail_msg("%s:\n%s\nnot:\n%s", want->name, plan_describe(arena, &list),
                     want->edits);
        }
        arena_free(&arena);
    }
}

#define RUN(cases)                                                                         \
    static void test_##cases(void **unused)                                                \
    {                                                                                      \
        (void)unused;                                                                      \
        run_cases(cases, sizeof cases / sizeof cases[0]);                                  \
    }

RUN(forms)
RUN(notify)
RUN(sets)
RUN(own_targets)
RUN(impossible)
RUN(possible)

static const struct plan_expander identity = {.expand = plan_expand};

static void test_other_edits(void **unused)
{
    (void)unused;
    struct arena *arena = arena_new();
    struct plan plan = {0};
    struct edit_list list;
    struct error error = {0};
    char name[] = "X-One";
    plan_record_header(&plan, arena, EDIT_ADD_HEADER, name, 0, "first");
    name[2] = '?'; /* it was copied */
    plan_record_header(&plan, arena, EDIT_SET_HEADER, "Subject", 1, "new");
    plan_record_header(&plan, arena, EDIT_DELETE_HEADER, "X-Two", 2, NULL);
    plan.sender = "new@x.example";
    const struct given given = {"<u@d>", NULL, A};
    struct recipient *recipient = plan_recipient(arena, &given);
    assert_true(plan_build(&plan, &recipient, 1, &identity, arena, &list, &error));
    assert_string_equal(plan_describe(arena, &list),
                        "del <u@d>\nadd <" A "> O=rfc822;u@d\nfrom <new@x.example>\n"
                        "+hdr X-One: first\n=hdr Subject #1: new\n-hdr X-Two #2");
    plan.sender = "";
    recipient->replaced = false;
    assert_true(plan_build(&plan, &recipient, 1, &identity, arena, &list, &error));
    assert_string_equal(plan_describe(arena, &list),
                        "from <>\n+hdr X-One: first\n=hdr Subject #1: new\n-hdr X-Two #2");
    /* Header edits do not survive a plan that is refused. */
    recipient->replaced = true;
    recipient->replacement_count = 0;
    assert_false(plan_build(&plan, &recipient, 1, &identity, arena, &list, &error));
    assert_int_equal(list.count, 0);
    for (int kind = EDIT_DELETE_RECIPIENT; kind <= EDIT_SET_SENDER; kind++) {
        assert_string_not_equal(edit_kind_name((enum edit_kind)kind), "invalid");
    }
    arena_free(&arena);
}

enum { MANY = 10000 };

/* Each recipient is replaced by itself in the next domain and by one address for all. */
static void test_many(void **unused)
{
    (void)unused;
    struct arena *arena = arena_new();
    struct recipient **recipients = arena_array(arena, MANY, sizeof(struct recipient *));
    for (int i = 0; i < MANY; i++) {
        const struct given given = {
            .raw = arena_format(arena, "<u%d@d>", i),
            .wanted = arena_format(arena, "u%d@d u%d@e all@d", (i + 1) % MANY, i),
        };
        recipients[i] = plan_recipient(arena, &given);
    }
    struct plan plan = {0};
    struct edit_list list;
    struct error error = {0};
    struct timespec begin;
    struct timespec end;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &begin);
    bool ok = plan_build(&plan, recipients, MANY, &identity, arena, &list, &error);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &end);
    double seconds =
        (double)(end.tv_sec - begin.tv_sec) + (double)(end.tv_nsec - begin.tv_nsec) / 1e9;
    print_message("%d recipients: %.3f s\n", MANY, seconds);
    assert_true(ok);
    assert_int_equal(list.count, 3 * MANY + 1);
    assert_int_equal(list.edits[MANY - 1].kind, EDIT_DELETE_RECIPIENT);
    assert_int_equal(list.edits[MANY].kind, EDIT_ADD_RECIPIENT);
    assert_true(seconds < 5); /* sanitizers and a busy machine included */
    arena_free(&arena);
}

/* Each once, however many recipients would have reached it; not one that stays or was
 * never there. */
static void test_left_out(void **unused)
{
    (void)unused;

    static const struct {
        struct plan_case plan;
        size_t want;
    } cases[] = {
        {{NULL, "g@x=a@x f@x", {{"g@x", NULL, "a@x"}}, NULL, NULL, NULL}, 1},
        {{NULL,
          "g@x=a@x f@x;h@x=F@x e@x b@x",
          {{"g@x", NULL, "a@x"}, {"h@x", NULL, "b@x"}},
          NULL,
          NULL,
          NULL},
         2},
        {{NULL, "g@x=a@x f@x", {{"g@x", NULL, "a@x n@x"}}, NULL, NULL, NULL}, 1},
        {{NULL, "g@x=a@x f@x", {{"g@x", NULL, "f@x a@x"}}, NULL, NULL, NULL}, 0},
        {{NULL, "g@x=a@x f@x", {{"g@x", NULL, NULL}}, "n@x", NULL, NULL}, 0},
        {{NULL,
          "g@x=a@x f@x",
          {{"!g@x", NULL, "a@x"}, {"b@x", NULL, NULL}},
          NULL,
          NULL,
          NULL},
         0},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct arena *arena = arena_new();
        struct edit_list list;
        struct error error = {0};
        assert_true(plan_run(arena, &cases[i].plan, &list, &error));
        assert_int_equal(list.left_out_count, cases[i].want);
        arena_free(&arena);
    }
}

enum { SPELLINGS = 1000, MEMBERS = 100 };

/* A client may name one alias in very many spellings. */
static void test_many_spellings(void **unused)
{
    (void)unused;
    struct arena *arena = arena_new();
    struct recipient *recipients[SPELLINGS];
    const char *wanted = "";
    for (int i = 0; i < MEMBERS; i++) {
        wanted = arena_format(arena, "%s m%d@e", wanted, i);
    }
    for (int i = 0; i < SPELLINGS; i++) {
        char raw[] = "<abcdefghij@d>";
        for (int bit = 0; bit < 10; bit++) {
            raw[1 + bit] = (char)(raw[1 + bit] - (i >> bit & 1 ? 'a' - 'A' : 0));
        }
        const struct given given = {.raw = raw, .wanted = wanted};
        recipients[i] = plan_recipient(arena, &given);
    }
    struct plan plan = {0};
    struct edit_list list;
    struct error error = {0};
    struct arena *work = arena_new();
    assert_true(plan_build(&plan, recipients, SPELLINGS, &identity, work, &list, &error));
    assert_int_equal(list.count, SPELLINGS + MEMBERS);
    assert_true(arena_used(work) < 4 << 20);
    arena_free(&work);
    arena_free(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forms),    cmocka_unit_test(test_notify),
        cmocka_unit_test(test_sets),     cmocka_unit_test(test_impossible),
        cmocka_unit_test(test_possible), cmocka_unit_test(test_other_edits),
        cmocka_unit_test(test_many),     cmocka_unit_test(test_many_spellings),
        cmocka_unit_test(test_left_out), cmocka_unit_test(test_own_targets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
