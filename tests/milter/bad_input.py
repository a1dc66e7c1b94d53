#!/usr/bin/env python3
"""Absurd input: judged or refused, never a crash, and the next transaction works."""

import json
import random

from cases import case, equal, holds, run
from driver import EVENTS, Gone, Milter, packet
from fake_quota import FULL, FakeQuota
from program import THREAD_SANITIZER, Program

ALL_FINE = "mail=continue; rcpt=continue; message=continue"
JUDGED = ("continue", "reply", "reject", "tempfail", "skip", "unanswered", "unsent")

quota = FakeQuota()
quota.answers["full@example.com"] = FULL

program = None


def works(what):
    holds(f"the program lives after {what}", program.alive)
    with program.session() as session:
        equal(f"a transaction after {what}", str(session.transaction(["<ok@example.com>"])), ALL_FINE)
        equal(f"a refusal after {what}", str(session.rcpt("<basic@example.com>") if session.mail().accepted else ""),
              FULL)
        session.quit()


ADDRESSES = [
    b"", b"<>", b"<@>", b"@", b"<", b">", b"<<>>", b"<a@b", b"a@b>", b"<a@@b>", b"<@b>", b"<a@>", b"<a b@c>",
    b"< a@b.c >", b"<a@b@example.com>", b"<\"a b\"@example.com>", b"<\"a\\\"b\"@example.com>", b"<\"@example.com>",
    b"<\"\"@example.com>", b"<\\@example.com>", b"<ok@example.com\\>", b"<ok@[127.0.0.1]>", b"<ok@[>",
    b"<ok@[IPv6:::1]>", b"<ok@example.com.>", b"<ok@.example.com>", b"<ok@example..com>", b"<.ok@example.com>",
    b"<+@example.com>", b"<ok+@example.com>", b"<+ok@example.com>", b"<++++@example.com>", b"<ok++tag@example.com>",
    b"<@a,@b:ok@example.com>", b"<@a:@b:>", b"<@:>", b"<postmaster>", b"<Postmaster@Example.Com>", b"<full>",
    b"<a%b@example.com>", b"<a!b@example.com>", b"<%s%n%x@example.com>", b"<\xff\xfe\x80@example.com>",
    b"<ok@\xff.example>", "<grün@example.com>".encode(), "<ok@exämple.com>".encode(), b"<ok\xc0\x80@example.com>",
    b"<ok\x01\x1b[2J@example.com>", b"<ok\r\n@example.com>", b"<ok\n550 no@example.com>", b"<ok@example.com> junk",
    b"<ok@example.com>,<full@example.com>", b"ok@example.com, full@example.com",
    b"<" + b"a" * 64 + b"@example.com>", b"<" + b"a" * 10000 + b"@example.com>", b"<ok@" + b"d" * 10000 + b">",
    b"<" + b"ok+" * 3000 + b"@example.com>", b"<" + b"@a," * 3000 + b":ok@example.com>",
    b"<\"" + b"\\\"" * 5000 + b"\"@example.com>", b"<ok@" + b"a." * 5000 + b"com>", b"(comment)ok@example.com",
    b"<re" + b"5" * 5000 + b"@example.com>", b"<|/bin/sh>", b"</dev/null>", b":include:/etc/passwd",
    b"<~@example.com>", b"<-@example.com>", b"<owner-x@example.com>",
]


@case("malformed addresses as recipient")
def bad_recipients():
    with program.session() as session:
        session.mail()
        for address in ADDRESSES:
            reply = session.rcpt(address)
            holds(f"{address[:60]!r} is judged", reply.kind in JUDGED, str(reply))
        session.data()
        reply, _ = session.content()
        holds("the message is judged", reply.kind in JUDGED, str(reply))
        session.abort()
        session.quit()
    works("malformed recipients")


