"""`foregate test`: what it prints and returns, what a test can set and expect, and how a test fails."""

import os
import signal
import subprocess
import tempfile
import unittest
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[2]
PROGRAM = os.environ.get("FOREGATE") or str(SOURCE / "build/dev/foregate")
LIMIT = 60

# Says what it knows: the whole world of a rule in one text.
ASKING = """\
return { name = "asking", settings = { greeting = { "text", "hello", "a word" } },
    mail = function(session, message, settings)
        local answers = all {
            function() return dns.mx("x.example") end,
            function() return dns.a("b\\u{fc}cher.example") end,
            function() return dns.txt("fails.example") end,
            function() return dns.ptr("192.0.2.9") end,
            function() return dns.aaaa("silent.example") end,
            function() return dns.aaaa("nothing.example") end,
            function() return quota.check("silent@example.com", 1) end,
        }
        local words = {}
        for i, answer in ipairs(answers) do
            local first = answer[1]
            if type(first) == "table" then
                first = #first .. ":" .. tostring(first[1] and first[1].host or first[1])
            end
            words[i] = tostring(first or answer[2])
        end
        log.info(table.concat(words, "; "), { at = clock.now(), greeting = settings.greeting })
    end,
    rcpt = function()
        local now = clock.date()
        log.warning("now", { day = now.year .. "-" .. now.month .. "-" .. now.day, weekday = now.weekday,
            hour = now.hour, yearday = now.yearday, same = clock.utc().hour == now.hour,
            odd = 'a "b" \\\\ c\\n', then_ = clock.utc(0).year, at = clock.now() })
    end,
}
"""

