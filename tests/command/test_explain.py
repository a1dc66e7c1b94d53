"""What `foregate explain` shows of each rule, as text and as JSON."""

import json
import re
import unittest

from test_commands import FULL, SOURCE, CommandCase, FakeQuota

PROBE = """\
return {
    name = "probe",
    rcpt = function(session, message, recipient)
        local known = session.login, session.login
        message.notes.seen = { recipient.address.key, 1, false }
        message:add_header("X-Seen", "yes, once")
        local owner, reason = directory.account("a@b@@")
        local room, text = quota.check("bob@example.com", 2000)
        return reject(550, "5.7.1", "No", { room = room, nested = { list = { 1, 2 } } })
    end,
    finish = function() error("never") end,
}
"""


class Explain(CommandCase):
    def setUp(self):
        super().setUp()
        self.quota = FakeQuota()
        self.addCleanup(self.quota.stop)
        self.quota.answers["bob@example.com"] = FULL
        rules = self.folder / "rules"
        rules.mkdir()
        (rules / "probe.lua").write_text(PROBE)
        self.write_config(f"quota.service = {self.quota.service}\nrules = alias probe\nquota.overhead = 0\n"
                          "quota.lease = 0\n")
        self.options = ["-o", f"rules.path={SOURCE / 'rules'} {rules}"]

    def explain(self, *arguments, rcpt="nested@example.com", **options):
        return self.foregate(*self.options, "explain", *arguments, "--from", "a@ext.test", "--rcpt", rcpt, **options)

    def test_text(self):
        text = re.sub(r"\d+\.\d ms", "N ms", self.explain(status=1))
        self.assertEqual(text.split("verdicts\n")[0], """\
generation 1 of the rules, snapshot 1 of the directory
rules
  rcpt     alias       continue  <nested@example.com>  (N ms)
             input  recipient.address = nested@example.com
             answer directory.resolve(nested@example.com) = { address = nested@example.com, domain_class = mailbox, """
                         "recipients = { { address = alice@example.com, class = mailbox, mailbox = alice@example.com, "
                         """via = { nest...  (snapshot 1: postfix-virtual.cf:2, postfix-virtual.cf:1; N ms)
             note   recipient.expansion = { address = nested@example.com, domain_class = mailbox, """
                         "recipients = { { address = alice@example.com, class = mailbox, mailbox = alice@example.com, "
                         """via = { nest...
  rcpt     probe       reject  <nested@example.com>  550 5.7.1 No  (N ms)
             input  session.login = nil
             input  recipient.address = nested@example.com
             note   message.notes.seen = { nested@example.com, 1, false }
             edit   message.add_header(X-Seen, "yes, once")
             answer directory.account(a@b@@) = nil, "domain is not valid"  (N ms)
             answer quota.check(bob@example.com, 2000) = over, "552 5.2.2 Mailbox is full"  """
                         """(asked: 2000 bytes wanted, 0 on their way, lease 0, 1 questions; N ms)
             detail nested = { list = { 1, 2 } }
             detail room = over
""")

    def test_json(self):
        document = json.loads(self.explain("--json", status=1))
        self.assertEqual((document["generation"], document["snapshot"]), (1, 1))
        alias, probe = document["events"]
        for answer in alias["answers"] + probe["answers"]:
            self.assertGreaterEqual(answer.pop("ms"), 0)
        self.assertEqual([answer["name"] for answer in alias["answers"]], ["directory.resolve"])
        self.assertEqual(alias["answers"][0]["remark"], "postfix-virtual.cf:2, postfix-virtual.cf:1")
        self.assertEqual(alias["answers"][0]["results"][0]["recipients"][1]["address"], "someone@external.test")
        self.assertEqual(alias["notes_set"][0]["value"], alias["answers"][0]["results"][0])
        self.assertNotIn("id", alias)
        self.assertRegex(probe.pop("id"), r"^[2-9A-Z]{8}$")
        self.assertGreaterEqual(probe.pop("ms"), 0)
        self.assertEqual(probe, {
            "stage": "rcpt", "recipient": "nested@example.com", "rule": "probe", "verdict": "reject", "code": 550,
            "xcode": "5.7.1", "text": "No", "detail": {"room": "over", "nested": {"list": [1, 2]}}, "generation": 1,
            "inputs": [{"name": "session.login", "value": None},
                       {"name": "recipient.address", "value": "nested@example.com"}],
            "answers": [{"name": "directory.account", "arguments": ["a@b@@"], "results": [None, "domain is not valid"]},
                        {"name": "quota.check", "arguments": ["bob@example.com", 2000],
                         "results": ["over", "552 5.2.2 Mailbox is full"], "source": "asked",
                         "remark": "2000 bytes wanted, 0 on their way, lease 0, 1 questions"}],
            "notes_set": [{"name": "message.notes.seen", "value": ["nested@example.com", 1, False]}],
            "edits": [{"name": "message.add_header", "arguments": ["X-Seen", "yes, once"], "results": []}],
        })

    def test_the_breaker_and_a_lease_are_named(self):
        self.quota.answers.clear()
        (self.folder / "rules" / "probe.lua").write_text("""\
            return { name = "probe", rcpt = function() for i = 1, 2 do quota.check("x" .. i .. "@example.com", 1) end
                quota.check("x2@example.com", 1) end }""")
        cases = [(["-o", "quota.service=inet:127.0.0.1:1"], ["asked", "breaker", "breaker"]),
                 ([], ["asked", "asked", "held"])]
        for arguments, sources in cases:
            with self.subTest(sources):
                self.options += arguments
                events = json.loads(self.explain("--json"))["events"]
                self.options = self.options[:2]
                self.assertEqual([answer["source"] for answer in events[-1]["answers"]], sources)

    def test_what_foregate_itself_refuses(self):
        document = json.loads(self.explain("--json", rcpt="<>", status=1))
        (event,) = document["events"]
        self.assertEqual((event["rule"], event["stage"], event["code"], event["inputs"]), (None, "rcpt", 501, []))
        self.assertRegex(self.explain(rcpt="<>", status=1), r"\n  rcpt     -           reject  <.*>  501 5\.1\.3 Bad rec")

    def test_an_error_comes_last(self):
        (self.folder / "rules" / "probe.lua").write_text(
            'return { name = "probe", mail = function(s, m) local x = m.queue_id error("boom") end }')
        lines = self.explain(status=1).splitlines()
        self.assertEqual(lines[3], "             input  message.queue_id = nil")
        self.assertRegex(lines[4], r"^             error  /.*/probe.lua:1: boom")


if __name__ == "__main__":
    unittest.main()
