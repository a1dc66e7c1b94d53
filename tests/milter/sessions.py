#!/usr/bin/env python3
"""Fifty sessions side by side, forty transactions each, mixed verdicts: every answer is right."""

import random
import threading
import time

from cases import case, equal, holds, run
from fake_quota import FULL, FakeQuota, Slow
from program import Program

SESSIONS = 50
TRANSACTIONS = 40

# Recipient, its answer at RCPT, and the recipient edits at end of message when accepted alone.
RECIPIENTS = [
    ("<ok@example.com>", "continue", []),
    ("<carol@example.com>", "continue", []),
    ("<fine+tag@example.com>", "continue", []),
    ("<someone@elsewhere.test>", "continue", []),
    ("<outside@example.com>", "continue", []),
    ("<healthy@example.com>", "continue", []),
    ("<pair@example.com>", "continue", [("delrcpt", "pair@example.com"), ("addrcpt_par", "ok@example.com")]),
    ("<full@example.com>", FULL, None),
    ("<nested@example.com>", FULL, None),
    ("<re7@example.com>", FULL, None),
    ("<allfull@example.com>", FULL, None),
    ("<nobody@example.com>", "550 5.1.1", None),
    ("<loop1@example.com>", "451 4.6.0", None),
]

quota = FakeQuota()
quota.answers.update({"full@example.com": FULL, "full2@example.com": FULL, "carol@example.com": Slow(0.02)})


def one_session(program, seed, wrong):
    source = random.Random(seed)
    try:
        with program.session(limit=30) as session:
            for turn in range(TRANSACTIONS):
                login = source.choice((None, "alice@example.com"))
                if login:
                    session.login(login)
                recipient, want, edits = source.choice(RECIPIENTS)
                outcome = session.transaction([recipient], body=b"x" * source.randrange(5000))
                got = str(outcome.recipients[0])
                if not got.startswith(want):
                    wrong.append((seed, turn, recipient, got, want))
                elif edits is not None:
                    got = [(edit.kind, edit.arguments[0].strip("<>")) for edit in outcome.edits if "rcpt" in edit.kind]
                    if str(outcome.message) != "continue" or got != edits:
                        wrong.append((seed, turn, recipient, str(outcome), got))
                if source.random() < 0.1:
                    session.mail()
                    session.rcpt(recipient)
                    session.abort()
            session.quit()
    except Exception as error:
        wrong.append((seed, repr(error)))


def parallel(program):
    wrong = []
    threads = [threading.Thread(target=one_session, args=(program, seed, wrong)) for seed in range(SESSIONS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    equal(f"wrong answers of {SESSIONS * TRANSACTIONS}", wrong[:5], [])


@case("over a unix socket")
def unix():
    with Program(quota=quota, options={"quota.timeout": "5s", "quota.on_failure": "defer"}) as program:
        parallel(program)


@case("over TCP")
def tcp():
    with Program(quota=quota, tcp=True, options={"quota.timeout": "5s", "quota.on_failure": "defer"}) as program:
        parallel(program)


@case("with reloads and volume changes meanwhile")
def with_reloads():
    with Program(quota=quota, options={"quota.timeout": "5s", "quota.on_failure": "defer"}) as program:
        wrong = []
        threads = [threading.Thread(target=one_session, args=(program, seed, wrong)) for seed in range(SESSIONS)]
        for thread in threads:
            thread.start()
        number = 0
        while any(thread.is_alive() for thread in threads) and number < 200:
            number += 1
            program.write_volume("dovecot-quotas.cf", f"full@example.com:{number}k\n")
            program.reload()
            next(iter(threads)).join(0.1)
            threads = [thread for thread in threads if thread.is_alive()] or threads
        for thread in threads:
            thread.join()
        equal("wrong answers", wrong[:5], [])
        holds("the program lives", program.alive)


@case("slow quota answers of some do not hold up the others for long")
def slow_neighbours():
    options = {"quota.timeout": "1s", "quota.on_failure": "defer"}
    with Program(quota=quota, options=options) as program:
        quota.answers["bob@example.com"] = Slow(0.8)
        sessions = [program.session(limit=30) for _ in range(40)]
        for session in sessions:
            session.mail()
        longest = []

        def ask(session, recipient, into):
            began = time.monotonic()
            session.rcpt(recipient)
            into.append(time.monotonic() - began)

        threads = [threading.Thread(target=ask,
                                    args=(session, "<bob@example.com>" if number % 5 == 0 else "<a@elsewhere.test>",
                                                      [] if number % 5 == 0 else longest))
                   for number, session in enumerate(sessions)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for session in sessions:
            session.quit()
        quota.answers.pop("bob@example.com")
        print(f"      32 strangers beside 8 slow ones: longest {max(longest, default=0):.2f} s")
        equal("answered strangers", len(longest), 32)
        holds("far below Postfix's 30 s", max(longest) < 10, max(longest))


run()