EVERYTHING = """\
local function begin(t)
    t.volume{ accounts = { "alice@example.com", "bob@example.com" } }
    t.options{ rules = "asking recipient", ["asking.greeting"] = "good day", ["quota.lease"] = 0,
        ["quota.overhead"] = 0 }
    return t.session{}
end

test("the DNS and its failures", function(t)
    local s = begin(t)
    t.dns.mx["X.example."] = { { preference = 20, host = "far.example" }, { host = "near.example" } }
    t.dns.a["xn--bcher-kva.example"] = { "192.0.2.7" }
    t.dns.txt["fails.example"] = "fails: no luck"
    t.dns.ptr["192.0.2.9"] = { "host.example" }
    t.dns.aaaa["silent.example"] = "silent"
    t.quota["silent@example.com"] = "silent"
    s:mail("a@b.example"):is("continue")
    t.logged{ level = "info", event = "rule", rule = "asking", stage = "mail", greeting = "good day",
        text = "2:near.example; 1:192.0.2.7; dns.txt fails.example: no luck; 1:host.example; " ..
            "dns.aaaa silent.example: no answer within 1000 ms; 0:nil; no answer within 1000 ms" }
    t.dns.asked{ "a xn--bcher-kva.example", "aaaa nothing.example", "aaaa silent.example", "mx x.example",
        "ptr 9.2.0.192.in-addr.arpa", "txt fails.example" }
    t.asked{ "silent@example.com 1" }
    t.counted{ dns_asked = 6, dns_failed = 2, quota_failed = 1, recipients = 0 }
end)

test("HTTP and its failures", function(t)
    t.rule("web", [[return { name = "web", mail = function(session, message)
        for _, ask in ipairs{ { url = "https://x.example/a?key=1" }, { url = "http://x.example/b", body = "to you" },
            { url = "http://x.example/b" }, { url = "http://x.example/silent", timeout = 300 },
            { url = "http://x.example/large" }, { url = "http://nobody.example/" },
            { url = "http://x.example/failing", headers = { ["X-Who"] = "me" } } } do
            local answer, reason = http.request(ask)
            log.info(answer and answer.status .. " " .. answer.body .. " " .. (answer.headers["x-more"] or "-") or reason)
        end
    end }]])
    t.options{ rules = "web", ["http.max_body"] = "4KiB" }
    t.http["https://x.example/a?key=1"] = { body = "fine\\0", headers = { ["X-More"] = "yes" } }
    t.http["http://x.example/b"] = { status = 404 }
    t.http["POST http://x.example/b"] = { status = 201, body = "taken" }
    t.http["http://x.example/silent"] = "silent"
    t.http["http://x.example/large"] = { body = ("x"):rep(4097) }
    t.http["http://x.example/failing"] = "fails: no luck"
    local s, began = t.session{}, t.clock()
    s:mail("a@b.example"):is("continue")
    local said = {}
    for _, line in ipairs(t.log()) do
        said[#said + 1] = line.event == "rule" and line.text or nil
    end
    equal(said, { "200 fine\\0 yes", "201 taken -", "404  -",
        "http GET http://x.example/silent: no answer within 300 ms",
        "http GET http://x.example/large: the body is longer than 4096 bytes",
        "http GET http://nobody.example/: nobody is there: the test gives no answer",
        "http GET http://x.example/failing: no luck" })
    t.clock{ advance = 0.7 }
    equal(t.clock(), began + 1)
    t.http.asked{ "GET https://x.example/a?key=1", "POST http://x.example/b", "GET http://x.example/b",
        "GET http://x.example/silent", "GET http://x.example/large", "GET http://nobody.example/",
        "GET http://x.example/failing" }
    equal(t.http.requests()[2].body, "to you")
    equal(t.http.requests()[7].headers, { ["X-Who"] = "me" })
    t.counted{ http_asked = 7, http_failed = 4 }
end)

test("silences side by side last as long as the longest", function(t)
    t.options{ ["dns.timeout"] = "1500ms" }
    local s = begin(t)
    t.dns.aaaa["silent.example"] = "silent"
    t.dns.mx["x.example"] = "silent"
    t.quota["silent@example.com"] = "silent"
    local began = t.clock()
    s:mail("a@b.example"):is("continue")
    t.logged{ rule = "asking", at = began } -- the moment the stage began
    equal(t.clock(), began + 1)
    t.clock{ advance = 0.5 }
    equal(t.clock(), began + 2)
end)

test("a rule that only waits runs into its deadline", function(t)
    t.rule("waits", [[return { name = "waits", mail = function()
        while true do dns.a("silent.example") end
    end }]])
    t.options{ rules = "waits", ["deadline.command"] = "5s" }
    t.dns.a["silent.example"] = "silent"
    local s = t.session{}
    local began = t.clock()
    s:mail("a@b.example"):is("defer", 451, "4.3.0")
    equal(t.clock(), began + 5)
    t.logged{ level = "error", event = "rule_error", rule = "waits", limit = "time" }
    t.counted{ rule_limit_time = 1, rule_errors = 1 }
end)

test("the clock", function(t)
    local s = begin(t)
    local function at(moment, fields)
        t.clock(moment)
        s:mail("a@b.example")
        s:rcpt("alice@example.com")
        t.logged(fields)
    end
    equal(t.clock(), 1767614400)
    at("2026-03-02 09:30:00", { day = "2026-3-2", weekday = 1, hour = 9, yearday = 61, same = true, then_ = 1970,
        at = 1772443800, odd = 'a "b" \\\\ c\\n' })
    at("2026-03-02T09:30", { at = 1772443800 })
    at("2026-03-01 23:59:59", { weekday = 7, hour = 23, at = 1772409599 })
    at("2026-03-02 00:30:00+01:00", { day = "2026-3-1", hour = 23, at = 1772407800 })
    at("2024-02-29 12:00 -0530", { day = "2024-2-29", hour = 17 })
    at("2024-12-31 00:00Z", { yearday = 366 })
    at("1970-01-01 00:00", { at = 0 })
    for _, wrong in ipairs{ "2026-02-29 00:00", "2026-13-01 00:00", "2026-00-01 00:00", "2026-01-00 00:00",
        "2026-01-01 24:00", "2026-01-01", "2026-01-01 00:00 CET", "2026-01-01 00:00:60", "now" } do
        local ok, why = pcall(t.clock, wrong)
        equal(ok, false, wrong)
        matches(why, "is no moment")
    end
end)

test("what is kept for a while follows the clock", function(t)
    t.volume{ accounts = { "alice@example.com" } }
    t.options{ ["quota.refusal_time"] = "10s" }
    t.quota["alice@example.com"] = "over: 552 5.2.2 Too much"
    local s = t.session{}
    local function count(asked)
        s:mail("a@b.example")
        s:rcpt("alice@example.com"):is("reject", 552, "5.2.2", "Mailbox is full")
        t.counted{ quota_asked = asked }
    end
    count(2)
    count(2)
    t.clock{ advance = 9.9 }
    count(2)
    t.clock("2026-01-05 11:00") -- a clock that is set back
    count(2)
    t.clock("2026-01-05 11:00:01")
    count(4)
end)

test("look-ups that fail", function(t)
    t.volume{ accounts = { "alice@example.com", "bob@other.example" } }
    t.directory["Alice@example.com"] = "fails: the table is on fire"
    t.directory["other.example"] = "fails"
    t.options{ ["spoof.own_domain"] = "reject" }
    local s = t.session{}
    s:mail("x@other.example"):is("defer", 451)
    s:mail("a@b.example"):is("continue")
    local refused = s:rcpt("alice@example.com"):is("defer", 451, "4.3.0", "Temporary lookup failure")
    equal(refused.detail, { alias = "alice@example.com", error = "table", reason = "the table is on fire" })
end)

test("a message to its end", function(t)
    t.volume{ accounts = { "alice@example.com" }, virtual = "sales@example.com alice@example.com\\n" }
    t.options{ ["rewrite.alias"] = "expand" }
    local s = t.session{ login = "alice@example.com", tls_version = "TLSv1.3", listener = "smtps" }
    s.connected:is("continue")
    s:helo("client.example"):is("continue")
    s:mail("a@b.example", { SIZE = 100, BODY = "8BITMIME" }):is("continue")
    s:rcpt("sales@example.com", { NOTIFY = "NEVER" }):is("continue")
    s:headers{ { "From", "a@b.example" } }:is("continue")
    s:mail("a@b.example")
    s:rcpt("sales@example.com", { NOTIFY = "NEVER" })
    s:finish{ headers = { { "Subject", "x" } }, body_bytes = 10 }:is("continue"):plan{
        "delete_recipient <sales@example.com>",
        "add_recipient <alice@example.com> ORCPT=rfc822;sales@example.com NOTIFY=NEVER",
        "add_header X-Original-To: sales@example.com" }
    t.logged{ event = "message", verdict = "continue", login = "alice@example.com" }
    t.logged({ event = "message" }, 1)
    t.logged({ event = "decision" }, 0)
    equal(#s:decisions("alias") > 0, true)
    t.counted{ sessions = 1, messages = 1 }
end)

test("each test has a world of its own", function(t)
    local s = t.session{}
    t.asked{}
    t.dns.asked{}
    t.counted{ sessions = 1 }
    equal(t.clock(), 1767614400)
    s:mail("a@b.example")
    s:rcpt("alice@example.com"):is("continue") -- relayed: no account makes example.com one of ours
end)
"""

