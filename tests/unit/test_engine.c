/* SPDX-License-Identifier: MIT */
/* Rules that fail, and what they can and cannot reach. */
#include "rule_fixture.h"

/* In one state, one after the other: the body of a mail handler, and the failure it must
 * end with. After each the state must still work. */
static const char prelude[] =
    "local kept\n"
    "return { name = 'probe',\n"
    "  settings = { limit = { 'count', 3, 'a setting' } },\n"
    "  mail = function(session, message, settings)\n"
    "    if message.sender.key == 'good@x.example' then\n"
    "      return reject(550, '5.7.1', ('works'):upper() .. settings.limit)\n"
    "    end\n";

struct failure {
    const char *body;
    const char *error;
};

static const struct failure mistakes[] = {
    {"error('boom')", "probe.lua:8: boom"},
    {"error('boom')", "stack traceback:"},
    {"error({})", "no text"},
    {"error()", "no text"},
    {"error(reject(550, '5.7.1', 'x'))", "no text"},
    {"error(('x'):rep(100000))", "xxxx"},
    {"local x; x.y = 1", "attempt to index"},
    {"return 'yes'", "probe.lua:4: mail returned a string: return a verdict"},
    {"return 42", "mail returned a number"},
    {"return true", "mail returned a boolean"},
    {"return {}", "mail returned a table"},
    {"return message", "mail returned a userdata"},
    {"return function() end", "mail returned a function"},
    {"return reject", "mail returned a function"},
    {"return discard('spam')", "probe.lua:4: discard is not possible at stage mail"},
    {"return quarantine('spam')", "quarantine is not possible at stage mail"},
    {"return reject(250, '2.0.0', 'x')", "500 to 599"},
    {"return reject(550, '4.1.1', 'x')", "no enhanced code of class 5"},
    {"return reject(550, '5.1', 'x')", "no enhanced code"},
    {"return reject(550, nil, 'x')", "string expected"},
    {"return reject(550, '5.1.1', 17)", "string expected"},
    {"return reject(550, '5.1.1', '')", "needs a text"},
    {"return reject(550, '5.1.1', 'two\\nlines')", "printable ASCII"},
    {"return reject(550, '5.1.1', 'a\\0b')", "printable ASCII"},
    {"return reject(550, '5.1.1', ('x'):rep(451))", "at most 450"},
    {"return reject(1e300, '5.1.1', 'x')", "no integer representation"},
    {"return reject(1 << 40, '5.1.1', 'x')", "no reply code"},
    {"return reject(421, '4.1.1', 'x')", "500 to 599"},
    {"return defer(421, '4.1.1', 'x')", "use disconnect"},
    {"return disconnect(550, '5.1.1', 'x')", "421 or 521"},
    {"return discard()", "string expected"},
    {"return reject(550, '5.1.1', 'x', { f = print })", "no global \"print\""},
    {"return reject(550, '5.1.1', 'x', { f = reject })", "cannot be kept"},
    {"return reject(550, '5.1.1', 'x', 5)", "table expected"},
    {"x = 1", "global \"x\" cannot be set"},
    {"print('x')", "no global \"print\""},
    {"return _G.string", "no global \"_G\""},
    {"string.upper = nil", "string is frozen"},
    {"table.new = 1", "table is frozen"},
    {"directory.resolve = 1", "directory is frozen"},
    {"settings.limit = 4", "settings is frozen"},
    {"settings.other = 4", "settings is frozen"},
    {"session.ip = 'x'", "the field \"ip\" of session cannot be set"},
    {"message.sender = 'x'", "the field \"sender\" of message cannot be set"},
    {"message.sender.key = 'x'", "the field \"key\" of address cannot be set"},
    {"return session.nothing", "a session has no field \"nothing\""},
    {"session:in_networks('10.0.0.1/8')", "write 10.0.0.0/8"},
    {"session:in_networks()", "string expected, got no value"},
    {"session.in_networks(message, '')", "foregate.session expected"},
    {"return message.nothing", "a message has no field"},
    {"return message.sender.nothing", "an address has no field"},
    {"message.add_header(session, 'X', 'y')", "foregate.message expected"},
    {"message:add_header('X Y', 'z')", "no name that a header can have"},
    {"message:add_header('X', 'a\\nb')", "no value that a header can have"},
    {"message:set_header('X', 0, 'y')", "counted from 1"},
    {"message:set_sender('@@@')", "no address"},
    {"message:add_recipient('<>')", "null address"},
    {"quota.check('alice@example.com', -1)", "no size"},
    {"quota.check({}, 1)", "string expected"},
    {"quota.check('alice@example.com', 1.5)", "no integer representation"},
    {"directory.owns('a', 'b@c', 5)", "table expected"},
    {"directory.owns('a', 'b@c', { login_domain = {} })", "login_domain is no text"},
    {"directory.owns('a', 'b@c', { nestd = false })", "and no nestd"},
    {"directory.owns('a', 'b@c', { [1] = false })", "and no 1"},
    {"directory.owns('a', 'b@c', { alias = false })", "and no alias"},
    {"directory.owns('a', 'b@c', { nested = 'no' })",
     "nested is true or false, not a string"},
    {"directory.account(5)", "address or text expected, got number"},
    {"directory.account(message)", "address or text expected"},
    {"directory.is_local()", "string expected"},
    {"message:header_addresses()", "string expected"},
    {"message:header_addresses('From', 0)", "counted from 1"},
    {"message:header_addresses('From', 'x')", "number expected"},
    {"log.info('x', { ['a b'] = 1 })", "is a word"},
    {"log.info('x', 5)", "table expected"},
    {"local function f() return 1 + f() end f()", "in upvalue 'f'"},
    {"local function f() return (('x'):gsub('x', f)) end f()", "C stack overflow"},
    {"return table.unpack({}, 1, 100000000)", "too many results"},
    {"return ('x'):rep(1000000000)", "at most 1048576"},
    {"return string.rep('x', 100, ('y'):rep(1000000))", "at most 1048576"},
    {"local s = ('x'):rep(1048576) return (s .. 'x'):find('x+')",
     "a subject of at most 1048576"},
    {"return ('x'):find(('x'):rep(1024) .. '+')", "at most 1024 bytes"},
    {"return (('x'):rep(1000)):gsub('x', ('y'):rep(1100))", "gsub makes at most 1048576"},
    {"local s = ('x'):rep(600000) return ('%s%s'):format(s, s)", "format makes at most"},
    {"local s = ('x'):rep(300000) return ('%q'):format(s)", "format makes at most"},
    {"return ('%1000d'):format(1)", "invalid conversion"},
    {"local s = ('x'):rep(600000) return table.concat { s, s }", "concat makes at most"},
    {"return table.concat({ 'a', 'b' }, ('x'):rep(1048576))", "concat makes at most"},
    {"return table.move({}, 1, 1 << 40, 2)", "at most 1000000"},
    {"kept.x = 1", "attempt to index"},
};

