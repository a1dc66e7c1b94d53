#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""LDAP killed, hanging and restarted while mail goes on: nobody is told "unknown" or "not owned" for it, what was known goes
on, all else comes later, and each waits for a bounded time. Beside docker-mailserver, and on a relay host before it."""

import itertools
import os
import threading
import time
from collections import Counter

from scenario import OK, LdapLab, LdapRelayLab, Scenario, starts
from lab import make_message, wait_until
from lab.slapd import person
from ldap_people import A, B, C, LDIF, USERS, VOLUME
from spoof_volume import refused, sent_as

TIMEOUT_MS = 500
# Three questions may wait in vain before LDAP counts as away; the rest is what a busy machine may add.
LONGEST_MS = 3 * TIMEOUT_MS + 2500
OPTIONS = {"ldap.timeout": f"{TIMEOUT_MS}ms", "ldap.cache": "1s", "quota.timeout": "10s"}
# Without the pause that Postfix makes after so many messages that never come.
FRONT_CF = "relay_domains = example.com, other.test, catch.test\nin_flow_delay = 0\n"
LATER = starts("451 4.3.0")
CLIENTS = 4
MANY = [f"user{number}@example.com" for number in range(2000)]
KNOWN = ("alice@example.com", "al@example.com", "nested@example.com", "team@example.com")
NOBODY = "nosuch@example.com"


class Traffic:
    """Strangers who go on asking about addresses: those in KNOWN, one that nobody asked about before, and one that nobody
    has. Every answer is kept, with how long it took and what was going on."""

    def __init__(self, lab):
        self._lab = lab
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._fresh = iter(MANY)
        self._known = itertools.cycle(KNOWN)
        self.phase = "up"
        self.answers, self.broken = [], []
        self._threads = [threading.Thread(target=self._run, daemon=True) for _ in range(CLIENTS)]

    def _next(self):
        with self._lock:
            return ("known", next(self._known)), ("fresh", next(self._fresh)), ("nobody", NOBODY)

    def _run(self):
        try:
            while not self._stop.is_set():
                for kind, recipient in self._next():
                    phase, begin = self.phase, time.monotonic()
                    reply = self._lab.send("s@external.test", recipient, data=False).rcpt[0]
                    took_ms = (time.monotonic() - begin) * 1000
                    with self._lock:
                        self.answers.append((phase if phase == self.phase else "between", kind, reply.code, took_ms))
        except Exception as problem:
            self.broken.append(repr(problem))

    def count(self, phase, kind):
        with self._lock:
            return Counter(code for one, two, code, _ in self.answers if (one, two) == (phase, kind))

    def slowest_ms(self, phase):
        with self._lock:
            return max((took_ms for one, _, _, took_ms in self.answers if one == phase), default=0)

    def wait(self, phase, kinds=("known", "fresh", "nobody"), count=8):
        """Until so many of each were answered in a phase that begins."""
        self.phase = phase
        wait_until(lambda: self.broken or all(self.count(phase, kind).total() >= count for kind in kinds), 30,
                   f"answers while {phase}")

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        for thread in self._threads:
            thread.join(60)


def held(pid):
    """Descriptors and threads of a process."""
    return len(os.listdir(f"/proc/{pid}/fd")), len(os.listdir(f"/proc/{pid}/task"))


def wait_back(lab, scenario, title, fresh):
    """Without anybody's help."""
    begin = time.monotonic()
    wait_until(lambda: lab.send("s@external.test", fresh, data=False).rcpt[0].ok, 15, "LDAP to be asked again")
    scenario.check(f"{title}: back by itself within 5 s", time.monotonic() - begin < 5, True)


def judge(scenario, traffic, phase, is_away):
    known, fresh, nobody = (traffic.count(phase, kind) for kind in ("known", "fresh", "nobody"))
    scenario.check(f"{phase}: what was known is taken", sorted(known), [250])
    scenario.check(f"{phase}: {fresh.total()} others that somebody has", sorted(fresh), [451] if is_away else [250])
    scenario.check(f"{phase}: nobody's", sorted(nobody), [451] if is_away else [550])
    scenario.check(f"{phase}: the longest wait, {traffic.slowest_ms(phase):.0f} ms, is bounded",
                   traffic.slowest_ms(phase) < LONGEST_MS, True)