# (body of a test, what its failure says behind the file and line)
FAILURES = [
    ("""t.session{}:mail("a@b.example"):is("reject", 550, "5.7.1", "no")""",
     "1: verdict: got continue, want reject 550 5.7.1 ...no..."),
    ("""t.session{}:mail("a@b.example"):is("rejects")""", "1: there is no verdict rejects"),
    ("""local s = t.session{}\ns:mail("a@b.example")\ns:rcpt("c@d.example")\ns:finish{}:plan{ "x" }""",
     '4: plan: got {  }, want { "x" }'),
    ("""t.session{}:mail("a@b.example"):plan{}""", "1: only s:finish{} of a message that gets that far has a plan"),
    ("""equal({ 1, a = { true } }, { 1, a = { "x" } }, "it")""", '1: it: got { 1, a = { true } }, want { 1, a = { "x" } }'),
    ("""matches("text", "part")""", '1: text: got "text", want ...part...'),
    ("""\nt.asked{ "a@b 1" }""", '2: questions to the quota service: got {  }, want { "a@b 1" }'),
    ("""t.dns.asked{ "a x" }""", '1: questions to the DNS: got {  }, want { "a x" }'),
    ("""t.logged{ event = "rule" }""", '1: log lines with { event = "rule" }: got 0, want at least 1'),
    ("""t.logged({ event = "rule" }, 2)""", '1: log lines with { event = "rule" }: got 0, want 2'),
    ("""t.counted{ sessions = 1 }""", "1: counter sessions: got 0, want 1"),
    ("""t.counted{ sesions = 1 }""", "1: there is no counter sesions"),
    ("""t.qouta["a@b"] = "over\"""", "1: t has no qouta"),
    ("""t.quota = {}""", "1: t.quota cannot be set"),
    ("""t.quota["a@b"] = "nearly\"""", '1: "nearly" is no answer: write "fits"'),
    ("""t.dns.a["a"] = "no\"""", '1: "no" is no answer: write a list of records'),
    ("""t.dns.a["a..b"] = {}""", "1: dns.a: no name that the DNS could know"),
    ("""t.dns.a["a"] = { 5 }""", "1: record 1: a text is wanted, not a number"),
    ("""t.dns.srv["a"] = {}""", "1: t.dns has no srv"),
    ("""t.http["http://a/"] = "no\"""", '1: "no" is no answer: write { status = 200'),
    ("""t.http["http://a/"] = { code = 200 }""", "1: an answer has no code"),
    ("""t.http["http://a/"] = { body = 5 }""", "1: an answer: body is a text, not 5"),
    ("""t.http.asked{ "GET http://a/" }""", '1: HTTP requests: got {  }, want { "GET http://a/" }'),
    ("""t.directory["a"] = "lost\"""", '1: "lost" is no answer: write "fails: reason"'),
    ("""t.volume{ acounts = {} }""", "1: t.volume has no acounts: it has accounts, "),
    ("""t.session{}\nt.volume{ accounts = {} }""", "2: too late: everything was loaded with the first session"),
    ("""t.session{ longin = "a" }""", "1: t.session has no longin: it has ip, "),
    ("""t.options{ ["rules.path"] = "/" }""", "1: option rules.path is not for tests"),
    ("""t.options{ ["rule.instructions"] = "1000000000" }""", "1: rule.instructions: at most 100000000 in a test"),
    ("""t.options{ ["qouta.lease"] = "0" }\n t.session{}""", "2: -o qouta.lease: there is no option qouta.lease"),
    ("""t.options{ rules = "nowhere" }\n t.session{}""", "2: rules: there is no nowhere.lua in rules.path"),
    ("""t.rule("r", "return {")\nt.options{ rules = "r" }\npcall(t.session)\nt.session{}""", "4: rule r: "),
    ("""t.rule("r", "return {")\nt.options{ rules = "r" }\n t.session{}""", "3: rule r: "),
    ("""t.rule("../r", "")""", '1: "../r" is no rule name'),
    ("""t.clock{ advanced = 1 }""", "1: t.clock{} has no advanced"),
    ("""t.clock{ advance = -1 }""", "1: t.clock{ advance = seconds }: 0 to 1000000000, not -1"),
    ("""x = 1""", '1: global "x" cannot be set'),
    ("""\nos.exit(0)""", '2: there is no global "os" for tests'),
    ("""require "x\"""", '1: there is no global "require" for tests'),
    ("""string.x = 1""", "1: string.x cannot be set"),
    ("""\nlocal n = 0 while true do n = n + 1 end""", "2: too many instructions"),
    ("""(("x"):rep(1000)):find(".-.-.-b")""", "1: too many instructions"),
    ("""pcall(function() while true do end end)""", "1: too many instructions"),
    ("""local l = {}\nwhile true do l[#l + 1] = ("x"):rep(1000000) .. #l end""", "2: not enough memory"),
    ("""error({})""", "1: an error that is no text"),
    ("""t.volume{ virtual = 5 }""", "1: t.volume: virtual is a text, not 5"),
    ("""t.volume{ accounts = "a@b" }""", '1: t.volume: accounts is a table, not "a@b"'),
    ("""t.volume{ accounts = { 5 } }""", "1: a list of accounts takes a text, not 5"),
    ("""t.options{ rules = {} }""", "1: option rules: write a text, as in foregate.conf, not {  }"),
    ("""t.session{ login = {} }""", "1: t.session: login is a text, not {  }"),
    ("""t.session{ port = -1 }""", "1: port takes a whole number from 0 on, not -1"),
    ("""t.session("a")""", '1: t.session takes a table, not "a"'),
    ("""t.directory[5] = "fails" """, "1: t.directory takes a text, not 5"),
    ("""t.http["a.test/"] = {}""", '1: "a.test/" is no request: write "https://host.test/path"'),
    ("""t.asked("a@b 1")""", '1: t.asked takes a table, not "a@b 1"'),
    ("""t.logged("text")""", '1: t.logged takes a table, not "text"'),
    ("""t.logged({ event = "rule" }, "1")""", '1: the count of t.logged takes a whole number from 0 on, not "1"'),
    ("""t.session{}:rcpt("a@b.example")""", "1: there is no message: s:mail comes first"),
    ("""t.session{}:finish{}""", "1: there is no message: s:mail comes first"),
    ("""local s = t.session{}\ns:mail("a@b.example")\ns:finish{ header = {} }""",
     "3: s:finish has no header: it has body_bytes, headers"),
    ("""local s = t.session{}\ns:mail("a@b.example")\ns:finish{ headers = { "From: x" } }""",
     '3: a header is { "Name", "value" }, not "From: x"'),
    ("""local s = t.session{}\ns:mail("a@b.example")\ns:finish{ body_bytes = -1 }""", "3: body_bytes takes a whole number"),
    ("""t.session{}:mail("a@b.example", { SIZE = {} })""", "1: the value of SIZE is a text or a number, not {  }"),
    ("""t.session{}.connected:is("continue", "550")""", '1: code takes a number, not "550"'),
    ("""test("inner", function() error() end)""", "1: a test within a test never runs"),
    ("""local function f()\n  t.counted{ sessions = 1 }\nend\nf()""",
     "2: counter sessions: got 0, want 1\n#   called from FILE:4"),
]


