"""The tree that `foregate resolve` prints for people (the program named by FOREGATE, else build/dev/foregate)."""

import os
import pty
import subprocess
import time
import unittest

from test_commands import LIMIT, PROGRAM, CommandCase

VOLUME = {
    "postfix-accounts.cf": """\
alice@example.com|{PLAIN}x
bob@example.com|{PLAIN}x|userdb_quota_rule=*:storage=100M
carol@example.com|{PLAIN}x|userdb_mail=mbox:~/mail
admin@example.com|{PLAIN}x
zero@example.com|{PLAIN}x
""",
    "dovecot-quotas.cf": "alice@example.com:10G\ncarol@example.com:0\nzero@example.com:0G\n",
    "postfix-virtual.cf": """\
team@example.com alice@example.com, bob@gmail.example, ghost@example.com
nested@example.com team@example.com, alice@example.com, carol@example.com, Alice@example.com
bob@example.com bob@example.com, copy@external.test
gone@example.com gone@example.com, alice@example.com
@catch.test carol@example.com
office alice@example.com
in@example.com loop1@example.com
loop1@example.com loop2@example.com
loop2@example.com loop1@example.com
host@example.com logs@mail.example.test, postmaster@mail.example.test, user@mail.example.test, logs
null@example.com <>
bad@example.com x@-bad-, -dash@example.com
x@elsewhere.test nobody@nowhere.test
first@example.com second@example.com, third@example.com
second@example.com alice@example.com, carol@example.com
third@example.com carol@example.com
""",
    "postfix-regexp.cf": r"""
/^re[0-9]+@example\.com$/ carol@example.com
/^hole(.*)@example\.com$/ $1
/^relayed@foreign\.test$/ alice@example.com, loop2@foreign.test
/^round@foreign\.test$/ round@foreign2.test
/^round@foreign2\.test$/ round@foreign.test
""",
    "postfix-aliases.cf": """\
logs: "|/usr/bin/logger -t mail", /var/mail/logs, :include:/etc/list
circle: circle2
circle2: circle
self: self, alice@example.com
out: team@example.com
home: ~/mail
nothing: ,
""",
}


class TreeCase(CommandCase):
    def setUp(self):
        super().setUp()
        self.write_volume(VOLUME)
        self.write_config("dms.postmaster = admin@example.com\n")

    def tree(self, *addresses, **options):
        return self.foregate("resolve", "--", *addresses, **options)

    def check(self, want, status=0):
        """want: trees one behind the other; what they are of stands in their first lines."""
        addresses = [line.partition(": ")[0] for line in want.splitlines() if not line.startswith(" ")]
        self.assertEqual(self.tree(*addresses, status=status), want)