def going_on(scenario, lab, traffic):
    """One outage after the other under traffic; subjects of what was taken meanwhile."""
    taken = []

    def send(phase):
        subject = f"sent while {phase}"
        dialogue = lab.send("s@external.test", "nested@example.com", make_message(subject))
        scenario.check(subject, dialogue.refusal or dialogue.end, OK)
        taken.append(subject)

    traffic.wait("up")
    before = held(lab.gateway.pid)
    lab.slapd.kill()
    traffic.phase = "killing"   # for what nobody had a moment ago LDAP need not be asked
    wait_until(lambda: traffic.count("killing", "nobody")[451] >= CLIENTS, 30, "answers that are not fresh")
    traffic.wait("killed")
    send("killed")
    judge(scenario, traffic, "killed", True)
    traffic.phase = "coming back"
    lab.slapd.start()
    wait_back(lab, scenario, "killed", "spare1@example.com")
    traffic.wait("up again")
    judge(scenario, traffic, "up again", False)
    with lab.slapd.frozen():
        traffic.phase = "freezing"
        wait_until(lambda: traffic.count("freezing", "nobody")[451] >= CLIENTS, 30, "answers that are not fresh")
        traffic.wait("hanging")
        send("hanging")
        judge(scenario, traffic, "hanging", True)
        traffic.phase = "going on"
    wait_back(lab, scenario, "hanging", "spare2@example.com")
    traffic.wait("up once more")
    judge(scenario, traffic, "up once more", False)
    traffic.phase = "restarting"
    lab.slapd.stop()
    lab.slapd.start()
    wait_back(lab, scenario, "restarted", "spare3@example.com")
    traffic.wait("restarted")
    judge(scenario, traffic, "restarted", False)
    for phase in ("between", "killing", "freezing", "coming back", "going on", "restarting"):
        seen = [traffic.count(phase, kind) for kind in ("known", "fresh", "nobody")]
        scenario.check(f"{phase}: {sum(map(Counter.total, seen))} answers, none of them wrong",
                       [sorted(set(count) - allowed) for count, allowed in
                        zip(seen, ({250}, {250, 451}, {451, 550}))], [[], [], []])
        scenario.check(f"{phase}: the longest wait, {traffic.slowest_ms(phase):.0f} ms, is bounded",
                       traffic.slowest_ms(phase) < LONGEST_MS, True)
    after = held(lab.gateway.pid)
    scenario.check(f"descriptors {before[0]} -> {after[0]}, threads {before[1]} -> {after[1]}: no more than before",
                   (after[0] <= before[0] + CLIENTS, after[1] <= before[1] + CLIENTS), (True, True))
    return taken


def relay(scenario):
    ldif = LDIF + "".join(person(address.partition("@")[0], address) for address in
                          [*MANY, *(f"spare{number}@example.com" for number in range(1, 4))])
    with scenario.lab({}, kind=LdapRelayLab, options=OPTIONS, ldif=ldif, users=USERS,
                      front_cf=FRONT_CF) as lab:
        for recipient in KNOWN:
            scenario.check(f"up: <{recipient}>", lab.send("s@external.test", recipient, data=False).rcpt[0], OK)
        with Traffic(lab) as traffic:
            taken = going_on(scenario, lab, traffic)
        scenario.check("clients that were hung up on", traffic.broken, [])
        wait_until(lambda: not lab.front.queued() or lab.front.flush(), 30, "what waits for LDAP to be delivered", 0.5)
        lab.wait_empty()
        for subject in taken:
            scenario.check(f"{subject}: copies for alice", len(lab.dovecot.copies(A, subject)), 1)
        scenario.check("bounces", len(lab.sink.bounces()), 0)
        lab.slapd.kill()
        lab.gateway.restart()
        for recipient in (A, NOBODY, "somebody@foreign.test"):
            want = LATER if "foreign" not in recipient else starts("554 5.7.1")
            scenario.check(f"started while LDAP is away: <{recipient}>",
                           lab.send("s@external.test", recipient, data=False).rcpt[0], want)
        lab.slapd.start()
        wait_back(lab, scenario, "started without it", A)


def beside(scenario):
    """Postfix itself asks LDAP here, and takes nobody's mail without it. Who may send as whom, Foregate says."""
    with scenario.lab(VOLUME, kind=LdapLab, options={**OPTIONS, "spoof.enabled": "yes"}, ldif=LDIF, users=USERS,
                      bare_logins=("alice", "bob", "carl")) as lab:
        for login, sender, want in ((A, A, OK), ("alice", "al@example.com", OK), (B, A, refused(B, A))):
            scenario.check(f"up: {login} as <{sender}>", sent_as(lab, login, sender), want)

        def from_of(login, sender):
            """The answer to MAIL: cleanup asks LDAP as well later on."""
            return lab.submit(login, sender, [], data=False).mail
        lab.slapd.kill()
        wait_until(lambda: not from_of(B, A).text.startswith("5.7.1"), 15, "answers that are not fresh")
        for login, sender, want in (("alice", "al@example.com", OK), (A, A, OK), ("bob", A, LATER), (B, A, LATER),
                                    ("carl", C, LATER), (C, "team@example.com", LATER), (B, "x@foreign.test", LATER)):
            begin = time.monotonic()
            scenario.check(f"killed: {login} as <{sender}>", from_of(login, sender), want)
            took_ms = (time.monotonic() - begin) * 1000
            scenario.check(f"killed: {took_ms:.0f} ms", took_ms < LONGEST_MS, True)
        for recipient in (A, NOBODY):
            scenario.check(f"killed: stranger to <{recipient}>",
                           lab.send("s@external.test", recipient, data=False).rcpt[0], LATER)
        lab.slapd.start()
        wait_until(lambda: from_of(B, A).code == 553, 15, "LDAP to be asked again")
        for login, sender, want in (("carl", C, OK), (C, "team@example.com", OK), ("bob", A, refused("bob", A))):
            scenario.check(f"back: {login} as <{sender}>", sent_as(lab, login, sender), want)


def main():
    scenario = Scenario()
    relay(scenario)
    beside(scenario)
    scenario.end()


main()
