#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""kill -9 of Foregate at every stage of a transaction, at a relay with default_action=tempfail: what the client is told and
what lies in the mailboxes (and has left for elsewhere) agree, and a new Foregate works.

relay_kill.py [--kills N] [--seed S]

Postfix reaches Foregate through a proxy that reads the milter protocol, so that the moment is exact:

before the reply    the command has reached Foregate, which is stopped (SIGSTOP) and killed without an answer
after the reply     killed as soon as the answer has been passed on
edits               of the edits at end of message, so many have been passed on when it is killed
edits, no verdict   all of them have, and the answer itself has not
after the dot       the client has sent the final dot so many microseconds ago: nobody knows where Foregate is

Of a message that is accepted, everybody whom `foregate resolve` names gets one copy; of one that is refused, nobody. A session
that was open meanwhile is answered 451 until it ends, and the next one is served.
"""

import argparse
import json
import os
import random
import signal
import socket
import struct
import threading
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field

from scenario import OK, RelayLab, Scenario
from lab import LabError, Session, account_lines, free_port, make_message, wait_until

MAILBOXES = ("a@a.test", "b@a.test", "c@a.test")
MANY = [f"w{number}@far.world" for number in range(300)]
VOLUME = {
    "postfix-accounts.cf": account_lines(*MAILBOXES),
    "postfix-virtual.cf": f"""\
al@a.test       a@a.test
group@a.test    a@a.test, b@a.test, far@far.world
many@a.test     c@a.test, {", ".join(MANY)}
""",
}
RECIPIENTS = (("group@a.test", "c@a.test"), ("al@a.test", "group@a.test"), ("many@a.test", "b@a.test"),
              ("Group@A.test", "b@a.test"))
COMMANDS = {"C": "connect", "H": "HELO", "M": "MAIL", "R1": "RCPT", "R2": "second RCPT", "T": "DATA", "N": "end of headers",
            "B": "body", "E": "end of message"}
EDITS = b"+2-hmieqb"
UNAVAILABLE = "451 4.7.1"


class Trigger:
    """Kills once, at the moment that was asked for. Called by the proxy's threads."""

    def __init__(self, kind, command=None, count=0):
        self.kind, self.command, self.count = kind, command, count
        self.fired = threading.Event()
        self._seen = Counter()
        self._edits = 0
        self._now = None        # the command that is being answered

    def __str__(self):
        if self.kind in ("before", "after"):
            return f"{self.kind} the reply to {COMMANDS[self.command]}"
        return {"edits": "edits, some sent", "verdict": "edits, no verdict", "dot": "after the dot"}[self.kind]

    def kill(self, pid):
        os.kill(pid, signal.SIGKILL)
        self.fired.set()

    def request(self, letter):
        """True: stop it, hand the command over, and kill."""
        self._seen[letter] += 1
        name = letter + str(self._seen[letter]) if letter == "R" else letter
        if letter not in "DO":
            self._now = name
        return self.kind == "before" and name == self.command and self._seen[letter] <= 2 and not self.fired.is_set()

    def reply_is_kept(self, letter):
        """True: kill, and do not pass it on."""
        if self.fired.is_set() or self._now != "E":
            return False
        if letter in EDITS:
            self._edits += 1
            return self.kind == "edits" and self._edits > self.count
        return self.kind in ("verdict", "edits") and letter != b"p"

    def reply_was_last(self, letter):
        return (self.kind == "after" and self._now == self.command and not self.fired.is_set()
                and letter not in EDITS + b"pO")


