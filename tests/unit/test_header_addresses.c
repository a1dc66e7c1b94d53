/* SPDX-License-Identifier: MIT */
/* message:header_addresses as rules see it. */
#include "rule_fixture.h"

/* Says what it got: `text{name|named named} ...`, or `reason: found found`, with a `+` when
 * there may be more. Bytes beyond ASCII as <xx>. */
static const char RULE[] =
    "local function texts(list)\n"
    "  local all = {}\n"
    "  for i, address in ipairs(list) do all[i] = address.text end\n"
    "  return table.concat(all, ' ')\n"
    "end\n"
    "return { name = 'probe', headers = function(session, message)\n"
    "  local listed, reason, found, more = message:header_addresses(%s)\n"
    "  local all = {}\n"
    "  for i, entry in ipairs(listed or {}) do\n"
    "    all[i] = entry.address.text .. '{' .. entry.name .. '|' .. texts(entry.named) .. "
    "'}'\n"
    "  end\n"
    "  local said = listed and table.concat(all, ' ') or\n"
    "    reason .. ': ' .. texts(found) .. (more and ' +' or '')\n"
    "  return reject(550, '5.7.1', '[' .. said:gsub('[\\x80-\\xff]', function(c)\n"
    "    return ('<%%02x>'):format(c:byte()) end) .. ']')\n"
    "end }\n";

static void expect_said(const char *arguments, const char *const *bodies,
                        const char *wanted)
{
    struct fixture fixture;
    char rule[4096];
    snprintf(rule, sizeof rule, RULE, arguments);
    fixture_begin(&fixture, rule);
    fixture_open(&fixture);
    fixture_mail(&fixture, "<x@y.example>");
    fixture_rcpt(&fixture, "<alice@example.com>");
    for (; *bodies != NULL; bodies++) {
        transaction_header(fixture.transaction, "From", *bodies);
    }
    struct verdict verdict = transaction_end_of_headers(fixture.transaction, NULL);
    const char *text = verdict.text != NULL ? verdict.text : fixture_error(&fixture);
    char expected[1024];
    snprintf(expected, sizeof expected, "[%s]", wanted);
    if (strcmp(text, expected) != 0) {
        fail_msg("%s\n    got  %s\n    want %s", arguments, text, expected);
    }
    fixture_end(&fixture);
}

static void lists_what_can_be_read(void **state)
{
    (void)state;

    static const struct {
        const char *body, *said;
    } cases[] = {
        {"alice@example.com", "alice@example.com{|}"},
        {"Alice <Alice@Example.com>", "Alice@Example.com{Alice|}"},
        {"a@b.test, C <c@d.test>", "a@b.test{|} c@d.test{C|}"},
        {"\"bob@example.com\" <a@b.test>", "a@b.test{bob@example.com|bob@example.com}"},
        {"a@b.test (c@d.test, e@f.test)", "a@b.test{c@d.test, e@f.test|c@d.test e@f.test}"},
        /* The address itself is no other */
        {"\"A@B.test\" <a@b.test>", "a@b.test{A@B.test|}"},
        {"a@b.test <a@b.test>", "a@b.test{a@b.test|}"},
        {"=?utf-8?q?J=C3=B6?= <a@b.test>", "a@b.test{J<c3><b6>|}"},
        {"\xc3\xb6@\xc3\xb6.test", "<c3><b6>@<c3><b6>.test{|}"},
        {"\"x y\"@b.test", "\"x y\"@b.test{|}"},
        {"x:;", ""},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *const bodies[] = {cases[i].body, NULL};
        expect_said("'From'", bodies, cases[i].said);
    }
}

