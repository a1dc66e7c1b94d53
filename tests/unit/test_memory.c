/* SPDX-License-Identifier: MIT */
/* Memory that ends at every possible place of a rule: never a crash, always the rule's
 * on_error, and the state goes on working. In the spirit of Memcontrol of Lua's own tests.
 */
#include "rule_fixture.h"

enum { CELLS = 110, PADS = 3 };

/* The detail of the recipient says how much is left: memory is filled to the brim, then so
 * many cells are given back. The pad in front shifts what is left by less than a cell. */
static const char rule[] =
    "local function fill(pad, cells)\n"
    "  local head, held = false, ('x'):rep(pad)\n"
    "  pcall(function() while true do head = { head } end end)\n"
    "  for _ = 1, cells do head = head and head[1] end\n"
    "  return head, held\n"
    "end\n"
    "local function body(session, message, recipient)\n"
    "  local expansion = directory.resolve(recipient.address)\n"
    "  recipient.expansion = expansion\n"
    "  recipient.notes.list = { 1, 2.5, 'three', { four = true } }\n"
    "  local copy = recipient.expansion.recipients[1].address .. #recipient.notes.list\n"
    "  local owned, path = directory.owns('alice@example.com', 'team@example.com')\n"
    "  local answers = all { function() return quota.check('alice@example.com', 10) end,\n"
    "    function() return { directory.account('bob@example.com') } end }\n"
    "  log.debug('x', { a = 1, b = copy })\n"
    "  local text = ('%s %s'):format(message.sender, session.id):gsub('%x', string.upper)\n"
    "  table.sort({ 'c', 'b', 'a' }, function(l, r) return l .. '' < r .. '' end)\n"
    "  recipient:replace { 'alice@example.com', 'bob@example.com' }\n"
    "  message:add_header('X-Test', text:sub(1, 20))\n"
    "  return reject(552, '5.2.2', 'end ' .. answers[1][1], { path = path, copy = copy })\n"
    "end\n"
    "return { name = 'probe', rcpt = function(session, message, recipient)\n"
    "  local pad, cells = recipient.address.detail:match('(%d+)-(%d+)')\n"
    "  if not pad then return body(session, message, recipient) end\n"
    "  local head, held = fill(tonumber(pad), tonumber(cells))\n"
    "  local verdict = body(session, message, recipient)\n"
    "  return verdict, head, held\n"
    "end }\n";

struct tally {
    int ends, failures;
};

static void step(struct fixture *fixture, int pad, int cells, struct tally *tally)
{
    char recipient[64];
    snprintf(recipient, sizeof recipient, "<team+%d-%d@example.com>", pad, cells);
    fixture_mail(fixture, "<a@x.example>");
    struct verdict verdict = fixture_rcpt(fixture, recipient);
    if (verdict.code == 552) {
        tally->ends++;
    } else {
        assert_int_equal(verdict.code, 451);
        expect_part(fixture_error(fixture), "not enough memory", recipient);
        tally->failures++;
    }
    verdict = fixture_rcpt(fixture, "<team+x@example.com>");
    expect_part(verdict.text, "end fits", fixture_error(fixture));
}

static void test_every_allocation_fails(void **unused)
{
    (void)unused;
    struct fixture fixture;
    struct tally tally = {0};
    fixture_begin(&fixture, rule);
    fixture_write(&fixture, "postfix-virtual.cf",
                  "team@example.com alice@example.com, bob@example.com\n");
    fixture_set(&fixture, "state.memory=1MiB");
    fixture_set(&fixture, "quota.lease=0");
    fixture_open(&fixture);
    for (int pad = 0; pad < PADS; pad++) {
        for (int cells = 0; cells < CELLS; cells++) {
            step(&fixture, pad * 16, cells, &tally);
        }
    }
    print_message("%d failed, %d ended\n", tally.failures, tally.ends);
    assert_true(tally.failures > 100 && tally.ends > 10);
    fixture_end(&fixture);
}

/* What ended in the middle left nothing behind that grows. */
static void test_nothing_piles_up(void **unused)
{
    (void)unused;
    struct fixture fixture;
    struct tally tally = {0};
    fixture_begin(&fixture, rule);
    fixture_write(&fixture, "postfix-virtual.cf",
                  "team@example.com alice@example.com, bob@example.com\n");
    fixture_set(&fixture, "state.memory=1MiB");
    fixture_set(&fixture, "quota.lease=0");
    fixture_open(&fixture);
    for (int i = 0; i < 100; i++) {
        step(&fixture, 0, 60, &tally);
    }
    assert_true(tally.failures == 100 || tally.ends == 100);
    fixture_end(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_allocation_fails),
        cmocka_unit_test(test_nothing_piles_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
