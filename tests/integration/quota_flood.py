#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""More mail at once than a mailbox has room for: nothing bounces, nothing is lost, and nobody is refused for good
while there is room. By hand: quota_flood.py [--runs N], ten runs without it."""

import argparse
import os
import threading
import time
from collections import Counter
from dataclasses import dataclass

from scenario import Scenario
from lab import Reply, Session, account_lines, make_message, wait_until

SESSIONS, MESSAGES = 50, 200
ROOM = 20                   # messages as they are stored
MESSAGE_BYTES = 2500        # on the wire; the headers of the way make it about 3.3 KiB
LIMIT_KIB = 100             # of the mailbox; a filler leaves room for ROOM messages
LIMIT = LIMIT_KIB * 1024
GRACE = LIMIT // 10         # quota_grace: a message may go beyond the limit, but not beyond this as well
DECLARED = [f"SIZE={MESSAGE_BYTES}"]
SMALL_LEASE = "24KiB"       # several are granted and spent before the mailbox is tight

# The recipient and lines of postfix-virtual.cf; {box}@ is the account with little room.
WAYS = {
    "direct": ("{box}@example.com", ""),
    "nested": ("{box}-a@example.com",
               "{box}-a@example.com {box}-b@example.com\n{box}-b@example.com {box}@example.com\n"),
    "group": ("{box}-g@example.com", "{box}-g@example.com {box}@example.com, {box}-other@example.com\n"),
}


@dataclass
class Sent:
    """One message and what became of it."""
    subject: str
    sender: str
    began: float = 0.0      # just before RCPT
    ended: float = 0.0      # just after the answer that counts
    answer: Reply = None    # of RCPT when it was refused there, else to the content
    stage: str = ""
    declared: bool = False


class Flood:
    """MESSAGES to one recipient over SESSIONS connections. The first message of each goes in step with the others:
    all RCPTs at once, then all contents; the later ones go as they come."""

    def __init__(self, port, name, recipient):
        self.port, self.recipient = port, recipient
        self.sent = [Sent(f"{name}-{number}", f"{name}-{number}@external.test", declared=number % 2 == 0)
                     for number in range(MESSAGES)]
        self.step = threading.Barrier(SESSIONS, timeout=60)
        self.failures = []

    def run(self):
        threads = [threading.Thread(target=self._session, args=(number,), daemon=True) for number in range(SESSIONS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(150)
        self.failures += ["a session did not end" for thread in threads if thread.is_alive()]
        return self.sent

    def _session(self, number):
        try:
            with Session(self.port) as session:
                session.ehlo()
                for turn, sent in enumerate(self.sent[number::SESSIONS]):
                    self._message(session, sent, in_step=turn == 0)
                session.quit()
        except (OSError, threading.BrokenBarrierError) as problem:
            self.step.abort()
            self.failures.append(f"session {number}: {problem!r}")

    def _message(self, session, sent, in_step):
        reply, stage = session.mail(sent.sender, *(DECLARED if sent.declared else ())), "MAIL"
        if in_step:
            self.step.wait()
        if reply.ok:
            sent.began = time.monotonic()
            reply, stage = session.rcpt(self.recipient), "RCPT"
        if in_step:
            self.step.wait()
        if reply.ok:
            reply, stage = session.data(), "DATA"
        if reply.ok:
            message = make_message(sent.subject, sent.sender, size=MESSAGE_BYTES)
            reply, stage = session.content(message), "content"
        sent.ended, sent.answer, sent.stage = time.monotonic(), reply, stage
        if not reply.ok:
            session.command("RSET")


class Outcome:
    """A flood that is over, all of it delivered."""

    def __init__(self, lab, name, port, way):
        box = f"{name}@example.com"
        self.is_group = way == "group"
        used_before = lab.dovecot.usage(box)
        log_before = len(lab.postfix.log_text())
        flood = Flood(port, name, WAYS[way][0].format(box=name))
        self.sent = flood.run()
        self.failures = flood.failures
        lab.postfix.wait_empty(120)
        log = lab.postfix.log_text()[log_before:]
        self.bounces_logged = log.count("sender non-delivery notification")
        senders = {sent.sender for sent in self.sent}
        self.bounces = sum(bool(senders.intersection(letter.recipients)) for letter in lab.sink.bounces())
        self.box = Counter(message["Subject"] for message in lab.dovecot.copies(box))
        self.other = Counter(message["Subject"] for message in lab.dovecot.copies(f"{name}-other@example.com"))
        self.used = lab.dovecot.usage(box)
        self.used_before = used_before
        stored = (self.used - used_before) // max(sum(self.box.values()), 1)
        self.message_bytes = stored or MESSAGE_BYTES + 1024

    def codes(self):
        counted = Counter(str(sent.answer.code) if sent.answer else "none" for sent in self.sent)
        return ", ".join(f"{counted[code]} x {code}" for code in sorted({*counted, "250", "452", "552"}))

    def stages(self):
        counted = Counter((sent.answer.code, sent.stage) for sent in self.sent if sent.answer and not sent.answer.ok)
        return ", ".join(f"{count} x {code} to {stage}" for (code, stage), count in sorted(counted.items()))

    def accepted(self):
        return {sent.subject for sent in self.sent if sent.answer and sent.answer.ok}

    def had_room(self):
        """Those kept out of the mailbox for good though there was room for two: of all that is in it now, only what
        had begun before they were answered may have stood in their way."""
        wrong = []
        for sent in self.sent:
            is_left_out = self.is_group and sent.subject in self.other
            if sent.subject in self.box or not sent.answer or not (is_left_out or sent.answer.code >= 500):
                continue
            earlier = sum(other.subject in self.box and other.began < sent.ended for other in self.sent)
            used = self.used_before + earlier * self.message_bytes
            if used + 2 * self.message_bytes <= LIMIT:
                wrong.append(f"{sent.subject} {sent.answer.code} with {LIMIT - used} bytes of room")
        return wrong


def volume(runs):
    """An account for each flood; a way's aliases lead to it."""
    accounts, aliases, quotas = ["measure@example.com"], "", ""
    for name, way in [*floods(runs), *today()]:
        accounts.append(f"{name}@example.com")
        quotas += f"{name}@example.com:{LIMIT_KIB}k\n"
        aliases += WAYS[way][1].format(box=name)
        if way == "group":
            accounts.append(f"{name}-other@example.com")
    return {"postfix-accounts.cf": account_lines(*accounts), "postfix-virtual.cf": aliases,
            "dovecot-quotas.cf": quotas}