@case("malformed addresses as sender, one transaction each")
def bad_senders():
    with program.session() as session:
        for address in ADDRESSES:
            outcome = session.transaction(["<ok@example.com>"], sender=address)
            holds(f"{address[:60]!r} is judged", outcome.mail.kind in JUDGED, str(outcome))
        session.quit()
    works("malformed senders")


@case("malformed addresses as sender of a login")
def bad_senders_with_login():
    with Program(quota=quota, options={"spoof.enabled": "yes"}) as strict, strict.session() as session:
        session.login("alice@example.com")
        for address in ADDRESSES:
            outcome = session.transaction(["<ok@example.com>"], sender=address,
                                          headers=[("From", address.replace(b"\0", b"")), ("Sender", b"x")])
            holds(f"{address[:60]!r} is judged", outcome.mail.kind in JUDGED, str(outcome))
        session.quit()


PARAMETERS = [
    ["SIZE="], ["SIZE=x"], ["SIZE=-1"], ["SIZE=0"], ["SIZE=99999999999999999999999999"], ["SIZE=1", "SIZE=2"],
    ["size=10"],
    ["SIZE=18446744073709551615"], ["SIZE=9223372036854775807"], ["SIZE=1e5"], ["SIZE= 5"], [""], ["="], ["=x"],
    ["BODY=8BITMIME", "SMTPUTF8", "RET=FULL", "ENVID=+2B", "AUTH=<>"], [b"X=\xff\x01"],
    ["P=" + "v" * 20000], ["A=1"] * 2000,
]


@case("absurd MAIL parameters")
def mail_parameters():
    with program.session() as session:
        for parameters in PARAMETERS:
            outcome = session.transaction(["<ok@example.com>"], parameters=parameters)
            holds(f"{str(parameters)[:60]} is judged", outcome.mail.kind in JUDGED, str(outcome))
        session.quit()
    works("absurd MAIL parameters")


@case("absurd RCPT parameters on a group that is edited")
def rcpt_parameters():
    with program.session() as session:
        for parameters in (["NOTIFY="], ["NOTIFY=,,"], ["NOTIFY=WHAT"], ["ORCPT="], ["ORCPT=x"], ["ORCPT=;"],
                           ["orcpt=rfc822;x"], ["NOTIFY=NEVER", "NOTIFY=SUCCESS"], ["ORCPT=rfc822;" + "x" * 20000],
                           [b"ORCPT=rfc822;\xff\n\x01"],
                           ["ORCPT=rfc822;a NOTIFY=NEVER"], [""] * 500):
            outcome = session.transaction([("<pair@example.com>", *parameters)])
            holds(f"{str(parameters)[:60]} is judged", outcome.recipients[0].kind in JUDGED, str(outcome))
            for edit in outcome.edits:
                holds("no control characters in edits", not any(ord(c) < 32 for c in str(edit.arguments)), edit)
        session.quit()
    works("absurd RCPT parameters")


@case("empty argv, and argv without a final NUL")
def empty_argv():
    for command in (b"M", b"R", b"H", b"L", b"U"):
        for payload in (b"", b"\0", b"\0\0\0\0", b"no final nul"):
            try:
                with program.session(limit=2) as session:
                    session.mail()
                    session.send(packet(command, payload) + packet(b"A") + packet(b"Q"))
                    session.peer.shutdown(1)
                    while True:
                        session.receive()
            except Gone:
                pass
    works("empty arguments")


@case("NUL bytes inside addresses and body")
def nul_bytes():
    with program.session() as session:
        session.mail(b"<a\0b@c>")
        reply = session.rcpt(b"<ok\0@example.com>")
        holds("RCPT is judged", reply.kind in JUDGED, str(reply))
        session.rcpt("<ok@example.com>")
        session.data()
        reply, _ = session.content(headers=[(b"Subject", b"")], body=b"\0" * 10000)
        holds("the message is judged", reply.kind in JUDGED, str(reply))
        session.abort()
        session.quit()
    works("NUL bytes")


