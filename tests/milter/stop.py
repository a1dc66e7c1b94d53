#!/usr/bin/env python3
"""SIGTERM: no new sessions, the transaction in flight ends, exit 0 within 30 seconds."""

import signal
import threading
import time

from cases import case, equal, holds, run
from driver import Gone, Milter, Silent
from fake_quota import FULL, FakeQuota, Slow
from program import STOP_LIMIT, Program

QUICK = 8.0  # libmilter's own accept loop takes up to 5 s to notice

quota = FakeQuota()
quota.answers["full@example.com"] = FULL
ALL_FINE = "mail=continue; rcpt=continue; message=continue"


def refused(program):
    """Whether a new connection is refused, cut, or left without an answer."""
    try:
        with Milter(program.listen, limit=1):
            return False
    except (OSError, Gone, Silent):
        return True


@case("when idle it is quick")
def idle():
    for tcp in (False, True):
        with Program(quota=quota, tcp=tcp) as program:
            with program.session() as session:
                session.transaction(["<ok@example.com>"])
                session.quit()
            holds("seconds", (took := program.stop()) < QUICK, took)


@case("before any session")
def unused():
    with Program(quota=quota) as program:
        holds("seconds", (took := program.stop()) < QUICK, took)


@case("a transaction in flight goes on to its end, and no new session begins")
def in_flight():
    for tcp in (False, True):
        with Program(quota=quota, tcp=tcp) as program, program.session() as session:
            session.mail()
            session.rcpt("<pair@example.com>")
            began = time.monotonic()
            program.signal(signal.SIGTERM)
            holds("a line in the log", program.wait_log(r"stop|drain|term", limit=5), program.log)
            equal("RCPT refused", str(session.rcpt("<basic@example.com>")), FULL)
            equal("RCPT", str(session.rcpt("<ok@example.com>")), "continue")
            equal("DATA", str(session.data()), "continue")
            holds("a new session is refused", refused(program))
            reply, _ = session.content()
            equal("message", str(reply), "continue")
            holds("with its edits", any(edit.kind == "delrcpt" for edit in reply.edits), reply.edits)
            session.abort()
            session.quit()
            equal("exit status", program.wait_end(), 0)
            holds("seconds", time.monotonic() - began < STOP_LIMIT, time.monotonic() - began)
            program.check_end()


@case("idle sessions do not hold it up for longer than the promise")
def idle_sessions():
    with Program(quota=quota) as program:
        sessions = [program.session() for _ in range(20)]
        for session in sessions[:10]:
            session.transaction(["<ok@example.com>"])
        took = program.stop()
        print(f"      {took:.1f} s")
        for session in sessions:
            session.close()


@case("a transaction that never goes on does not hold it up for longer than the promise")
def stuck_transaction():
    with Program(quota=quota) as program, program.session() as session:
        session.mail()
        session.rcpt("<ok@example.com>")
        took = program.stop()
        print(f"      {took:.1f} s")


@case("while a rule waits for the quota service")
def waiting_rule():
    with Program(quota=quota, options={"quota.timeout": "5s"}) as program, program.session() as session:
        quota.answers["alice@example.com"] = Slow(1.0, FULL)
        session.mail()
        answers = []
        quota.forget()
        waiting = threading.Thread(target=lambda: answers.append(str(session.rcpt("<alice@example.com>"))))
        waiting.start()
        holds("the question is asked", quota.wait_asked("alice@example.com"))
        program.signal(signal.SIGTERM)
        waiting.join(10)
        equal("answer", answers, [FULL])
        session.quit()
        equal("exit status", program.wait_end(), 0)
        program.check_end()


@case("a second SIGTERM is harmless, and so is SIGUSR1 meanwhile")
def twice():
    with Program(quota=quota) as program, program.session() as session:
        session.mail()
        program.signal(signal.SIGTERM)
        program.wait_log(r"stop|drain|term", limit=5)
        program.signal(signal.SIGTERM)
        program.reload()
        program.signal(signal.SIGTERM)
        equal("RCPT", str(session.rcpt("<ok@example.com>")), "continue")
        session.data()
        equal("message", str(session.content()[0]), "continue")
        session.abort()
        session.quit()
        equal("exit status", program.wait_end(), 0)
        program.check_end()


@case("right after start")
def at_once():
    for _ in range(2):
        with Program(quota=quota) as program:
            program.signal(signal.SIGTERM)
            equal("exit status", program.wait_end(), 0)
            program.check_end()


@case("SIGINT stops it as well, SIGPIPE does nothing")
def other_signals():
    with Program(quota=quota) as program:
        program.signal(signal.SIGPIPE)
        with program.session() as session:
            equal("after SIGPIPE", str(session.transaction(["<ok@example.com>"])), ALL_FINE)
            session.quit()
        program.signal(signal.SIGINT)
        equal("exit status", program.wait_end(), 0)
        program.check_end()


@case("SIGHUP: it goes on, or ends as with SIGTERM")
def hang_up():
    with Program(quota=quota) as program:
        program.signal(signal.SIGHUP)
        with program.session() as session:
            went_on = str(session.transaction(["<ok@example.com>"])) == ALL_FINE if not refused(program) else False
        print(f"      it {'goes on' if went_on else 'ends'}")
        if not went_on:
            equal("exit status", program.wait_end(), 0)


@case("started again at once on the same socket")
def again():
    for tcp in (False, True):
        with Program(quota=quota, tcp=tcp) as program:
            program.stop()
            program.start()
            with program.session() as session:
                equal("transaction", str(session.transaction(["<ok@example.com>"])), ALL_FINE)
                session.quit()


run()
