#!/usr/bin/env python3
"""The quota service: every kind of answer, its absence and return, the sizes asked for, the body skipped or not."""

import tempfile
import time
from pathlib import Path

import fake_quota
from cases import case, equal, holds, run
from fake_quota import DUNNO, FULL, FakeQuota, NoSizeAbove, Raw, Slow
from program import VOLUME, Program, wait_until

TIMEOUT = 0.3     # quota.timeout of these tests
SLACK = 1.0       # for a loaded machine; a missing deadline shows as many seconds
BREAKER_LIMIT = 30.0

quota = FakeQuota()
program = None   # quota.on_failure = continue
strict = None    # quota.on_failure = defer


def ask(which, recipient="<alice@example.com>", **mail):
    """The answer at RCPT, and the seconds it took."""
    with which.session() as session:
        session.mail(**mail)
        began = time.monotonic()
        reply = session.rcpt(recipient)
        took = time.monotonic() - began
        session.abort()
        session.quit()
    return str(reply), took


def healthy(which):
    """Ask until the breaker has let a question through again."""
    quota.answers["bob@example.com"] = FULL
    wait_until(lambda: ask(which, "<bob@example.com>")[0] == FULL, BREAKER_LIMIT, "quota questions are asked again")
    quota.answers.pop("bob@example.com")


def answers_give(wants):
    for name, (answer, lenient, severe) in wants.items():
        for which, want in ((program, lenient), (strict, severe)):
            healthy(which)
            quota.answers["alice@example.com"] = answer
            reply, took = ask(which)
            got = "4xx" if want == "4xx" and reply[:1] == "4" else reply
            equal(f"{name}, quota.on_failure = {'defer' if which is strict else 'continue'}", got, want)
            holds(f"{name} within the timeout", took < TIMEOUT + SLACK, took)
    quota.answers.pop("alice@example.com")


@case("answers that say: there is room")
def room():
    answers_give({answer: (answer, "continue", "continue")
                  for answer in ("DUNNO", "OK", "dunno", "ok", "DUNNO some text")})


@case("answers that say: full. The reply is ours")
def full():
    answers_give({answer: (answer, FULL, FULL) for answer in (
        "552 5.2.2 Mailbox is full", "554 5.2.2 Quota exceeded (mailbox for user is full)",
        "REJECT Mailbox is full", "REJECT", "552 no enhanced code", "550 5.7.1 %s %n no format", "reject lower case")})


@case("answers that say: cannot tell")
def temporary():
    answers_give({answer: (answer, "continue", "4xx") for answer in (
        "DEFER_IF_PERMIT Temporary internal error", "DEFER", "451 4.3.0 Later", "450", "DEFER_IF_REJECT x")})


@case("an empty action= is a failure, not a permission")
def empty():
    answers_give({"empty": (fake_quota.EMPTY, "continue", "4xx"), "blank": ("   ", "continue", "4xx")})


@case("nonsense: unknown actions, garbage, no end of line, bytes without end")
def nonsense():
    answers_give({
        "unknown action": ("WHATEVER you like", "continue", "4xx"),
        "garbage": (fake_quota.GARBAGE, "continue", "4xx"),
        "only an empty line": (Raw(b"\n"), "continue", "4xx"),
        "another name": (Raw(b"verdict=OK\n\n"), "continue", "4xx"),
        "half a line": (Raw(b"action=DUN"), "continue", "4xx"),
        "a line without the empty line": (Raw(b"action=DUNNO\n"), "continue", "4xx"),
        "a megabyte": (fake_quota.ENDLESS, "continue", "4xx"),
        "NUL bytes": (Raw(b"action=\0\0\0\n\n"), "continue", "4xx"),
        "code of three digits with a tail": (Raw(b"action=5522 x\n\n"), "continue", "4xx"),
    })


@case("silence ends after quota.timeout")
def silence():
    answers_give({"silence": (fake_quota.SILENCE, "continue", "4xx"),
                  "too slow": (Slow(TIMEOUT * 4), "continue", "4xx")})


@case("connection closed instead of an answer, or in its middle")
def closed():
    answers_give({"closed": (fake_quota.CLOSE, "continue", "4xx"),
                  "closed within": (Raw(b"action=55", close=True), "continue", "4xx")})


@case("an answer in single bytes, and a slow one within the timeout")
def pieces():
    answers_give({"split full": (fake_quota.split(FULL), FULL, FULL),
                  "split": (fake_quota.split(DUNNO), "continue", "continue"),
                  "slow full": (Slow(TIMEOUT / 3, FULL), FULL, FULL)})