@case("a NUL byte inside a header, or an empty name: libmilter may end the session")
def nul_in_header():
    for header in ((b"X", b"one\0two\0three"), (b"", b""), (b"Sub\0ject", b"x"), (b"Subject", b"\0")):
        try:
            with program.session() as session:
                session.transaction(["<ok@example.com>"], headers=[header])
                session.quit()
        except Gone:
            pass
    works("NUL bytes in headers")


@case("8-bit bytes in every place")
def eight_bit():
    every = bytes(byte for byte in range(1, 256))
    with Milter(program.listen) as session:
        session.macros.update({"{client_name}": "\udcff\udc80", "{auth_type}": "\udcff"})
        session.open("höst\udcff.example")
        session.helo(every)
        outcome = session.transaction([b"<" + every + b"@example.com>", "<ok@example.com>"], sender=b"<" + every + b">",
                                      parameters=[every], headers=[(every, every), ("From", every)], body=every * 100)
        holds("judged", outcome.message is None or outcome.message.kind in JUDGED, str(outcome))
        session.quit()
    for line in program.lines:
        holds("no control characters in the log", not any(ord(c) < 32 or ord(c) == 127 for c in line), line)
    works("8-bit bytes")


@case("the log in JSON: every line is one object, whatever was in the mail")
def json_log():
    every = bytes(byte for byte in range(1, 256))
    with Program(quota=quota, options={"log.format": "json"}) as other, Milter(other.listen) as session:
        session.open("h\udcff\"\\")
        for address in [b"<" + every + b"@example.com>", b"<\"a\\\"b\"@example.com>", b"<a\\b@example.com>",
                        *ADDRESSES[-30:]]:
            session.transaction([address, "<pair@example.com>"], sender=address)
        session.quit()
        other.stop()
        for line in other.lines:
            try:
                holds("an object", isinstance(json.loads(line), dict), line)
            except ValueError as error:
                holds(f"JSON ({error})", False, line)


@case("absurd macros")
def macros():
    names = ["i", "j", "{auth_authen}", "{auth_type}", "{client_addr}", "{client_name}", "{client_port}",
             "{daemon_name}", "{daemon_port}", "{mail_addr}", "{rcpt_addr}", "{tls_version}", "{cipher}"]
    for value in ("", "x" * 4000, "\x01\x1b[2J\r\nerror forged line", "%s%n", "IPv6:", "\udcff"):
        with Milter(program.listen) as session:
            session.macros.update({name: value for name in names})
            for event, payload in (("connect", b"host\x004\0\x19192.0.2.9\0"), ("helo", b"host\0"),
                                   ("mail", b"<a@b>\0"), ("rcpt", b"<ok@example.com>\0")):
                reply = session.event(event, payload)
                holds(f"{event} with macros {value[:20]!r}", reply.kind in JUDGED, str(reply))
            session.quit()
    holds("no forged log line", not any(line.startswith("error forged") for line in program.lines), program.log[-2000:])
    works("absurd macros")


@case("a macro packet above 64 KiB")
def oversized_macros():
    try:
        with Milter(program.listen) as session:
            session.send(packet(b"D", b"C" + b"j\0" + b"x" * 70_000 + b"\0"))
            session.connect()
            session.quit()
    except Gone:
        pass
    works("a macro packet above 64 KiB")


@case("absurd CONNECT arguments")
def connects():
    for payload in (b"h\x004\0\x19not an address\0", b"h\x006\0\x19192.0.2.1\0", b"h\0L\0\0/run/x\0", b"\0U",
                    b"x" * 20000 + b"\0U",
                    b"h\x006\0\x19" + b"f" * 5000 + b"\0", b"h\x004\0\x19\0", b"h\x006\0\x19IPv6:::1\0"):
        try:
            with Milter(program.listen, limit=5) as session:
                session.event("connect", payload)
                session.helo()
                session.transaction(["<ok@example.com>"])
                session.quit()
        except Gone:
            pass
    works("absurd CONNECT arguments")


