#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Malformed, huge and broken-off input: judged or refused, in time, and the next transaction works as ever."""

import time

from scenario import FULL, OK, Scenario
from lab import PASSWORD, Session, account_lines, make_message

ALICE = "alice@example.com"
VOLUME = {
    "postfix-accounts.cf": account_lines("full@example.com", ALICE),
    "postfix-virtual.cf": """\
basic@example.com          full@example.com
"two words"@example.com    alice@example.com
@catch.test                alice@example.com
""",
    "dovecot-quotas.cf": "full@example.com:20k\n",
}
ANSWER_WITHIN_S = 12

# RCPT arguments, as raw bytes
RECIPIENTS = [
    b"<>", b"<@>", b"<@catch.test>", b'<""@catch.test>', b'<"two words"@example.com>', b'<"two words+t"@example.com>',
    b"<@relay.test,@other.test:basic@example.com>", b"basic@example.com", b"< basic@example.com >",
    b"<a@b@example.com>", b'<"a@b"@example.com>', b"<a%remote.test@example.com>", b"<!@example.com>",
    b"<+@example.com>", b"<+tag@example.com>", b"<basic++@example.com>", b"<basic@example.com.>",
    b"<" + b"a" * 900 + b"@catch.test>", b"<a+" + b"b" * 900 + b"@catch.test>", b"<x@" + b"a." * 120 + b"test>",
    b"<\xc3\xa4@catch.test>", b"<\xff\xfe@catch.test>", b"<a\x00b@catch.test>", b"<a\x01@catch.test>",
    b"<%s%n%d@catch.test>", b'<"\\"\\\\"@catch.test>', b'<"unclosed@catch.test>', b"<a@[127.0.0.1]>",
    b"<basic@example.com> NOTIFY=SUCCESS", b"<basic@example.com> FOO=bar", b"<postmaster>", b"<basic@example.com",
]
CONTENTS = [
    ("no header at all", b"just a body\r\n"),
    ("empty message", b""),
    ("a header of 64 KiB", b"X-Long: " + b"x" * 65536 + b"\r\n\r\nbody\r\n"),
    ("a folded header of 200 KiB", b"X-Long: y\r\n" + b"\t" + b"\r\n\t".join([b"z" * 900] * 220) + b"\r\n\r\nbody\r\n"),
    ("From of 60 KiB", b"From: " + b", ".join([b"alice@example.com"] * 3000) + b"\r\n\r\nbody\r\n"),
    ("unclosed quotes in From", b'From: "alice <alice@example.com>\r\n\r\nbody\r\n'),
    ("nested comments in From", b"From: " + b"(" * 5000 + b"alice@example.com\r\n\r\nbody\r\n"),
    ("NULs in header and body", b"From: a\x00b <alice@example.com>\r\nSubject: \x00\r\n\r\n\x00\x00\r\n"),
    ("8-bit bytes in From", b"From: \xff\xfe\xc3 <alice@example.com>\r\n\r\n\xff\r\n"),
    ("5000 headers", b"".join(b"X-%d: v\r\n" % n for n in range(5000)) + b"\r\nbody\r\n"),
    ("bare line feeds", b"From: alice@example.com\n\nbody\n\r\n"),
    ("3 MB", make_message("large", sender=ALICE, size=3_000_000)),
]


def alive(scenario, lab, title):
    started = time.monotonic()
    dialogue = lab.send("s@external.test", ["basic@example.com", ALICE], data=False)
    answers = [str(reply) for reply in dialogue.rcpt] or [str(dialogue.refusal)]
    right = answers[0] == FULL and answers[-1].startswith("250 ") and lab.gateway.running()
    if not right or time.monotonic() - started > ANSWER_WITHIN_S:
        scenario.check(f"works after: {title}", answers, [FULL, "250 2.1.5 Ok"])
    return right