@case("a late answer is never taken for the next question's")
def late_answer():
    healthy(strict)
    quota.answers.update({"alice@example.com": Slow(TIMEOUT * 1.5, FULL), "carol@example.com": Slow(0, DUNNO)})
    equal("the slow one", ask(strict)[0][:1], "4")
    for _ in range(30):
        reply, _ = ask(strict, "<carol@example.com>")
        holds("carol is never full", not reply.startswith("5"), reply)
    quota.answers.pop("alice@example.com")


@case("a closed kept-open connection costs nobody a wrong answer")
def kept_connection_closed():
    healthy(strict)
    quota.answers["alice@example.com"] = FULL
    for turn in range(5):
        equal(f"before {turn}", ask(strict)[0], FULL)
        quota.stop()
        quota.start()
        wait_until(lambda: ask(strict)[0] == FULL, BREAKER_LIMIT, "full again after a restart of the service")
    quota.answers.pop("alice@example.com")


@case("away: quota.on_failure decides, quickly; the return is noticed")
def away():
    for which, want in ((program, "continue"), (strict, "4")):
        healthy(which)
        quota.answers["alice@example.com"] = FULL
        quota.stop()
        try:
            reply, took = ask(which)
            holds(f"want {want}", reply.startswith(want), reply)
            holds("within the timeout", took < TIMEOUT + SLACK, took)
        finally:
            quota.start()
        wait_until(lambda: ask(which)[0] == FULL, BREAKER_LIMIT, "full again after the service is back")
        quota.answers.pop("alice@example.com")


@case("the breaker answers at once while the service is silent")
def breaker():
    healthy(strict)
    quota.default = fake_quota.SILENCE
    try:
        with strict.session() as session:
            session.mail()
            took = []
            for _ in range(30):
                began = time.monotonic()
                reply = session.rcpt("<alice@example.com>")
                took.append(time.monotonic() - began)
                holds("deferred", str(reply).startswith("4"), str(reply))
            session.quit()
        quick = sum(seconds < TIMEOUT / 3 for seconds in took)
        print(f"      {quick} of 30 answered at once; sum {sum(took):.1f} s, longest {max(took):.2f} s")
        holds("most are answered at once", quick >= 20, [round(seconds, 2) for seconds in took])
        holds("none waits longer than the timeout", max(took) < TIMEOUT + SLACK, max(took))
    finally:
        quota.default = DUNNO
    healthy(strict)


@case("quota.breaker_failures: so many failures in a row are waited for; away and back are logged once")
def breaker_failures():
    for failures in (1, 5):
        options = {"quota.breaker_failures": str(failures), "quota.on_failure": "defer"}
        with Program(quota=quota, options=options) as other:
            quota.forget()
            quota.default = fake_quota.SILENCE
            try:
                took = [ask(other)[1] for _ in range(failures + 1)]
                holds("the last one is not waited for", took[-1] < TIMEOUT, took)
                holds("those before are", min(took[:-1]) >= TIMEOUT, took)
                equal("questions", len(quota.questions), failures)
            finally:
                quota.default = DUNNO
            healthy(other)
            ask(other)
            for event in ("quota_service_away", "quota_service_back"):
                equal(event, sum(f" {event} " in line for line in other.lines), 1)


@case("while it is away, it is asked once a second at most")
def probes():
    with Program(quota=quota, options={"quota.breaker_failures": "1"}) as other:
        quota.default = fake_quota.CLOSE
        try:
            began = time.monotonic()
            ask(other)
            quota.forget()
            wait_until(lambda: ask(other) and len(quota.questions) >= 7, BREAKER_LIMIT, "seven probes")
            took = time.monotonic() - began
            # Pauses of 0.1, 0.2, 0.4, 0.8 and then 1 second.
            holds("in 4.5 s, not earlier", took > 4.4, took)
            holds("and not much later", took < 4.5 + 2 * SLACK, took)
        finally:
            quota.default = DUNNO
        healthy(other)


@case("a failure is logged, and says it is about quota")
def failure_logged():
    healthy(program)
    position = program.log_position
    quota.answers["alice@example.com"] = fake_quota.CLOSE
    ask(program)
    quota.answers.pop("alice@example.com")
    holds("a warning", program.wait_log(r"^(warning|error).*quota", after=position, limit=5),
          "\n".join(program.lines[position:]))


@case("the question: recipient without tag, declared size, state RCPT or none")
def question():
    healthy(program)
    quota.forget()
    with program.session() as session:
        session.mail("<a@b.example>", "SIZE=54321", "BODY=8BITMIME")
        session.rcpt("<Alice+tag@Example.com>")
        session.abort()
        session.quit()
    asked = quota.questions[-1] if quota.questions else {}
    holds("mailbox", asked.get("recipient", "").lower() in ("alice@example.com", "alice+tag@example.com"), asked)
    equal("size", asked.get("size"), "54321")
    holds("state", asked.get("protocol_state") in (None, "RCPT"), asked)