class Proxy:
    """Between Postfix and Foregate. One trigger at a time, for the next connection."""

    def __init__(self, port, target, pid):
        self._target = target
        self._pid = pid             # asked for when it is needed: each Foregate has another
        self.next_trigger = None
        self._listener = socket.create_server(("127.0.0.1", port), backlog=50)
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            postfix, _ = self._listener.accept()
            trigger, self.next_trigger = self.next_trigger, None
            try:
                foregate = socket.create_connection(("127.0.0.1", self._target))
            except OSError:
                postfix.close()
                continue
            for end in (postfix, foregate):
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for source, sink, look in ((postfix, foregate, self._request), (foregate, postfix, self._reply)):
                threading.Thread(target=self._pump, args=(source, sink, look, trigger), daemon=True).start()

    def _pump(self, source, sink, look, trigger):
        """Packet by packet, until one end goes or Foregate is killed."""
        stream = source.makefile("rb")
        try:
            while True:
                head = stream.read(4)
                if len(head) < 4:
                    break
                data = head + stream.read(struct.unpack("!I", head)[0])
                if trigger is None:
                    sink.sendall(data)
                elif not look(sink, data, trigger):
                    break
        except OSError:
            pass
        for end in (source, sink):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def _request(self, sink, data, trigger):
        if trigger.request(chr(data[4])):
            os.kill(self._pid(), signal.SIGSTOP)
            sink.sendall(data)
            trigger.kill(self._pid())
            return False
        sink.sendall(data)
        return True

    def _reply(self, sink, data, trigger):
        letter = data[4:5]
        if trigger.reply_is_kept(letter):
            trigger.kill(self._pid())
            return False
        is_last = trigger.reply_was_last(letter)    # asked first: the next command may come any moment
        sink.sendall(data)
        if is_last:
            trigger.kill(self._pid())
        return not is_last


@dataclass
class Attempt:
    number: int
    trigger: Trigger
    accepted: list = field(default_factory=list)
    replies: list = field(default_factory=list)
    queued: bool = False


@dataclass
class Count:
    kills: int = 0
    accepted: int = 0
    refused: int = 0
    lost: int = 0
    doubled: int = 0
    wrong: int = 0      # refused, and delivered


