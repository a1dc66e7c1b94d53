#!/usr/bin/env python3
"""libmilter's pool: who need not wait is answered while others wait, though all asked in one moment."""

import random
import signal

from cases import case, equal, run
from driver import Milter
from fake_quota import SILENCE, FakeQuota
from program import Program, wait_until

WAITING, UNRELATED = 24, 16
WAIT_S = 4
LIMIT_S = 3  # for an answer that need not wait
SEEDS = range(3)

quota = FakeQuota()
quota.default = SILENCE


def asks(program, count, limit):
    milters = [Milter(program.listen, limit=limit).open() for _ in range(count)]
    for milter in milters:
        milter.mail()
    return milters


def ask_in_one_moment(program, pairs):
    """While the program is stopped, so that libmilter finds all of them at its next look."""
    program.signal(signal.SIGSTOP)
    for milter, recipient in pairs:
        milter.send_event("rcpt", f"<{recipient}>".encode() + b"\0")
    program.signal(signal.SIGCONT)


def options(tcp):
    return {"quota.timeout": f"{WAIT_S}s", "quota.breaker_failures": "1000", "quota.on_failure": "defer",
            **({} if tcp else {"listen.mode": "0660"})}


def unrelated_are_answered(tcp):
    with Program(quota=quota, tcp=tcp, options=options(tcp)) as program:
        for seed in SEEDS:
            source = random.Random(seed)
            # The oldest connection is served first: so those that wait.
            waiting = [(milter, "ok@example.com") for milter in asks(program, WAITING, 2 * WAIT_S)]
            unrelated = [(milter, "someone@elsewhere.test") for milter in asks(program, UNRELATED, LIMIT_S)]
            pairs = waiting + unrelated
            ask_in_one_moment(program, source.sample(pairs, len(pairs)))
            for milter, _ in unrelated:
                equal("who need not wait", milter.answer().kind, "continue")
                milter.close()
            for milter, _ in waiting:
                milter.close()


@case("unix socket: the unrelated do not wait for those that ask a silent service")
def _():
    unrelated_are_answered(tcp=False)


@case("TCP socket: the same")
def _():
    unrelated_are_answered(tcp=True)


@case("those that wait get their answer, and the pool is quiet behind it")
def _():
    with Program(quota=quota, options={**options(False), "quota.timeout": "1s"}) as program:
        before = program.descriptors()
        waiting = asks(program, WAITING, 30)
        ask_in_one_moment(program, [(milter, "ok@example.com") for milter in waiting])
        for milter in waiting:
            equal("after quota.timeout", milter.answer().text[:9], "451 4.3.0")
        for milter in waiting:
            milter.quit()
        wait_until(lambda: program.descriptors() <= before, 10, "no connection to ourselves is left")


run()