@case("header lines of 60,000 bytes, the most Postfix sends")
def long_headers():
    with program.session() as session:
        headers = [("X-Long", "x" * 59_990)] * 5 + [("N" * 59_000, "x"), ("From", "<" + "a" * 59_900 + ">"),
                                                     ("Subject", "y\n " * 19_000)]
        equal("transaction", str(session.transaction(["<ok@example.com>"], headers=headers)), ALL_FINE)
        session.quit()
    works("long headers")


@case("a header line of 64 KiB and more: the session may end, the program must not")
def oversized_headers():
    for size in (65_520, 65_535, 65_536, 70_000, 1 << 20):
        try:
            with program.session(limit=10) as session:
                outcome = session.transaction(["<ok@example.com>"], headers=[("X", "x" * size)])
                print(f"      {size} bytes: {outcome}")
                session.quit()
        except Gone as gone:
            print(f"      {size} bytes: {gone}")
        works(f"a header of {size} bytes")


@case("5,000 headers")
def many_headers():
    with program.session() as session:
        headers = [(f"X-Header-{n % 50}", f"value {n}") for n in range(5000)]
        equal("transaction", str(session.transaction(["<ok@example.com>"], headers=headers)), ALL_FINE)
        session.quit()
    works("5,000 headers")


@case("10 MiB of headers")
def headers_without_end():
    with program.session() as session:
        outcome = session.transaction(["<ok@example.com>"], headers=[("X", "x" * 50_000)] * 210)
        holds("judged", outcome.message.kind in JUDGED, str(outcome))
        print(f"      {outcome.message}")
        session.quit()
    works("10 MiB of headers")


RECIPIENTS = 10_000 if not THREAD_SANITIZER else 1_000


@case(f"{RECIPIENTS:,} recipients")
def many_recipients():
    with program.session() as session:
        session.mail()
        counts = {}
        for number in range(RECIPIENTS):
            recipient = (f"<user{number}@elsewhere.test>", f"<ok+{number}@example.com>",
                         f"<nobody{number}@example.com>", "<full@example.com>",
                         f"<pair+{number}@example.com>")[number % 5]
            answer = str(session.rcpt(recipient))[:3]
            counts[answer] = counts.get(answer, 0) + 1
        print(f"      answers: {counts}")
        holds("only verdicts", set(counts) <= {"con", "552", "550", "452", "451"}, counts)
        session.data()
        reply, _ = session.content()
        holds("the message is judged", reply.kind in JUDGED, str(reply))
        print(f"      message: {reply}, {len(reply.edits)} edits")
        session.abort()
        session.quit()
    works(f"{RECIPIENTS:,} recipients")


@case("a body of 64 MiB")
def huge_body():
    with program.session() as session:
        outcome = session.transaction(["<ok@example.com>"], body=b"x" * 998 * 67_000)
        equal("transaction", str(outcome), ALL_FINE)
        session.quit()
    asked = [int(question.get("size") or 0) for question in quota.asked("ok@example.com")]
    holds("the quota question had the true size", max(asked, default=0) >= 998 * 67_000, asked[-5:])
    works("a huge body")


@case("random commands in random order, a hundred sessions")
def random_order():
    source = random.Random(2)
    commands = ["mail", "rcpt", "data", "header", "eoh", "body", "eom", "abort", "helo"]
    for _ in range(100):
        session = program.session(limit=5)
        try:
            for _ in range(source.randrange(30)):
                command = source.choice(commands)
                payload = source.choice(ADDRESSES) + b"\0" + source.choice([b"", b"x\0"])
                if command == "abort":
                    session.abort()
                else:
                    # An event in the wrong state may go unanswered: only send.
                    session._send_macros(command)
                    session.send(packet(EVENTS[command][0], payload))
            session.send(packet(b"Q"))
            while True:
                session.receive()
        except Gone:
            pass
        finally:
            session.close()
    works("random commands")


with Program(quota=quota) as program:
    run()
