/* SPDX-License-Identifier: MIT */
/* Values that rules keep in notes, from stage to stage and in one; and whose they are. */
#include "rule_fixture.h"

/* expression of a value, and what it reads back as (as text). */
struct kept {
    const char *value;
    const char *text;
};

static const struct kept kinds[] = {
    {"nil", "nil"},
    {"true", "true"},
    {"false", "false"},
    {"0", "0"},
    {"-7", "-7"},
    {"9223372036854775807", "9223372036854775807"},
    {"1.5", "1.5"},
    {"1.0", "1.0"},
    {"'text'", "text"},
    {"''", ""},
    {"'a\\0b'", "a?b"},
    {"'\\200\\255'", "??"},
    {"{}", "{}"},
    {"{ 1, 2, 3 }", "{1=1;2=2;3=3;}"},
    {"{ a = 1, [7] = { b = { c = 'd' } } }", "{7={b={c=d;};};a=1;}"},
    {"{ [true] = 1 }", "{true=1;}"},
    {"{{{{{{{ 1 }}}}}}}", "{1={1={1={1={1={1={1=1;};};};};};};}"},
};

static const char show[] =
    "local function show(v) if type(v) ~= 'table' then\n"
    "    return (tostring(v):gsub('[^ -~]', '?')) end\n"
    "  local keys, s = {}, '{' for k in pairs(v) do keys[#keys + 1] = k end\n"
    "  table.sort(keys, function(a, b) return tostring(a) < tostring(b) end)\n"
    "  for _, k in ipairs(keys) do s = s .. tostring(k) .. '=' .. show(v[k]) .. ';' end\n"
    "  return s .. '}' end\n";

static void test_kinds(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        struct fixture fixture;
        char rule[2048];
        snprintf(rule, sizeof rule,
                 "%s return { name = 'probe', mail = function(_, message)\n"
                 "  message.notes.x = %s end,\n"
                 "rcpt = function(_, message) message.notes.y = message.notes.x\n"
                 "  return reject(550, '5.7.1', 'is ' .. show(message.notes.y)) end }",
                 show, kinds[i].value);
        fixture_begin(&fixture, rule);
        fixture_open(&fixture);
        fixture_mail(&fixture, "<a@x.example>");
        assert_string_equal(fixture_error(&fixture), "");
        struct verdict verdict = fixture_rcpt(&fixture, "<alice@example.com>");
        expect_part(verdict.text, kinds[i].text, fixture_error(&fixture));
        assert_int_equal(strlen(verdict.text), strlen(kinds[i].text) + 3);
        fixture_end(&fixture);
    }
}

static const char *const refused[][2] = {
    {"n.x = function() end", "a function cannot be kept"},
    {"n.x = message", "a userdata cannot be kept"},
    {"n.x = message.sender", "cannot be kept"},
    {"n.x = { 1, { reject } }", "a function cannot be kept"},
    {"n.x = { [message.sender] = 1 }", "cannot be kept"},
    {"n.x = { [{}] = 1 }", "nested too deeply"},
    {"local t = {} t.t = t n.x = t", "contains itself"},
    {"local t = {} for i = 1, 8 do t = { t } end n.x = t", "nested too deeply"},
    {"local t = {} for i = 1, 20001 do t[i] = i end n.x = t", "too many entries"},
    {"local t = {} for i = 1, 150 do t[i] = {} for j = 1, 150 do t[i][j] = j end end n.x = "
     "t",
     "too many entries"},
    {"local s, t = ('x'):rep(1000000), {} for i = 1, 100 do t[i] = s end n.x = t",
     "too large"},
    {"n[true] = 1", "a text or a whole number"},
    {"n[1.5] = 1", "a text or a whole number"},
    {"n[{}] = 1", "a text or a whole number"},
    {"n.x.y = 1", "attempt to index"},
};

static void test_refused(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        struct fixture fixture;
        char rule[1024];
        snprintf(rule, sizeof rule,
                 "return { name = 'probe', mail = function(_, message)\n"
                 "local n = message.notes n.before = 'kept' %s end,\n"
                 "rcpt = function(_, message)\n"
                 "  return reject(550, '5.7.1', message.notes.before) end }",
                 refused[i][0]);
        fixture_begin(&fixture, rule);
        fixture_set(&fixture, "probe.on_error=continue");
        fixture_open(&fixture);
        fixture_mail(&fixture, "<a@x.example>");
        expect_part(fixture_error(&fixture), refused[i][1], refused[i][0]);
        struct verdict verdict = fixture_rcpt(&fixture, "<alice@example.com>");
        expect_part(verdict.text, "kept", fixture_error(&fixture));
        fixture_end(&fixture);
    }
}

/* The session's live as long as it, the message's until its end, a recipient's are its own.
 */
static void test_owners(void **unused)
{
    (void)unused;
    struct fixture fixture;
    fixture_begin(&fixture,
                  "return { name = 'probe',\n"
                  "  connect = function(session) session.notes.count = 0 end,\n"
                  "  mail = function(session, message)\n"
                  "    session.notes.count = session.notes.count + 1\n"
                  "    if message.notes.mine then error('of another message') end\n"
                  "    message.notes.mine = session.notes.count end,\n"
                  "  rcpt = function(session, message, recipient)\n"
                  "    if recipient.notes.n then error('of another recipient') end\n"
                  "    recipient.notes.n = #message.recipients\n"
                  "    message.notes.list = message.notes.list or {}\n"
                  "    message.notes.list.lost = true -- a copy: not kept\n"
                  "    if recipient.address.local_part == 'last' then\n"
                  "      local sum = 0 for _, r in ipairs(message.recipients) do sum = sum "
                  "+ r.notes.n end\n"
                  "      return reject(550, '5.7.1', session.notes.count .. "
                  "message.notes.mine .. sum ..\n"
                  "        tostring(message.notes.list.lost)) end end }");
    fixture_open(&fixture);
    for (int i = 1; i <= 3; i++) {
        fixture_mail(&fixture, "<a@x.example>");
        fixture_rcpt(&fixture, "<alice@example.com>");
        fixture_rcpt(&fixture, "<bob@example.com>");
        struct verdict verdict = fixture_rcpt(&fixture, "<last@example.com>");
        char text[32];
        snprintf(text, sizeof text, "%d%d6nil", i, i);
        expect_part(verdict.text, text, fixture_error(&fixture));
        transaction_end(fixture.transaction);
    }
    fixture_end(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kinds),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_owners),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