static const struct failure excesses[] = {
    {"while true do end", "too many instructions"},
    {"repeat until false", "too many instructions"},
    {"for i = 1, math.huge do end", "too many instructions"},
    {"while true do pcall(function() while true do end end) end", "too many instructions"},
    {"local function f() pcall(f) end while true do f() end", "too many instructions"},
    {"local function f() return pcall(f) end while true do f() end", "too many"},
    {"xpcall(function() while true do end end, function() while true do end end)",
     "too many"},
    {"while true do xpcall(function() error('x') end, function() while true do end end) "
     "end",
     "too many"},
    {"(('a'):rep(4000)):gsub('.', function() while true do end end)", "too many"},
    {"while true do (('a'):rep(4000)):gsub('.', function() end) end", "too many"},
    {"for _ in pairs(string) do while true do end end", "too many"},
    {"table.sort({ 3, 2, 1 }, function() while true do end end)", "too many"},
    {"all { function() while true do end end }", "too many"},
    {"all { function() pcall(all, { function() while true do end end }) end }", "too many"},
    {"local t = {} while true do t[#t + 1] = ('x'):rep(100000) .. #t end",
     "not enough memory"},
    {"local s = 'x' while true do s = s .. s end", "not enough memory"},
    {"local t = {} while true do t = { t, {} } end", "not enough memory"},
    {"kept = {} while true do kept[#kept + 1] = ('x'):rep(100000) .. #kept end", "memory"},
    {"while true do (('a'):rep(1000000)):find(('a'):rep(500000) .. 'b', 1, true) end",
     "too many"},
    {"while true do message.notes.x = ('y'):rep(1000000) end",
     "the message keeps too much"},
};