@case("every mailbox behind an alias is asked for, each once, strangers never")
def mailboxes():
    healthy(program)
    quota.forget()
    with program.session() as session:
        session.mail()
        session.rcpt("<healthy@example.com>")
        session.rcpt("<outside@example.com>")
        session.rcpt("<nobody@example.com>")
        session.rcpt("<someone@elsewhere.test>")
        session.abort()
        session.quit()
    equal("asked", sorted(question["recipient"] for question in quota.questions),
          ["alice@example.com", "bob@example.com"])


@case("asked again at end of message with the true size")
def true_size():
    healthy(program)
    headers = [("From", "a@b.example"), ("Subject", "size")]
    body = b"0123456789\r\n" * 2500
    least = len(body)
    most = least + sum(len(name) + len(value) + 4 for name, value in headers) + 2
    for declared, answer, want in ((None, NoSizeAbove(20_000), FULL), (100, NoSizeAbove(20_000), FULL),
                                   (40_000, DUNNO, "continue"), (None, NoSizeAbove(40_000), "continue")):
        quota.forget()
        quota.answers["small@example.com"] = answer
        with program.session() as session:
            outcome = session.transaction(["<small@example.com>"], parameters=[f"SIZE={declared}"] if declared else [],
                                          headers=headers, body=body)
            session.quit()
        equal(f"declared {declared}: RCPT", str(outcome.recipients[0]), "continue")
        equal(f"declared {declared}: message", str(outcome.message), want)
        sizes = [int(question.get("size") or 0) for question in quota.asked("small@example.com")]
        if declared is None or declared < least:
            holds(f"declared {declared}: asked again with {least} to {most}",
                  len(sizes) >= 2 and least <= sizes[-1] <= most, sizes)
    quota.answers.pop("small@example.com")


@case("at end of message, of several recipients, nobody's mail is lost")
def true_size_of_several():
    healthy(program)
    quota.answers["small@example.com"] = NoSizeAbove(1000)
    with program.session() as session:
        outcome = session.transaction(["<small@example.com>", "<ok@example.com>"], body=b"x" * 5000)
        session.quit()
    quota.answers.pop("small@example.com")
    print(f"      {outcome}, edits {[(edit.kind, edit.arguments) for edit in outcome.edits]}")
    holds("RCPT accepted", all(reply.accepted for reply in outcome.recipients), str(outcome))
    if outcome.message.accepted:
        holds("an accepted recipient is not deleted in silence",
              not any(edit.kind == "delrcpt" for edit in outcome.edits), outcome.edits)
    else:
        equal("or all is refused", str(outcome.message), FULL)


@case("a group whose member has no room for the true size loses that member only")
def group_at_end():
    healthy(program)
    quota.answers["bob@example.com"] = NoSizeAbove(1000)
    with program.session() as session:
        outcome = session.transaction(["<healthy@example.com>"], body=b"x" * 5000)
        session.quit()
    quota.answers.pop("bob@example.com")
    equal("message", str(outcome.message), "continue")
    equal("edits", [(edit.kind, edit.arguments[0].strip("<>")) for edit in outcome.edits if "rcpt" in edit.kind],
          [("delrcpt", "healthy@example.com"), ("addrcpt_par", "alice@example.com")])


@case("the body is counted to its end when a quota depends on it")
def body_taken():
    with program.session() as session:
        outcome = session.transaction(["<ok@example.com>"], body=b"x" * 65535 * 5)
        equal("chunks", outcome.body_chunks_sent, 5)
        session.quit()


@case("the body is skipped when no verdict can depend on its size")
def body_skipped():
    with Program(quota=quota, options={"rules": "subaddress alias recipient"}) as other, other.session() as session:
        outcome = session.transaction(["<ok@example.com>"], body=b"x" * 65535 * 5)
        equal("chunks", outcome.body_chunks_sent, 1)
        equal("message", str(outcome.message), "continue")
        session.quit()


@case("quota.enabled = no: nobody is asked")
def disabled():
    quota.answers["full@example.com"] = FULL
    quota.forget()
    with Program(quota=quota, options={"quota.enabled": "no"}) as other, other.session() as session:
        equal("full", str(session.transaction(["<full@example.com>"])),
              "mail=continue; rcpt=continue; message=continue")
        session.quit()
    equal("questions", quota.questions, [])