class Trees(TreeCase):
    def test_matches(self):
        self.check("""\
nested+x@example.com: ok
  nested+x@example.com: alias at postfix-virtual.cf:2 (base: without +x)
    team+x@example.com: alias at postfix-virtual.cf:1 (base: without +x)
      alice+x@example.com: mailbox alice@example.com, limit 10G
      bob+x@gmail.example: external, not our domain
      ghost+x@example.com: unknown, nobody has this address: its mail bounces
    carol+x@example.com: mailbox carol@example.com, unlimited
    alice+x@example.com: again, delivered only once
    Alice+x@example.com: again, delivered only once
TEAM@example.com: ok
  TEAM@example.com: alias at postfix-virtual.cf:1 (exact)
    alice@example.com: mailbox alice@example.com, limit 10G
    bob@gmail.example: external, not our domain
    ghost@example.com: unknown, nobody has this address: its mail bounces
re7@example.com: ok
  re7@example.com: alias at postfix-regexp.cf:2 (pattern)
    carol@example.com: mailbox carol@example.com, unlimited
any+y@catch.test: ok
  any+y@catch.test: alias at postfix-virtual.cf:5 (catch-all: @catch.test)
    carol@example.com: mailbox carol@example.com, unlimited
office@mail.example.test: ok
  office@mail.example.test: alias at postfix-virtual.cf:6 (bare: office)
    alice@example.com: mailbox alice@example.com, limit 10G
out@mail.example.test: ok
  out@mail.example.test: alias at postfix-aliases.cf:5 (local)
    team@example.com: alias at postfix-virtual.cf:1 (exact)
      alice@example.com: mailbox alice@example.com, limit 10G
      bob@gmail.example: external, not our domain
      ghost@example.com: unknown, nobody has this address: its mail bounces
root: ok
  root@mail.example.test: alias at POSTMASTER_ADDRESS (local)
    admin@example.com: mailbox admin@example.com
""")

    def test_mailboxes(self):
        self.check("""\
alice@example.com: ok
  alice@example.com: mailbox alice@example.com, limit 10G
Admin+x@example.com: ok
  Admin+x@example.com: mailbox admin@example.com
<carol@example.com>: ok
  carol@example.com: mailbox carol@example.com, unlimited
zero@example.com: ok
  zero@example.com: mailbox zero@example.com, unlimited
""")

    def test_aliases_that_list_themselves(self):
        self.check("""\
bob+x@example.com: ok
  bob+x@example.com: alias at postfix-virtual.cf:3 (base: without +x)
    bob+x@example.com: mailbox bob@example.com, limit 100M, listed by its own alias
    copy+x@external.test: external, not our domain
gone@example.com: ok
  gone@example.com: alias at postfix-virtual.cf:4 (exact)
    gone@example.com: unknown, listed by its own alias, nobody has this address: its mail bounces
    alice@example.com: mailbox alice@example.com, limit 10G
self@mail.example.test: ok
  self@mail.example.test: alias at postfix-aliases.cf:4 (local)
    self@mail.example.test: local, listed by its own alias, delivered by the host itself
    alice@example.com: mailbox alice@example.com, limit 10G
""")

    def test_what_is_reached_again(self):
        self.check("""\
first@example.com: ok
  first@example.com: alias at postfix-virtual.cf:14 (exact)
    second@example.com: alias at postfix-virtual.cf:15 (exact)
      alice@example.com: mailbox alice@example.com, limit 10G
      carol@example.com: again, delivered only once
    third@example.com: alias at postfix-virtual.cf:16 (exact)
      carol@example.com: mailbox carol@example.com, unlimited
""")

    def test_the_host_itself(self):
        self.check("""\
host@example.com: ok
  host@example.com: alias at postfix-virtual.cf:10 (exact)
    logs@mail.example.test: alias at postfix-aliases.cf:1 (local)
      logs@mail.example.test: local, goes to |/usr/bin/logger -t mail, /var/mail/logs, :include:/etc/list
    postmaster@mail.example.test: local, no alias has it: Postfix discards its mail
    user@mail.example.test: local, delivered by the host itself
    logs@mail.example.test: again, delivered only once
null@example.com: ok
  null@example.com: alias at postfix-virtual.cf:11 (exact)
    <>: local, nobody: Postfix takes it for mailer-daemon
double-bounce@mail.example.test: ok
  double-bounce@mail.example.test: local, no alias has it: Postfix discards its mail
""")

    def test_what_bounces(self):
        self.check("""\
bad@example.com: ok
  bad@example.com: alias at postfix-virtual.cf:12 (exact)
    x@-bad-: unknown, no valid address: its mail bounces
    -dash@example.com: unknown, no valid address: its mail bounces
home@mail.example.test: ok
  home@mail.example.test: alias at postfix-aliases.cf:6 (local)
    home@mail.example.test: unknown, there is no home directory: its mail bounces
""")
        text = self.tree("circle@mail.example.test")
        self.assertRegex(text, r": unknown, local aliases lead round in a circle: its mail bounces\n$")

    def test_unknown(self):
        self.check("""\
nobody@example.com: unknown, our domain, but neither an alias nor an account has this address
y@elsewhere.test: unknown, our domain, but neither an alias nor an account has this address
nobody: unknown, no alias has nobody@mail.example.test, which is at the host itself
""", status=1)

    def test_relay(self):
        self.check("""\
x@foreign.test: relay, not our domain; from clients that may relay: ok
  x@foreign.test: external, not our domain
relayed@foreign.test: relay, not our domain; from clients that may relay: ok
  relayed@foreign.test: alias at postfix-regexp.cf:4 (pattern)
    alice@example.com: mailbox alice@example.com, limit 10G
    loop2@foreign.test: external, not our domain
user%foreign.test@example.com: relay, it names a further host; from clients that may relay: ok
  user%foreign.test@example.com: unknown, nobody has this address: its mail bounces
round@foreign.test: relay, not our domain; from clients that may relay: error, loop at round@foreign.test: """
                   + self.loop_reason() + """
  round@foreign.test: alias at postfix-regexp.cf:5 (pattern)
    round@foreign2.test: alias at postfix-regexp.cf:6 (pattern)
      round@foreign.test: error, the circle is closed
""")

    def loop_reason(self):
        (answer,) = self.objects("resolve", "--json", "loop1@example.com", status=1)
        return answer["reason"]

    def test_errors_show_the_way(self):
        want = """\
in+x@example.com: error, loop at loop2+x@example.com: """ + self.loop_reason() + """
  in+x@example.com: alias at postfix-virtual.cf:7 (base: without +x)
    loop1+x@example.com: alias at postfix-virtual.cf:8 (base: without +x)
      loop2+x@example.com: alias at postfix-virtual.cf:9 (base: without +x)
        loop1+x@example.com: error, the circle is closed
hole@example.com: error, table at hole@example.com: a table gives an empty result
  hole@example.com: alias at postfix-regexp.cf:3 (pattern)
    hole@example.com: error, table
a b@example.com: error, syntax: """ + self.syntax_reason("a b@example.com") + "\n"
        self.check(want, status=1)
        text = self.tree("nothing@mail.example.test", status=1)
        self.assertRegex(text, "^nothing@mail.example.test: error, table at nothing@mail.example.test: .{20,}\n$")

    def syntax_reason(self, address):
        (answer,) = self.objects("resolve", "--json", address, status=1)
        return answer["reason"]

    def test_a_circle_behind_a_local_alias(self):
        self.write_volume({"postfix-aliases.cf": "sent: in@example.com\n"})
        text = self.tree("sent@mail.example.test", status=1)
        self.assertIn("error, loop at loop", text)
        self.assertTrue(text.endswith(": error, the circle is closed\n"), text)

    def test_stdin(self):
        text = self.foregate("resolve", "-", "office@mail.example.test", input=b"alice@example.com\r\n\nBOB@nowhere.test",
                             status=1)
        firsts = [line for line in text.splitlines() if not line.startswith(" ")]
        self.assertEqual([line.partition(",")[0] for line in firsts],
                         ["alice@example.com: ok", ": error", "BOB@nowhere.test: relay", "office@mail.example.test: ok"])

    def test_help_explains_every_word(self):
        text = self.foregate("resolve", "--help")
        for word in ("ok", "unknown", "relay", "error", "alias", "mailbox", "external", "local", "again"):
            self.assertRegex(text, rf"(?m)^  {word} ")
        for word in ("exact", "pattern", "base", "bare", "catch-all"):
            self.assertIn(f"{word} (", text)

    def test_nothing_is_obeyed_by_a_terminal(self):
        title = "\033]0;title\007"
        self.write_volume({
            "postfix-virtual.cf": f'"{title}"@example.com {title}@example.com, "\u009b2J"@external.test\n',
            "postfix-aliases.cf": f'log: "|echo {title}"\n',
            "postfix-accounts.cf": f"alice@example.com|x|userdb_quota_rule=*:storage={title}\n"})
        addresses = [f'"{title}"@example.com', f"{title}@example.com", "log@mail.example.test", "alice@example.com",
                     f"{title}@nowhere.test", f'"a{title}"@example.com']
        for text in (self.tree(*addresses, status=1),
                     self.foregate("resolve", "-", input="\n".join(addresses).encode(), status=1)):
            controls = [c for c in text if (ord(c) < 32 and c != "\n") or 127 <= ord(c) < 160]
            self.assertEqual(controls, [])
            self.assertIn("goes to |echo ?]0;title?", text)