static void expect_failures(const struct failure *failures, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct fixture fixture;
        char rule[4096];
        snprintf(rule, sizeof rule, "%s    %s\n  end }\n", prelude, failures[i].body);
        fixture_begin(&fixture, rule);
        fixture_set(&fixture, "rule.instructions=2000000");
        fixture_set(&fixture, "state.memory=8MiB");
        fixture_open(&fixture);
        struct verdict verdict = fixture_mail(&fixture, "<bad@x.example>");
        expect_part(fixture_error(&fixture), failures[i].error, failures[i].body);
        assert_int_equal(verdict.kind, VERDICT_DEFER);
        assert_int_equal(verdict.code, 451);
        assert_string_equal(verdict.xcode, "4.3.0");
        assert_string_equal(verdict.rule, "probe");
        verdict = fixture_mail(&fixture, "<good@x.example>");
        expect_part(verdict.text, "WORKS3", failures[i].body);
        fixture_end(&fixture);
    }
}

static void test_mistakes(void **unused)
{
    (void)unused;
    expect_failures(mistakes, sizeof mistakes / sizeof mistakes[0]);
}

static void test_excesses(void **unused)
{
    (void)unused;
    expect_failures(excesses, sizeof excesses / sizeof excesses[0]);
}

/* What a rule may say, and what then stands in the text of its verdict. */
static void expect_text(const char *body, const char *text)
{
    struct fixture fixture;
    char rule[4096];
    snprintf(rule, sizeof rule, "%s    %s\n  end }\n", prelude, body);
    fixture_begin(&fixture, rule);
    fixture_open(&fixture);
    struct verdict verdict = fixture_mail(&fixture, "<Bad+tag@X.example>");
    if (verdict.text == NULL || strcmp(verdict.text, text) != 0) {
        fail_msg("%s: \"%s\", not \"%s\" (%s)", body, verdict.text, text,
                 fixture_error(&fixture));
    }
    verdict = fixture_mail(&fixture, "<good@x.example>");
    expect_part(verdict.text, "WORKS3", body);
    fixture_end(&fixture);
}

#define SAY(value) "return reject(550, '5.7.1', '' .. tostring(" value "))"