class RuleTests(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="foregate-ruletests-")
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.temporary = self.folder / "tmp"
        self.temporary.mkdir()
        self.config = self.folder / "foregate.conf"
        self.config.write_text("")

    def write(self, name, text):
        path = self.folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        return path

    def environment(self, more=()):
        variables = {name: value for name, value in os.environ.items()
                     if not name.startswith("FOREGATE_") and name not in ("ENABLE_QUOTAS", "SPOOF_PROTECTION")}
        variables["TMPDIR"] = str(self.temporary)
        variables.update(more)
        return variables

    def command(self, *arguments):
        return [PROGRAM, "-c", str(self.config), "-o", f"rules.path={SOURCE / 'rules'}", "-o", f"lua.path={SOURCE / 'lua'}",
                *map(str, arguments)]

    def run_program(self, *arguments, status=0, environment=(), options=(), **keywords):
        """The status is checked, and that nothing stays behind."""
        command = self.command(*options, "test", *arguments)
        result = subprocess.run(command, capture_output=True, text=True, errors="replace", cwd=self.folder, timeout=LIMIT,
                                env=self.environment(environment), check=False, **keywords)
        self.assertEqual(result.returncode, status, result.stdout + result.stderr)
        self.assertEqual(list(self.temporary.iterdir()), [])
        self.errors = result.stderr
        return result.stdout

    def test_everything_a_test_can_do(self):
        self.write("asking.lua", ASKING)
        output = self.run_program(self.write("everything_test.lua", EVERYTHING))
        self.assertEqual(self.errors, "")
        self.assertEqual([line for line in output.splitlines() if not line.startswith(("ok ", "# "))], ["1..9"])

    def test_failures_name_line_and_value(self):
        names = []
        for number, (body, _) in enumerate(FAILURES):
            names.append(f"{number}_test.lua")
            self.write(names[-1], f'test("it", function(t) {body} end)\ntest("next", function() end)\n')
        output = self.run_program(*names, status=1)
        self.assertTrue(output.endswith(f"\n1..{2 * len(FAILURES)}\n"), output)
        for number, (body, want) in enumerate(FAILURES):
            with self.subTest(body):
                part = output.partition(f"# {names[number]}\n")[2].partition(f"\nok {2 * number + 2} - next\n")[0]
                where = f"# {names[number]}:"
                self.assertTrue(part.startswith(f"not ok {2 * number + 1} - it\n{where}"), part)
                self.assertIn(where + want.replace("FILE", names[number]), part)

    def test_what_is_no_value_of_a_log_field_shows_its_kind(self):
        self.write("one_test.lua", """test("it", function(t)
            t.rule("r", "return { name = 'r', mail = function(_, m) log.info('x', { a = {}, b = reject, c = m.sender }) end }")
            t.options{ rules = "r" }
            t.session{}:mail("a@b.example")
            t.logged{ text = "x", a = "(a table)", b = "(a function)", c = "<a@b.example>" }
        end)""")
        self.run_program("one_test.lua")

    def test_a_failure_shows_the_log(self):
        self.write("one_test.lua", """test("it", function(t)
            t.volume{ accounts = { "alice@example.com" } }
            local s = t.session{}
            s:mail("a@b.example")
            s:rcpt("bob@example.com"):is("continue")
        end)""")
        output = self.run_program("one_test.lua", status=1)
        self.assertIn("# one_test.lua:5: verdict: got reject 550 5.1.1 <bob@example.com>: Recipient address rejected: User "
                      "unknown (rule recipient), want continue\n", output)
        self.assertRegex(output, "(?m)^#   log: info decision rule=recipient .*verdict=reject")

    def test_broken_files(self):
        for text, want in (("test(", "unexpected symbol|expected"), ('error("no")', "broken_test.lua:1: no"),
                           ("", "it has no tests"), ("while true do end", "too many instructions"), ("x = 1", "cannot be set"),
                           ('test("x")', "write test"), ("\0", "NUL"), ("\x1bLua", "binary")):
            with self.subTest(text):
                self.write("broken_test.lua", text)
                self.write("sound_test.lua", 'test("sound", function() end)')
                output = self.run_program("broken_test.lua", "sound_test.lua", status=2)
                self.assertRegex(output, f"not ok 1 - broken_test.lua\n# .*({want})")
                self.assertTrue(output.endswith("# sound_test.lua\nok 2 - sound\n1..2\n"), output)

    def test_one_file_does_not_name_the_same_tests_each_time(self):
        self.write("odd_test.lua", 'test(tostring({}), function() end)')
        self.assertIn("does not name the same tests", self.run_program("odd_test.lua", status=1))
        # The order may differ, as that of pairs does.
        names = ", ".join(f"name{i} = {i}" for i in range(20))
        self.write("odd_test.lua", f'for name, i in pairs{{ {names} }} do test(name, function() equal("name" .. i, name) end) '
                                   'test("twin", function() end) end')
        self.assertTrue(self.run_program("odd_test.lua").endswith("1..40\n"))

    def test_names_are_clean(self):
        self.write("one_test.lua", 'test("a # TODO \\\\ \\27[31m\\n", function() end)')
        self.assertIn("ok 1 - a \\# TODO \\\\ ?[31m?\n", self.run_program("one_test.lua"))

    def test_prints(self):
        self.write("one_test.lua", 'test("a", function() print("x", 1, nil, { y = false }) for i = 1, 200 do print(i) end end)')
        output = self.run_program("one_test.lua")
        self.assertIn("# x 1 nil { y = false }\n# 1\n", output)
        self.assertEqual(output.count("\n# "), 100)

    def test_paths(self):
        passes = 'test("it", function() end)'
        for name in ("b_test.lua", "a/z_test.lua", "a/deep/y_test.lua", "a/notatest.lua", "a/.hidden_test.lua"):
            self.write(name, "") if "not" in name else (self.folder / name).parent.mkdir(exist_ok=True)
            (self.folder / name).write_text("error()" if "not" in name or "hidden" in name else passes)
        (self.folder / "a/again").symlink_to("deep")
        (self.folder / "a/nowhere").symlink_to("gone")
        output = self.run_program("b_test.lua", "a", "b_test.lua")
        self.assertEqual([line[2:] for line in output.splitlines() if line.startswith("# ")],
                         ["b_test.lua", "a/again/y_test.lua", "a/deep/y_test.lua", "a/z_test.lua"])
        (self.folder / "a/round").symlink_to(".")
        self.run_program("a", status=2)
        self.assertIn("a circle of links?", self.errors)
        (self.folder / "empty").mkdir()
        for path, words in (("empty", "there is no file *_test.lua in it"), ("nowhere", "No such file"), ("", "empty path")):
            self.assertEqual(self.run_program(path, status=2), "")
            self.assertIn(words, self.errors)
        self.run_program(status=2)
        self.assertIn("there is no file *_test.lua in rules.path", self.errors)
        output = self.run_program(options=("-o", f"rules.path=/nowhere {self.folder / 'a/deep'}"))
        self.assertIn("a/deep/y_test.lua\nok 1 - it\n", output)

    def test_usage(self):
        self.assertIn("Usage: foregate test", self.run_program("--help"))
        self.run_program("--json", status=2)
        self.assertIn("unknown option --json", self.errors)

    def test_coverage(self):
        self.write("part.lua", """\
local function unused(value)
    return value
end
local function refuse(reason)
    if reason == "never" then
        log.info("never")
        return unused(reason)
    else
        return reject(550, "5.7.1", reason)
    end
end
return { name = "part",
    mail = function() return refuse("mail") end,
    rcpt = function()
        return refuse("never")
    end,
}
""")
        self.write("part_test.lua", """test("it", function(t)
            t.rule("own", "return { name = 'own', mail = function() end }")
            t.options{ rules = "own part" }
            t.session{}:mail("a@b.example"):is("reject")
        end)""")
        output = self.run_program("--coverage", "part_test.lua")
        self.assertEqual(output, "# part_test.lua\nok 1 - it\n# coverage ./part.lua: 8 of 12 lines; never run: 2 6-7 15\n1..1\n")

    def test_rules_beside_the_file_win(self):
        rule = 'return { name = "spoof", mail = function() return reject(550, "5.7.1", "%s") end }'
        self.write("mine/spoof.lua", rule % "beside")
        test = 'test("it", function(t) %s t.options{ rules = "spoof" } t.session{}:mail("a@b.example"):is("reject", nil, nil, "%s") end)'
        self.write("mine/a_test.lua", test % ("", "beside"))
        self.write("mine/b_test.lua", test % (f"t.rule('spoof', [[{rule % 'own'}]])", "own"))
        self.run_program("mine")
        blank = self.write("a b/x_test.lua", 'test("x", function() end)')
        self.assertIn("rename it", self.run_program(blank, status=2))

    def test_nothing_of_the_host_counts(self):
        self.write("one_test.lua", """test("it", function(t)
            t.volume{ accounts = { "alice@example.com" } }
            t.quota["alice@example.com"] = "over"
            local s = t.session{}
            s:mail("a@b.example")
            s:rcpt("alice@example.com"):is("reject", 552, "5.2.2", "Mailbox is full")
            s:rcpt("alice"):is("continue") -- at mail.example.test
        end)""")
        settings = self.write("settings", "ENABLE_QUOTAS=0\n")
        self.config.write_text(f"mode = shadow\nquota.enabled = no\ndms.settings = {settings}\nhostname = example.com\n")
        self.run_program("one_test.lua", environment={
            "FOREGATE_QUOTA_REPLY": "550 5.2.2 Else", "ENABLE_QUOTAS": "0", "FOREGATE_MODE": "shadow", "TZ": "Asia/Tokyo",
            "FOREGATE_HOSTNAME": "example.com"}, options=("-o", "quota.on_failure=defer"))
        self.write("zone_test.lua", """test("UTC", function(t)
            t.rule("zone", [[return { name = "zone", mail = function()
                return reject(550, "5.7.1", clock.date().hour .. " " .. clock.utc().hour) end }]])
            t.options{ rules = "zone" }
            t.session{}:mail("a@b.example"):is("reject", 550, "5.7.1", "12 12")
        end)""")
        self.run_program("zone_test.lua", environment={"TZ": "Asia/Tokyo"})

    def test_what_cannot_work(self):
        self.write("one_test.lua", 'test("it", function() end)')
        for options, environment, words in (
                (("-o", f"lua.path={self.folder}"), {}, "set lua.path"),
                ((), {"TMPDIR": "/nowhere"}, "cannot make a temporary folder in /nowhere"),
                ((), {"TMPDIR": str(self.folder / "a b")}, "too long, or with a blank")):
            with self.subTest(words):
                output = self.run_program("one_test.lua", status=2, options=options, environment=environment)
                self.assertRegex(output, "(?m)^Bail out! ")
                self.assertIn(words, self.errors)

    def test_nobody_takes_the_output(self):
        self.write("one_test.lua", 'test("it", function() end)')
        with open("/dev/full", "w", encoding="ascii") as full:
            result = subprocess.run(self.command("test", self.folder / "one_test.lua"), stdout=full, stderr=subprocess.PIPE,
                                    env=self.environment(), timeout=LIMIT, check=False)
        self.assertEqual(result.returncode, 2)
        self.assertIn(b"cannot write the results", result.stderr)

    @unittest.skipIf(os.geteuid() != 0, "only root can become somebody else")
    def test_without_root(self):
        self.write("asking.lua", ASKING)
        self.write("everything_test.lua", EVERYTHING)
        for path in (self.folder, self.temporary):
            path.chmod(0o777)
        self.run_program("everything_test.lua", user=65534, group=65534, extra_groups=[])

    def test_interrupted(self):
        """Between two tests it looks at signals; the folder of the test is gone."""
        self.write("many_test.lua", 'for i = 1, 100000 do test("t" .. i, function(t) t.session{} end) end')
        process = subprocess.Popen(self.command("test", "many_test.lua"), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                   text=True, cwd=self.folder, env=self.environment())
        self.addCleanup(process.kill)
        while not process.stdout.readline().startswith("ok 1 "):
            self.assertIsNone(process.poll())
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate(timeout=LIMIT)
        self.assertEqual(process.returncode, 2)
        self.assertTrue(output.endswith(f"Bail out! interrupted by signal {signal.SIGINT}\n"), output[-200:])
        self.assertIn("interrupted", errors)
        self.assertEqual(list(self.temporary.iterdir()), [])


if __name__ == "__main__":
    unittest.main()