class Large(TreeCase):
    """In far less than the time a test may take; a tree that is searched child by child would show."""

    SECONDS = 30

    def setUp(self):
        super().setUp()
        chain = [f"c{i}@example.com c{i + 1}@example.com\n" for i in range(1100)]
        chain[900] = "c900@example.com alice@example.com\n"
        users = [f"u{i}@example.com" for i in range(1000)]
        self.write_volume({
            "postfix-virtual.cf": "".join([
                *chain, *(f"d{i}@example.com d{i + 1}@example.com\n" for i in range(900)),
                "d900@example.com all@example.com\n", *(f"e{i}@example.com e{i + 1}@example.com\n" for i in range(1100)),
                f"all@example.com {', '.join(users)}\n", f"more@example.com {', '.join(users)}, alice@example.com\n",
                f"twice@example.com {', '.join(f't{i}@example.com' for i in range(1000))}\n",
                *(f"t{i}@example.com alice@example.com\n" for i in range(1000))]),
            "postfix-aliases.cf": "".join([
                f"big: {', '.join(f'b{i}' for i in range(9000))}\n", *(f"b{i}: /var/mail/b{i}\n" for i in range(9000))]),
        })
        self.started = time.monotonic()

    def tearDown(self):
        self.assertLess(time.monotonic() - self.started, self.SECONDS)

    def test_many_targets(self):
        lines = self.tree("all@example.com").splitlines()
        self.assertEqual(len(lines), 1002)
        self.assertEqual(lines[-1], "    u999@example.com: unknown, nobody has this address: its mail bounces")

    def test_a_long_chain(self):
        lines = self.tree("c0@example.com").splitlines()
        self.assertEqual(len(lines), 903)
        self.assertEqual(lines[20], " " * 40 + "c19@example.com: alias at postfix-virtual.cf:20 (exact)")
        self.assertEqual(lines[-1], " " * 40 + "[902] alice@example.com: mailbox alice@example.com, limit 10G")
        self.assertLess(max(map(len, lines)), 120)

    def test_many_targets_behind_a_long_chain(self):
        self.assertEqual(len(self.tree("d0@example.com").splitlines()), 1 + 901 + 1001)

    def test_a_chain_that_is_too_long(self):
        lines = self.tree("e0@example.com", status=1).splitlines()
        self.assertEqual(len(lines), 1002)
        self.assertTrue(lines[-1].endswith("] e1000@example.com: error, after 1000 aliases"), lines[-1])

    def test_too_many_targets(self):
        text = self.tree("more@example.com", status=1)
        self.assertRegex(text, r"^more@example\.com: error, size at .*\n  more@example\.com: alias at .*\n.*: error, size\n$")

    def test_one_target_many_times(self):
        text = self.tree("twice@example.com")
        self.assertEqual(text.count(": again, delivered only once\n"), 999)
        self.assertEqual(text.count(": mailbox "), 1)

    def test_many_local_aliases(self):
        text = self.tree("big@mail.example.test")
        self.assertEqual(text.count(": local, goes to /var/mail/b"), 9000)