static void test_what_rules_see(void **unused)
{
    (void)unused;
    expect_text(SAY("message.sender"), "<Bad+tag@X.example>");
    expect_text(SAY("message.sender.key"), "bad+tag@x.example");
    expect_text(SAY("message.sender.base .. message.sender.detail"), "Badtag");
    expect_text(SAY("message.sender.raw"), "<Bad+tag@X.example>");
    expect_text(SAY("message.sender == message.sender"), "true");
    expect_text(SAY("session.ip .. session.name .. session.listener"),
                "192.0.2.1client.examplesmtp");
    expect_text(SAY("session.login"), "nil");
    expect_text(SAY("session.trusted"), "false");
    expect_text(SAY("session:in_networks('10.0.0.0/8, 192.0.2.0/24')"), "true");
    expect_text(SAY("session:in_networks('10.0.0.0/8 [::1]/128')"), "false");
    expect_text(SAY("session:in_networks('')"), "false");
    expect_text(SAY("#session.id"), "16");
    expect_text(SAY("session.tls"), "nil");
    expect_text(SAY("message.size_bytes"), "nil");
    expect_text(SAY("message.queue_id"), "nil");
    expect_text(SAY("#message.recipients"), "0");
    expect_text(SAY("#message:header('From')"), "0");
    expect_text(SAY("directory.is_local('EXAMPLE.com')"), "true");
    expect_text(SAY("directory.is_local('x.example')"), "false");
    expect_text(SAY("directory.account('Alice@example.com')"), "alice@example.com");
    expect_text(SAY("directory.account('nobody@example.com')"), "false");
    expect_text(SAY("select(2, directory.account('a@b@@'))"), "domain is not valid");
    expect_text(SAY("directory.resolve('nobody@example.com').status"), "unknown");
    expect_text(SAY("directory.owns('alice@example.com', 'alice@example.com')"), "true");
    expect_text(SAY("quota.check('alice@example.com', 1)"), "fits");
    expect_text(SAY("pcall(error, 'x')"), "false");
    expect_text(SAY("select('#', pcall(quota.check, 'alice@example.com', 1))"), "2");
}

/* The tables that rules share stay as they are, whatever a rule does to them. */
static void test_frozen(void **unused)
{
    (void)unused;
    expect_text(
        "local _, raw = pairs(string)\n"
        "pcall(function() raw.upper = nil raw.byte = 1 end)\n" SAY("type(string.byte)"),
        "function");
    expect_text(
        "for name, value in pairs(string) do\n"
        "  if name == 'upper' then return reject(550, '5.7.1', type(value)) end end",
        "function");
    expect_text(
        "local list = {} for name in pairs(settings) do list[#list + 1] = name end\n" SAY(
            "table.concat(list)"),
        "limit");
    expect_text(SAY("pcall(table.insert, string, 1)"), "false");
    expect_text(SAY("pcall(table.sort, settings)"), "true");
}

/* A verdict is what it was when it was made. */
static void test_detail_is_a_copy(void **unused)
{
    (void)unused;
    expect_text("local d = { a = 1 }\nlocal v = reject(550, '5.7.1', 'kept', d)\n"
                "d.f = function() end d.d = d\nreturn v",
                "kept");
}

/* What one rule used up is not taken from the next. */
static void test_instructions_are_each_rules_own(void **unused)
{
    (void)unused;
    struct fixture fixture;
    fixture_begin(&fixture,
                  "return { name = 'probe', mail = function() while true do end end }");
    fixture_write_rule(
        &fixture, "after",
        "return { name = 'after', mail = function()\n"
        "  for i = 1, 5000 do end return reject(550, '5.7.1', 'done') end }");
    fixture_set(&fixture, "rules=probe after");
    fixture_set(&fixture, "probe.on_error=continue");
    fixture_set(&fixture, "rule.instructions=20000");
    fixture_open(&fixture);
    struct verdict verdict = fixture_mail(&fixture, "<bad@x.example>");
    expect_part(verdict.text, "done", fixture_error(&fixture));
    fixture_end(&fixture);
}

static void test_handles_die(void **unused)
{
    (void)unused;
    static const char *const uses[] = {
        "return reject(550, '5.7.1', kept.session.ip)",
        "return reject(550, '5.7.1', kept.message.sender.text)",
        "return reject(550, '5.7.1', tostring(kept.sender))",
        "kept.notes.x = 1",
        "return reject(550, '5.7.1', kept.notes.x)",
        "kept.header(kept.message, 'From')",
        "return reject(550, '5.7.1', tostring(kept.sender == message.sender))",
        "return reject(550, '5.7.1', tostring(directory.account(kept.sender)))",
    };
    for (size_t i = 0; i < sizeof uses / sizeof uses[0]; i++) {
        struct fixture fixture;
        char rule[4096];
        snprintf(rule, sizeof rule,
                 "%s if kept then %s end\n"
                 "kept = { session = session, message = message, sender = message.sender,\n"
                 "  notes = message.notes, header = message.header } end }\n",
                 prelude, uses[i]);
        fixture_begin(&fixture, rule);
        fixture_open(&fixture);
        assert_int_equal(fixture_mail(&fixture, "<bad@x.example>").kind, VERDICT_CONTINUE);
        assert_int_equal(fixture_mail(&fixture, "<bad@x.example>").kind, VERDICT_DEFER);
        expect_part(fixture_error(&fixture), "message is gone", uses[i]);
        fixture_end(&fixture);
    }
}

