#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""SIGTERM while a transaction is open: it ends as if nothing had happened, and nobody new comes in."""

import signal
import time

from scenario import FULL, OK, Scenario
from lab import Session, account_lines, make_message, wait_until

VOLUME = {
    "postfix-accounts.cf": account_lines("full@example.com", "ok@example.com"),
    "postfix-virtual.cf": "basic@example.com full@example.com\nmulti@example.com full@example.com, ok@example.com\n",
    "dovecot-quotas.cf": "full@example.com:20k\n",
}


def idle(scenario, lab):
    """Nobody is connected: it just ends."""
    started = time.monotonic()
    lab.gateway.signal(signal.SIGTERM)
    scenario.check("idle: exit status", lab.gateway.wait_exit(30), 0)
    print(f"      ended after {time.monotonic() - started:.1f} s")
    lab.gateway.start()


def busy(scenario, lab):
    with Session(lab.mx) as session:
        session.ehlo()
        session.mail("s@external.test")
        scenario.check("before: group", session.rcpt("multi@example.com"), OK)
        lab.gateway.signal(signal.SIGTERM)

        def refused():
            return lab.send("new@external.test", "ok@example.com", data=False).refusal
        wait_until(refused, 15, "new sessions turned away", step_s=0.2)
        scenario.check("a new session", refused().code, 451)

        scenario.check("during: full mailbox", session.rcpt("basic@example.com"), FULL)
        session.data()
        scenario.check("during: end of message", session.content(make_message("busy")), OK)
        session.quit()
    scenario.check("exit status", lab.gateway.wait_exit(30), 0)
    scenario.check("copies for ok@", len(lab.copies("ok@example.com", "busy")), 1)
    scenario.check("bounces", len(lab.sink.bounces()), 0)


def lingering(scenario, lab):
    """A client that never ends its transaction does not keep the program: it has a deadline of its own."""
    lab.gateway.start()
    with Session(lab.mx) as session:
        session.ehlo()
        session.mail("s@external.test")
        session.rcpt("ok@example.com")
        lab.gateway.signal(signal.SIGTERM)
        scenario.check("lingering client: exit status", lab.gateway.wait_exit(35), 0)


def main():
    scenario = Scenario()
    with scenario.lab(VOLUME) as lab:
        lab.fill("full@example.com", 21000)
        idle(scenario, lab)
        busy(scenario, lab)
        lingering(scenario, lab)
    scenario.end()


main()