class Colour(TreeCase):
    def on_terminal(self, *arguments, **variables):
        environment = {name: value for name, value in os.environ.items()
                       if not name.startswith("FOREGATE") and name != "NO_COLOR"}
        environment["TERM"] = "xterm"
        environment.update(variables)
        ours, theirs = pty.openpty()
        process = subprocess.Popen([PROGRAM, "-c", str(self.config), "resolve", *arguments], stdin=subprocess.DEVNULL,
                                   stdout=theirs, stderr=subprocess.PIPE, env=environment)
        os.close(theirs)
        output = b""
        with process, open(ours, "rb", buffering=0) as terminal:
            try:
                while data := terminal.read(65536):
                    output += data
            except OSError:
                pass  # EIO: the other side is closed
            errors = process.stderr.read().decode()
            self.assertIn(process.wait(LIMIT), (0, 1), errors)
        return output.decode().replace("\r\n", "\n")

    ADDRESSES = ("nested@example.com", "nobody@example.com", "x@foreign.test", "in@example.com", "logs@mail.example.test",
                 "a b@c.test")

    def plain(self):
        return self.tree(*self.ADDRESSES, status=1)

    def test_words_are_coloured_on_a_terminal(self):
        text = self.on_terminal(*self.ADDRESSES)
        for coloured in ("nested@example.com: \033[32mok\033[0m\n", ": \033[31munknown\033[0m, our domain",
                         ": \033[36mrelay\033[0m, not our domain; from clients that may relay: \033[32mok\033[0m\n",
                         ": \033[31merror\033[0m, loop at", ": \033[2malias\033[0m at ",
                         ": \033[32mmailbox\033[0m alice@example.com", ": \033[36mexternal\033[0m, not",
                         ": \033[31munknown\033[0m, nobody", ": \033[33mlocal\033[0m, goes", ": \033[2magain\033[0m, ",
                         ": \033[31merror\033[0m, the circle", "a b@c.test: \033[31merror\033[0m, syntax"):
            self.assertIn(coloured, text)

    def test_colour_is_all_that_differs(self):
        text = self.on_terminal(*self.ADDRESSES)
        for code in ("0", "2", "31", "32", "33", "36"):
            text = text.replace(f"\033[{code}m", "")
        self.assertEqual(text, self.plain())

    def test_terminals_without_colour(self):
        for variables in ({"NO_COLOR": "1"}, {"TERM": "dumb"}, {"TERM": ""}):
            with self.subTest(variables):
                self.assertEqual(self.on_terminal(*self.ADDRESSES, **variables), self.plain())
        self.assertIn("\033[32m", self.on_terminal("alice@example.com", NO_COLOR=""))

    def test_no_colour_where_there_is_no_terminal(self):
        self.assertNotIn("\033", self.tree(*self.ADDRESSES, status=1, environment={"TERM": "xterm", "NO_COLOR": ""}))

    def test_json_has_no_colour(self):
        self.assertNotIn("\033", self.on_terminal("--json", *self.ADDRESSES))

    def test_nothing_of_an_address_is_obeyed(self):
        text = self.on_terminal("\033[31mred\033[0m@example.com", '"\033c"@foreign.test')
        for code in ("0", "2", "31", "32", "33", "36"):
            text = text.replace(f": \033[{code}m", ": ").replace("\033[0m", "")
        self.assertNotIn("\033", text)


if __name__ == "__main__":
    unittest.main()