/* What directory.owns gives, and which aliases explain names for it. */
static void test_ownership(void **unused)
{
    (void)unused;

    static const struct {
        const char *arguments, *gives, *aliases;
    } cases[] = {
        {"'alice@example.com', 'nested@example.com'",
         "true alice@example.com -> sales@example.com (alias) -> nested@example.com "
         "(alias) nested@example.com,sales@example.com",
         "postfix-virtual.cf:2, postfix-virtual.cf:1"},
        {"'alice@example.com', 'nested@example.com', { nested = false }",
         "false best match alice@example.com -> sales@example.com (alias) -> "
         "nested@example.com (alias), which needs spoof.nested = yes nil",
         NULL},
        {"'bob', 'bob@example.com', {}", "true bob@example.com ", NULL},
        {"'bob', 'bob@example.com', { login_domain = '' }", "true bob@example.com ", NULL},
        {"'bob', 'bob@x.test', { login_domain = 'X.test' }", "true bob@x.test ", NULL},
        {"'alice@example.com', 'alice+x@example.com', { subaddress = true }",
         "true alice@example.com -> alice+x@example.com (without its tag) ", NULL},
        {"'alice@example.com', 'team@example.com', { group = false }",
         "false best match alice@example.com -> team@example.com (alias of several), which "
         "needs spoof.group = yes nil",
         NULL},
        {"'alice@example.com\\0x', 'alice@example.com'",
         "false best match none: no account can have the name of the login nil", NULL},
        {"'alice@example.com', 'a@b@@'", "nil domain is not valid nil", NULL},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct fixture fixture;
        char rule[4096];
        snprintf(rule, sizeof rule,
                 "return { name = 'probe', mail = function()\n"
                 "  local owned, text, path = directory.owns(%s)\n"
                 "  path = path and table.concat(path, ',') or 'nil'\n"
                 "  return reject(550, '5.7.1', 'x',\n"
                 "    { gives = tostring(owned) .. ' ' .. text .. ' ' .. path }) end }\n",
                 cases[i].arguments);
        fixture_begin(&fixture, rule);
        fixture_write(&fixture, "postfix-virtual.cf",
                      "sales@example.com alice@example.com\n"
                      "nested@example.com sales@example.com\n"
                      "team@example.com alice@example.com, bob@example.com\n");
        fixture_open(&fixture);
        struct verdict verdict = fixture_mail(&fixture, "<x@x.example>");
        expect_part(verdict.text, "x", fixture_error(&fixture));
        assert_string_equal(verdict.detail.table.entries[0].value.text.bytes,
                            cases[i].gives);
        const struct decision_list *list = transaction_decisions(fixture.transaction);
        const struct observation *observation = list->entries[0].observations.first;
        assert_string_equal(observation->name, "directory.owns");
        assert_true(observation->returned);
        expect_part(cases[i].gives, observation->results.values[1].text.bytes, "observed");
        assert_true((observation->remark == NULL) == (cases[i].aliases == NULL));
        if (cases[i].aliases != NULL) {
            assert_string_equal(observation->remark, cases[i].aliases);
        }
        fixture_end(&fixture);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mistakes),
        cmocka_unit_test(test_excesses),
        cmocka_unit_test(test_what_rules_see),
        cmocka_unit_test(test_frozen),
        cmocka_unit_test(test_detail_is_a_copy),
        cmocka_unit_test(test_handles_die),
        cmocka_unit_test(test_ownership),
        cmocka_unit_test(test_instructions_are_each_rules_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