@case("quota.reply: code, enhanced code and text of the operator")
def own_reply():
    quota.answers["full@example.com"] = FULL
    options = {"quota.reply": "452 4.2.2 Voll zu 100%"}
    with Program(quota=quota, options=options) as other, other.session() as session:
        session.mail()
        equal("reply", str(session.rcpt("<basic@example.com>")), "452 4.2.2 Voll zu 100%%")
        session.quit()


@case("an alias of 300 mailboxes, one of them full, and with a silent service")
def large_alias():
    names = [f"member{number}@example.com" for number in range(300)]
    volume = {"postfix-accounts.cf": VOLUME["postfix-accounts.cf"] + "".join(f"{name}|{{PLAIN}}x\n" for name in names),
              "postfix-virtual.cf": VOLUME["postfix-virtual.cf"] + "many@example.com " + ",".join(names) + "\n"}
    with Program(quota=quota, volume=volume, options={"quota.on_failure": "defer"}) as other:
        quota.answers["member7@example.com"] = FULL
        quota.forget()
        with other.session() as session:
            outcome = session.transaction(["<many@example.com>"])
            session.quit()
        quota.answers.pop("member7@example.com")
        equal("message", str(outcome.message), "continue")
        adds = [edit.arguments[0].strip("<>") for edit in outcome.edits if edit.kind == "addrcpt_par"]
        equal("all members but the full one", sorted(adds), sorted(set(names) - {"member7@example.com"}))
        quota.default = fake_quota.SILENCE
        try:
            reply, took = ask(other, "<many@example.com>")
            holds("deferred", reply.startswith("4"), reply)
            holds("long before Postfix gives up", took < 10, took)
        finally:
            quota.default = DUNNO


@case("deadline.command bounds a command, whatever quota.timeout says")
def command_deadline():
    options = {"quota.timeout": "20s", "deadline.command": "1s", "quota.on_failure": "defer"}
    with Program(quota=quota, options=options) as other:
        quota.answers["alice@example.com"] = fake_quota.SILENCE
        reply, took = ask(other)
        quota.answers.pop("alice@example.com")
        holds("deferred", reply.startswith("4"), reply)
        holds("in time", took < 1 + SLACK, took)


@case("a service on a unix socket")
def unix_service():
    with tempfile.TemporaryDirectory(prefix="quota-") as directory:
        local = FakeQuota(f"unix:{Path(directory) / 'quota'}")
        local.answers["full@example.com"] = FULL
        with Program(quota=local) as other:
            equal("full", ask(other, "<basic@example.com>")[0], FULL)
            equal("room", ask(other, "<ok@example.com>")[0], "continue")
            local.stop()
            equal("away", ask(other, "<basic@example.com>")[0], "continue")
            local.start()
            wait_until(lambda: ask(other, "<basic@example.com>")[0] == FULL, BREAKER_LIMIT, "the service's return")
        local.stop()


@case("a service that is away at start is no error")
def away_at_start():
    with Program() as other:
        equal("continue", ask(other, "<full@example.com>")[0], "continue")


@case("a lease: asked once with headroom, spent without asking, given up when refused")
def lease():
    options = {"quota.lease": "1MiB", "quota.lease_time": "5m"}
    with Program(quota=quota, options=options) as other, other.session() as session:
        quota.forget()
        for _ in range(20):
            equal("fits", str(session.transaction(["<alice@example.com>"])),
                  "mail=continue; rcpt=continue; message=continue")
        asked = quota.asked("alice@example.com")
        equal("questions about 20 small messages", len(asked), 1)
        holds("headroom is asked for", int(asked[0]["size"]) >= 1 << 20, asked)
        quota.answers["alice@example.com"] = NoSizeAbove(100_000)
        outcome = session.transaction(["<alice@example.com>"], parameters=["SIZE=2000000"])
        equal("above the lease", str(outcome), f"mail=continue; rcpt={FULL}")
        quota.forget()
        outcome = session.transaction(["<alice@example.com>"], parameters=["SIZE=50000"])
        equal("little room is room", str(outcome), "mail=continue; rcpt=continue; message=continue")
        equal("asked exactly", quota.asked("alice@example.com")[-1]["size"], "50000")
        quota.answers["alice@example.com"] = FULL
        equal("then full", str(session.transaction(["<alice@example.com>"])), f"mail=continue; rcpt={FULL}")
        quota.answers.pop("alice@example.com")
        session.quit()


@case("few connections, kept open")
def few_connections():
    healthy(program)
    before = quota.connection_count
    with program.session() as session:
        for _ in range(50):
            session.transaction(["<ok@example.com>", "<healthy@example.com>"])
        session.quit()
    holds("new connections for 50 transactions", quota.connection_count - before <= 4, quota.connection_count - before)


with Program(quota=quota) as program, Program(quota=quota, options={"quota.on_failure": "defer"}) as strict:
    run()