def odd_recipients(scenario, lab):
    for raw in RECIPIENTS:
        with Session(lab.mx, limit_s=ANSWER_WITHIN_S) as session:
            session.ehlo()
            session.mail("s@external.test")
            session.send_raw(b"RCPT TO:" + raw + b"\r\n")
            shown = raw if len(raw) < 60 else raw[:50] + b"..."
            reply = session.read_reply()
            alive(scenario, lab, f"RCPT {shown}")
            # A failure of Foregate itself shows as 451; what Postfix or a rule refuses is 5xx.
            scenario.check(f"RCPT {shown}: {reply}", reply.code in (250, 501, 550, 552, 553, 554, 555), True)


def odd_senders(scenario, lab):
    for raw in RECIPIENTS:
        with Session(lab.submission, limit_s=ANSWER_WITHIN_S) as session:
            session.ehlo()
            session.auth(ALICE, PASSWORD)
            session.send_raw(b"MAIL FROM:" + raw + b"\r\n")
            reply = session.read_reply()
            shown = raw if len(raw) < 60 else raw[:50] + b"..."
            scenario.check(f"MAIL {shown}: {reply}", reply.code in (250, 501, 503, 550, 553, 555), True)
    alive(scenario, lab, "odd senders")


def odd_contents(scenario, lab):
    for title, content in CONTENTS:
        with Session(lab.submission) as session:
            session.ehlo()
            session.auth(ALICE, PASSWORD)
            session.mail(ALICE)
            session.rcpt(ALICE)
            session.data()
            reply = session.content(content)
            scenario.check(f"{title}: {reply}", reply.code in (250, 550, 552, 553, 554), True)
        alive(scenario, lab, title)


def broken_off(scenario, lab):
    for title, steps in (("after connect", []), ("after EHLO", [b"EHLO x.test"]),
                         ("after MAIL", [b"EHLO x.test", b"MAIL FROM:<s@external.test>"]),
                         ("after RCPT", [b"EHLO x.test", b"MAIL FROM:<s@external.test>", b"RCPT TO:<any@catch.test>"]),
                         ("in the data", [b"EHLO x.test", b"MAIL FROM:<s@external.test>", b"RCPT TO:<any@catch.test>",
                                          b"DATA"])):
        for _ in range(5):
            with Session(lab.mx) as session:
                for step in steps:
                    session.send_raw(step + b"\r\n")
                    session.read_reply()
                if title == "in the data":
                    session.send_raw(b"Subject: half a\r\n")
        scenario.check(f"broken off {title}", alive(scenario, lab, title), True)

    with Session(lab.mx) as session:  # one session, many transactions that end in every possible way
        session.ehlo()
        for ending in ("RSET", "EHLO again.test", "RSET", "HELO again.test"):
            session.mail("s@external.test")
            session.rcpt("basic@example.com")
            session.rcpt(ALICE)
            session.command(ending)
        session.mail("")
        scenario.check("null sender, after resets", session.rcpt("basic@example.com"), FULL)
        scenario.check("null sender, another", session.rcpt(ALICE), OK)


def many_recipients(scenario, lab, count=10000, at_once=100):
    started = time.monotonic()
    codes = {}
    with Session(lab.mx) as session:
        session.ehlo()
        session.mail("s@external.test")
        for first in range(0, count, at_once):
            session.send_raw(b"".join(b"RCPT TO:<alice+%d@example.com>\r\n" % n for n in range(first, first + at_once)))
            for _ in range(at_once):
                code = session.read_reply().code
                codes[code] = codes.get(code, 0) + 1
        scenario.check(f"{count} recipients", codes, {250: count})
        scenario.check("and a full one", session.rcpt("basic@example.com"), FULL)
        session.command("RSET")
    print(f"      {time.monotonic() - started:.1f} s")
    alive(scenario, lab, "many recipients")


def main():
    scenario = Scenario(limit_s=280)
    limits = "smtpd_recipient_limit = 20000\nsmtpd_client_connection_rate_limit = 0\n"
    with scenario.lab(VOLUME, options={"spoof.enabled": "yes"}, main_cf=limits) as lab:
        lab.fill("full@example.com", 21000)
        odd_recipients(scenario, lab)
        odd_senders(scenario, lab)
        odd_contents(scenario, lab)
        broken_off(scenario, lab)
        many_recipients(scenario, lab)
        scenario.check("Foregate is still the same process", lab.gateway.running(), True)
    scenario.end()


main()