static void says_what_stands_in_the_rest(void **state)
{
    (void)state;

    static const struct {
        const char *body, *said;
    } cases[] = {
        {"", "no address: "},
        {"root (Cron)", "no address of the form local-part@domain at character 12: "},
        {"Alice <a@b.test> <c@d.test>",
         "no comma behind an address at character 18: a@b.test c@d.test"},
        /* What Postfix would not take */
        {"-a@b.test", "local-part begins with a hyphen: -a@b.test a@b.test"},
        {"-a@\xc3\xb6.test",
         "local-part begins with a hyphen: -a@<c3><b6>.test a@<c3><b6>.test"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *const bodies[] = {cases[i].body, NULL};
        expect_said("'From'", bodies, cases[i].said);
    }
}

static void reads_all_headers_or_one(void **state)
{
    (void)state;
    static const char *const bodies[] = {"a@b.test", "c@d.test", "<e@f.test", NULL};
    static const char *const good[] = {"a@b.test", "c . c@d.test", NULL};
    static const char *const none[] = {NULL};
    expect_said("'From'", good, "a@b.test{|} c.c@d.test{|}");
    expect_said("'fRoM', 2", good, "c.c@d.test{|}");
    expect_said("'From', 3", good, "");
    expect_said("'From'", none, "");
    expect_said("'Sender'", bodies, "");
    expect_said("'From'", bodies,
                "no closing bracket at character 10: a@b.test c@d.test e@f.test");
    expect_said("'From', 1", bodies, "a@b.test{|}");
    expect_said("'From', nil", good, "a@b.test{|} c.c@d.test{|}");
    expect_said("'From', 3", bodies, "no closing bracket at character 10: e@f.test");
}

static void says_when_there_may_be_more(void **state)
{
    (void)state;
    const char *headers[22] = {NULL};
    for (size_t i = 0; i < 20; i++) {
        headers[i] = "x:;";
    }
    expect_said("'From'", headers, "");
    headers[20] = "a@b.test";
    expect_said("'From'", headers, "too many headers of that name:  +");
    expect_said("'From', 21", headers, "a@b.test{|}");

    /* More addresses in a name than are looked for: the letters give new readings. */
    char name[4096] = "\"";
    for (int i = 0; i < 51; i++) {
        snprintf(name + strlen(name), 32, "%d@b.c ", i);
    }
    snprintf(name + strlen(name), 32, "\" <a@b.test>");
    const char *const bodies[] = {name, NULL};
    struct fixture fixture;
    fixture_begin(&fixture,
                  "return { name = 'probe', headers = function(session, message)\n"
                  "  local listed, reason, found, more =\n"
                  "    message:header_addresses('From')\n"
                  "  return reject(550, '5.7.1', tostring(listed) .. reason ..\n"
                  "    #found .. tostring(more)) end }");
    fixture_open(&fixture);
    fixture_mail(&fixture, "<x@y.example>");
    fixture_rcpt(&fixture, "<alice@example.com>");
    transaction_header(fixture.transaction, "From", bodies[0]);
    struct verdict verdict = transaction_end_of_headers(fixture.transaction, NULL);
    expect_part(verdict.text, "nilmore addresses in a name than are read50true",
                fixture_error(&fixture));
    fixture_end(&fixture);
}

/* What bounds one header bounds all of them together: a message is no dearer for having
 * many. */
static void bounds_all_headers_together(void **state)
{
    (void)state;

    static const struct {
        const char *address;
        int count; /* in each of two headers */
    } cases[] = {{"a@b.test,", 501}, {"a@\xc3\xb6.test,", 51}};

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char body[8192] = "";
        for (int j = 0; j < cases[i].count; j++) {
            strcat(body, cases[i].address);
        }
        struct fixture fixture;
        fixture_begin(&fixture,
                      "return { name = 'probe', headers = function(session, message)\n"
                      "  local one = message:header_addresses('From', 2)\n"
                      "  local all, reason = message:header_addresses('From')\n"
                      "  return reject(550, '5.7.1', #one .. tostring(all) .. reason)\n"
                      "end }");
        fixture_open(&fixture);
        fixture_mail(&fixture, "<x@y.example>");
        fixture_rcpt(&fixture, "<alice@example.com>");
        transaction_header(fixture.transaction, "From", body);
        transaction_header(fixture.transaction, "From", body);
        struct verdict verdict = transaction_end_of_headers(fixture.transaction, NULL);
        char wanted[128];
        snprintf(wanted, sizeof wanted, "%dnilmore addresses in all headers than are read",
                 cases[i].count);
        expect_part(verdict.text, wanted, fixture_error(&fixture));
        fixture_end(&fixture);
    }
}

/* Both forms of a domain that the config volume has in one. */
static void knows_both_forms_of_a_domain(void **state)
{
    (void)state;
    static const char *const domains[] = {
        "b\xc3\xbc\x63her.example", "xn--bcher-kva.example", "XN--BCHER-KVA.example",
        "B\xc3\x9c\x43HER.example", "bu\xcc\x88\x63her.example"};
    for (size_t i = 0; i < 2; i++) {
        for (size_t j = 0; j < 5; j++) {
            struct fixture fixture;
            char text[256];
            snprintf(text, sizeof text,
                     "return { name = 'probe', mail = function()\n"
                     "  return reject(550, '5.7.1', tostring(directory.is_local('%s')) ..\n"
                     "    tostring(directory.is_local('xn--other-.example'))) end }",
                     domains[j]);
            fixture_begin(&fixture, text);
            snprintf(text, sizeof text, "alice@%s|{PLAIN}x\n", domains[i]);
            fixture_write(&fixture, "postfix-accounts.cf", text);
            fixture_open(&fixture);
            struct verdict verdict = fixture_mail(&fixture, "<x@y.example>");
            expect_part(verdict.text, "truefalse", fixture_error(&fixture));
            fixture_end(&fixture);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lists_what_can_be_read),
        cmocka_unit_test(says_what_stands_in_the_rest),
        cmocka_unit_test(reads_all_headers_or_one),
        cmocka_unit_test(says_when_there_may_be_more),
        cmocka_unit_test(bounds_all_headers_together),
        cmocka_unit_test(knows_both_forms_of_a_domain),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