class Killer:
    def __init__(self, scenario, lab, proxy, rng):
        self.scenario, self.lab, self.proxy, self.rng = scenario, lab, proxy, rng
        self.attempts = []
        self.problems = []
        self.left_over = Counter()
        self.dot_to_reply_s = self._measure()
        self._expected = {}

    def _measure(self):
        """How long the answer to the largest message takes."""
        times = []
        for number in range(3):
            with Session(self.lab.mx) as session:
                for step in (session.ehlo(), session.mail("m@origin.world"), session.rcpt("many@a.test"), session.data()):
                    if not step.ok:
                        raise LabError(f"before the first kill: {step}")
                began = time.perf_counter()
                session.content(make_message(f"measure-{number}"))
                times.append(time.perf_counter() - began)
        print(f"      from the dot to the answer, {len(MANY)} members: {min(times) * 1000:.1f} ms", flush=True)
        return min(times)

    def targets(self, recipient):
        if recipient not in self._expected:
            said = json.loads(self.lab.gateway.command("resolve", "--json", recipient).stdout)
            self._expected[recipient] = {one["address"].lower() for one in said["recipients"]}
        return self._expected[recipient]

    def triggers(self):
        """One round."""
        for command in COMMANDS:
            yield Trigger("before", command)
        for command in COMMANDS:
            yield Trigger("after", command)
        for count in (0, 1, 2, self.rng.randint(3, 300)):
            yield Trigger("edits", count=count)
        yield Trigger("verdict")
        for _ in range(5):
            yield Trigger("dot")

    def run(self, kills):
        while len(self.attempts) < kills:
            for trigger in self.triggers():
                if len(self.attempts) == kills:
                    break
                self._one(trigger)

    def _one(self, trigger):
        attempt = Attempt(len(self.attempts) + 1, trigger)
        self.attempts.append(attempt)
        with Session(self.lab.mx) as left_over:
            for reply in (left_over.ehlo(), left_over.mail("left@origin.world"), left_over.rcpt("al@a.test")):
                if not reply.ok:
                    self.problems.append(f"{attempt.number}: left over: {reply} while Foregate runs")
            self.proxy.next_trigger = trigger
            self._transaction(attempt)
            if not trigger.fired.wait(10):
                self.problems.append(f"{attempt.number}, {trigger}: it was not killed; {attempt.replies}")
                self.lab.gateway.kill()
            self.lab.gateway.wait_exit(10)
            in_transaction = left_over.data()
            self.lab.gateway.start()
            afterwards = left_over.command("RSET") and left_over.mail("left@origin.world")
            self.left_over[f"{str(in_transaction)[:9]}, after the restart {str(afterwards)[:9]}"] += 1
        # A new session is served.
        dialogue = self.lab.send("p@origin.world", "al@a.test", make_message(f"probe-{attempt.number}"))
        if not dialogue.queued:
            self.problems.append(f"{attempt.number}, {trigger}: after the restart: {dialogue.refusal}")

    def _transaction(self, attempt):
        """As a client does it that goes on as long as there is something to go on with."""
        recipients = RECIPIENTS[2] if attempt.trigger.kind in ("edits", "dot") else self.rng.choice(RECIPIENTS)

        def told(reply):
            attempt.replies.append(str(reply)[:9])
            return reply.ok
        with Session(self.lab.mx) as session:
            told(session.ehlo())
            if told(session.mail("s@origin.world")):
                attempt.accepted = [recipient for recipient in recipients if told(session.rcpt(recipient))]
                if attempt.accepted and told(session.data()):
                    content = make_message(str(attempt.number)) + b".\r\n"
                    session.send_raw(content)
                    if attempt.trigger.kind == "dot":
                        self._kill_later(attempt.trigger)
                    attempt.queued = told(session.read_reply())
            if attempt.trigger.kind == "after" and attempt.trigger.command == "E":
                attempt.trigger.fired.wait(10)

    def _kill_later(self, trigger):
        end = time.perf_counter() + self.rng.uniform(0, 1.2 * self.dot_to_reply_s)
        while time.perf_counter() < end:
            pass    # shorter than any wait of the kernel is accurate
        trigger.kill(self.lab.gateway.pid)

    def counts(self):
        """{stage: Count}, once everything is delivered."""
        got = defaultdict(list)
        for letter in self.lab.sink.letters:
            got[letter.header("Subject")[0]] += [one.lower() for one in letter.recipients]
        for mailbox in MAILBOXES:
            for message in self.lab.dovecot.copies(mailbox):
                got[message["Subject"]].append(mailbox)
        counts = defaultdict(Count)
        for attempt in self.attempts:
            count = counts[str(attempt.trigger)]
            count.kills += 1
            copies = Counter(got.pop(str(attempt.number), []))
            wanted = set().union(*(self.targets(one) for one in attempt.accepted)) if attempt.queued else set()
            count.accepted += attempt.queued
            count.refused += not attempt.queued
            count.lost += bool(wanted - set(copies))
            count.doubled += any(times > 1 for times in copies.values())
            count.wrong += bool(set(copies) - wanted)
            if copies != Counter(wanted):
                self.problems.append(f"{attempt.number}, {attempt.trigger}: told {attempt.replies}, delivered {copies}")
            if got.pop(f"probe-{attempt.number}", None) != ["a@a.test"]:
                self.problems.append(f"{attempt.number}: the message after the restart is lost or doubled")
        return counts


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=500, metavar="N", help="default %(default)s")
    parser.add_argument("--seed", default=str(random.SystemRandom().randrange(10 ** 9)), help="repeats a run")
    options = parser.parse_args()
    print(f"seed {options.seed}", flush=True)
    scenario = Scenario(limit_s=90 + 3 * options.kills)
    port = free_port()
    began = time.monotonic()
    with scenario.lab(VOLUME, kind=RelayLab, options={"listen": f"inet:{port}@127.0.0.1"}) as lab:
        proxy = Proxy(lab.milter_port, port, lambda: lab.gateway.pid)
        killer = Killer(scenario, lab, proxy, random.Random(options.seed))
        killer.run(options.kills)
        lab.wait_empty(60)
        counts = killer.counts()
        print(f"{'killed':<36} {'times':>6} {'accepted':>9} {'refused':>8} {'lost':>5} {'doubled':>8} {'wrong':>6}")
        for stage, count in counts.items():
            print(f"{stage:<36} {count.kills:>6} {count.accepted:>9} {count.refused:>8} {count.lost:>5} "
                  f"{count.doubled:>8} {count.wrong:>6}")
        for told, times in killer.left_over.items():
            print(f"left over session: {told}: {times}")
        print(f"{len(killer.attempts)} kills, {time.monotonic() - began:.0f} s")
        scenario.check("disagreements", killer.problems, [])
        scenario.check("accepted only when killed after the answer, or after the dot",
                       {stage for stage, count in counts.items() if count.accepted}
                       <= {"after the reply to end of message", "after the dot"}, True)
        scenario.check("left over sessions get 451 until they end", set(killer.left_over),
                       {f"{UNAVAILABLE}, after the restart {UNAVAILABLE}"})
        scenario.check("a last message", lab.send("l@origin.world", "al@a.test").end, OK)
    scenario.end()


main()