def floods(runs):
    return [(f"{way}-{run}", way) for run in range(1, runs + 1) for way in WAYS] + one_by_one(runs) + small_leases(runs)


def one_by_one(runs):
    return [(f"serial-{run}", "direct") for run in range(1, runs + 1)]


def small_leases(runs):
    return [(f"leased-{run}", "direct") for run in range(1, runs + 1)]


def today():
    return [(f"today-{way}", way) for way in WAYS]


def stored_bytes(lab):
    """What one of our messages takes in a mailbox."""
    lab.send("direct-100-100@external.test", "measure@example.com",
             make_message("direct-100-100", "direct-100-100@external.test", size=MESSAGE_BYTES))
    lab.postfix.wait_empty()
    return lab.dovecot.usage("measure@example.com")


def some(found):
    """A list that does not fill the screen when all went wrong."""
    found = sorted(found)
    return found if len(found) <= 5 else [*found[:4], f"and {len(found) - 4} more"]


def flood(lab, name, port, way, stored):
    lab.fill(f"{name}@example.com", LIMIT - ROOM * stored)
    outcome = Outcome(lab, name, port, way)
    print(f"      {name}: {outcome.codes()} ({outcome.stages() or 'none refused'}); {sum(outcome.box.values())} "
          f"stored, {outcome.used - LIMIT:+d} bytes to the limit; {outcome.bounces} bounces", flush=True)
    return outcome


def foregate(scenario, lab, name, way, stored):
    outcome = flood(lab, name, lab.mx, way, stored)
    accepted = outcome.accepted()
    everything = outcome.other if outcome.is_group else outcome.box
    scenario.check(f"{name}: sessions that failed", outcome.failures, [])
    scenario.check(f"{name}: not answered 250, 4xx or 5xx",
                   some(sent.subject for sent in outcome.sent
                        if not sent.answer or sent.answer.code != 250 and sent.answer.code // 100 not in (4, 5)), [])
    scenario.check(f"{name}: bounces, of the log and sent", (outcome.bounces_logged, outcome.bounces), (0, 0))
    scenario.check(f"{name}: at most a message beyond the grace",
                   outcome.used <= LIMIT + GRACE + outcome.message_bytes, True)
    scenario.check(f"{name}: kept out for good with room for two", some(outcome.had_room()), [])
    scenario.check(f"{name}: at least half of the room is used", sum(outcome.box.values()) >= ROOM // 2, True)
    scenario.check(f"{name}: accepted and lost", some(accepted - set(everything)), [])
    scenario.check(f"{name}: refused and stored", some(set(outcome.box + outcome.other) - accepted), [])
    scenario.check(f"{name}: stored twice", some(subject for box in (outcome.box, outcome.other)
                                                for subject, count in box.items() if count > 1), [])


def deliver_one_by_one(lab):
    """Side by side, deliveries do not see each other's bytes, and some that Dovecot should refuse get in. So it counts
    each before the next: of what together only fits into the grace, all but the first bounces for sure."""
    def reloads():
        return lab.postfix.log_text().count(" reload -- version")

    before = reloads()
    with open(os.path.join(lab.postfix.config, "main.cf"), "a") as file:
        file.write("lmtp_destination_concurrency_limit = 1\n")
    lab.reload_servers()
    wait_until(lambda: reloads() > before, 15, "Postfix to reload")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=10, help="of each flood (default %(default)s)")
    runs = parser.parse_args().runs
    scenario = Scenario(limit_s=150 + 120 * runs)
    # The limit of connections a client is 50, and those of the last flood may not be counted off yet.
    with scenario.lab(volume(runs), main_cf="smtpd_client_connection_count_limit = 0\n") as lab:
        stored = stored_bytes(lab)
        for name, way in today():
            outcome = flood(lab, name, lab.stock_mx, way, stored)
            scenario.check(f"{name}: sessions that failed", outcome.failures, [])
            scenario.check(f"{name}: mail bounces", outcome.bounces == outcome.bounces_logged > 0, True)
        for name, way in floods(runs):
            if (name, way) == one_by_one(runs)[0]:
                deliver_one_by_one(lab)
            elif (name, way) == small_leases(runs)[0]:
                lab.gateway.restart(quota__lease=SMALL_LEASE)
            foregate(scenario, lab, name, way, stored)
    scenario.end()


main()
