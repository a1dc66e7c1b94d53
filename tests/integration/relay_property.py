#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Random recipients and random aliases through a real Postfix with rewrite.alias = expand: 0 lost, 0 doubled.

relay_property.py [--messages N] [--seed S] [--variant front|tables]

front   the relay of deploy/relay. A sink stands for docker-mailserver and for the rest of the world; what arrives for our
        domains is expanded once more, as docker-mailserver does, by `foregate resolve`.
tables  docker-mailserver's own Postfix, which has the same tables; the sink gets what it delivers.

Wanted, of each message that is accepted: exactly the addresses to which its accepted recipients lead get it, and each once.
Of a message that is refused, nobody gets anything. Two things are beyond Foregate, happen without it as well, and are
counted: an address that is its own target (a copy is kept) brings its other targets with it, since whoever has the tables
expands it again, so that who is behind two of them gets two; and what a client itself names twice, with other quotation
marks or another ORCPT or NOTIFY, are two recipients to Postfix.
"""

import argparse
import json
import random
import sys
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field

from scenario import RelayLab, Scenario
from lab import Lab, Session, account_lines, make_message, wait_until

A_TABLE = 250                       # messages, until the aliases change
OURS = ("a.test", "b.test", "al.test", "cat.test", "dom.test")
WORLD = ("x.world", "y.world")
NOTIFIES = ("NEVER", "SUCCESS", "FAILURE", "SUCCESS,FAILURE,DELAY")
# Postfix answers a client that is refused often ever more slowly.
PATIENT = "smtpd_error_sleep_time = 0\nsmtpd_soft_error_limit = 1000000\nsmtpd_hard_error_limit = 1000000\n"


class Tables:
    """A config volume, and addresses to try with it."""

    def __init__(self, rng):
        self.rng = rng
        self.accounts = [f"u{number}@{rng.choice(OURS[:2])}" for number in range(rng.randint(4, 12))]
        self.accounts += [f"dotted.name{number}@b.test" for number in range(2)]
        self.names = [f"{rng.choice(('al', 'list', 'info.desk'))}{number}@{rng.choice(OURS[:3])}"
                      for number in range(rng.randint(6, 25))]
        self.world = [f"w{number}@{rng.choice(WORLD)}" for number in range(6)]
        self.aliases = {}
        for name in self.names:
            self.aliases[name] = self._targets(name)
        for account in self.accounts:  # a copy is kept
            if rng.random() < 0.3:
                self.aliases[account] = [account, *self._some(self.world + self.accounts, 2)]
        if rng.random() < 0.7:
            self.aliases["@cat.test"] = self._some(self.accounts + self.names, 2)
        if rng.random() < 0.7:
            self.aliases["@dom.test"] = ["@a.test"]
        self.patterns = []
        if rng.random() < 0.6:
            self.patterns.append(f"/^pat([0-9]+)@a\\.test$/ {rng.choice(self.accounts).replace('@', '+$1@')}")
        if rng.random() < 0.4:
            self.patterns.append(f"/^any-.*@b\\.test$/ {', '.join(self._some(self.names + self.world, 2))}")

    def _some(self, choices, most):
        return [self._spelling(one) for one in self.rng.sample(choices, self.rng.randint(1, min(most, len(choices))))]

    def _targets(self, name):
        kind = self.rng.random()
        if kind < 0.25:
            return self._some(self.accounts, 1)
        if kind < 0.70:
            return self._some(self.accounts + self.names + self.world, self.rng.choice((2, 3, 5, 8)))
        if kind < 0.80:
            return [name, *self._some(self.accounts + self.world + self.names, 3)]      # its own target, no account
        if kind < 0.88:
            return self._some(self.accounts, 2) + [f"gone{self.rng.randint(1, 3)}@a.test"]
        if kind < 0.92:
            return [f"gone{self.rng.randint(1, 3)}@b.test"]
        if kind < 0.96:
            return [self.rng.choice(self.accounts).replace("@", "+fixed@"), *self._some(self.accounts, 2)]
        return self._some(self.world, 3)

    def _spelling(self, address):
        return address.upper() if self.rng.random() < 0.05 else address.title() if self.rng.random() < 0.1 else address

    def files(self):
        # With another order of lines nothing may change; the accounts' own lines come among the others.
        lines = [f"{name} {', '.join(targets)}\n" for name, targets in self.aliases.items()]
        self.rng.shuffle(lines)
        return {"postfix-accounts.cf": account_lines(*self.accounts), "postfix-virtual.cf": "".join(lines),
                "postfix-regexp.cf": "".join(f"{line}\n" for line in self.patterns)}

    def recipient(self):
        """As a client may write it."""
        rng = self.rng
        kind = rng.random()
        if kind < 0.35:
            address = rng.choice(self.accounts)
        elif kind < 0.80:
            address = rng.choice(self.names)
        elif kind < 0.86:
            address = f"whoever{rng.randint(1, 5)}@cat.test"
        elif kind < 0.90:
            address = rng.choice(self.accounts).partition("@")[0] + "@dom.test"
        elif kind < 0.94:
            address = f"pat{rng.randint(1, 30)}@a.test"
        elif kind < 0.97:
            address = f"any-{rng.randint(1, 5)}@b.test"
        else:
            address = rng.choice((*self.world, "nobody@a.test"))
        local, _, domain = address.partition("@")
        if rng.random() < 0.2:
            local += f"+{rng.choice(('t', 'News', 'x+y'))}"
        if rng.random() < 0.2:
            local, domain = rng.choice(((local.upper(), domain), (local, domain.upper()), (local.title(), domain.title())))
        if rng.random() < 0.1:
            local = f'"{local}"' if rng.random() < 0.7 else f'"\\{local}"'
        route = rng.choice(("@r.test:", "@r.test,@s.test:")) if rng.random() < 0.08 else ""
        return f"{route}{local}@{domain}" + (rng.choice((".", "(c)", ".(c)", " ")) if rng.random() < 0.06 else "")

    def recipients(self):
        rng = self.rng
        count = rng.choice((1, 1, 1, 2, 2, 3, 4, 5, 8, 12, 40))
        found = [self.recipient() for _ in range(count)]
        for _ in range(rng.choice((0, 0, 0, 1, 2))):    # again, maybe spelt in another way
            again = rng.choice(found)
            found.insert(rng.randint(0, len(found)), again if rng.random() < 0.5 else again.swapcase())
        return found


@dataclass
class Sent:
    number: int
    accepted: list = field(default_factory=list)    # as they were written
    records: list = field(default_factory=list)     # (address, what else tells them apart) to Postfix
    refused: Counter = field(default_factory=Counter)
    queued: bool = False
    reply: str = ""


def fold(address):
    return address.lower()


def internal(address):
    """Folded, without route, quotation marks, comments and the like."""
    return fold(address).rpartition(":")[2].replace(chr(34), "").replace("\\", "").replace("(c)", "").strip(" .")


class Oracle:
    """`foregate resolve` for one volume, asked about many at once."""

    def __init__(self, lab):
        self._lab = lab
        self._said = {}

    def ask(self, addresses):
        addresses = sorted(set(addresses) - set(self._said))
        done = self._lab.gateway.command("resolve", "--json", "-", input="".join(f"{one}\n" for one in addresses),
                                         limit_s=120)
        answers = [json.loads(line) for line in done.stdout.splitlines()]
        if len(answers) != len(addresses):
            raise RuntimeError(f"foregate resolve: {done.stderr}")
        for address, answer in zip(addresses, answers):
            self._said[address] = frozenset(fold(one["address"]) for one in answer["recipients"]
                                            if one["class"] != "unknown")

    def all_targets(self):
        return set().union(*self._said.values())

    def targets(self, address):
        """Who gets mail for it; nobody for one that leads nowhere."""
        return self._said[address]


class Tally:
    def __init__(self):
        self.messages = self.queued = self.recipients = self.copies = self.lost = self.doubled = self.wrong = 0
        self.shared = self.named_twice = 0      # addresses with more than one copy, as explained above
        self.refused = Counter()
        self.examples = []

    def __str__(self):
        refused = ", ".join(f"{count} x {code}" for code, count in sorted(self.refused.items()))
        return (f"{self.messages} messages, {self.queued} accepted, {self.recipients} recipients accepted, "
                f"{self.copies} copies; {self.lost} lost, {self.doubled} doubled, {self.wrong} to others; "
                f"several copies as explained: {self.shared} of own targets, {self.named_twice} named twice; refused: {refused or 'none'}")

    def error(self, kind, sent, text):
        setattr(self, kind, getattr(self, kind) + 1)
        if len(self.examples) < 10:
            self.examples.append(f"{kind}: message {sent.number}, {sent.accepted}: {text}")


class Run:
    def __init__(self, lab, rng, variant):
        self.lab, self.variant = lab, variant
        self.rng = rng
        self.tally = Tally()
        self._number = 0

    def tables(self, tables, count):
        """One volume: some hundred messages, then what has become of them."""
        self.lab.sink.clear()
        sent = self._send(tables, count)
        self.lab.wait_empty(120) if self.variant == "front" else self.lab.postfix.wait_empty(120)
        got = defaultdict(list)
        for letter in self.lab.sink.letters:
            if letter.sender:   # reports of success come back to the sink as well
                got[int(letter.header("Subject")[0])] += [one.rstrip(".") for one in letter.recipients]
        oracle = Oracle(self.lab)
        oracle.ask(one for message in sent for one in message.accepted)
        oracle.ask(one for recipients in got.values() for one in recipients)
        oracle.ask(oracle.all_targets())
        for message in sent:
            self._judge(message, got.pop(message.number, []), oracle)
        for number, recipients in got.items():
            self.tally.error("wrong", Sent(number), f"nobody sent it, {recipients} got it")

    def _send(self, tables, count):
        sent = []
        while len(sent) < count:
            with Session(self.lab.mx) as session:
                session.ehlo()
                for _ in range(min(count - len(sent), 20)):
                    self._number += 1
                    sent.append(self._message(session, tables, Sent(self._number)))
                session.quit()
        return sent

    def _message(self, session, tables, sent):
        session.mail(f"s{sent.number}@origin.world")
        for recipient in tables.recipients():
            parameters = self._parameters()
            reply = session.rcpt(recipient, *parameters)
            if reply.ok:
                sent.accepted.append(recipient)
                sent.records.append((internal(recipient), (fold(recipient), *parameters)))
            else:
                self.tally.refused[f"{reply.code} to RCPT"] += 1
        if sent.accepted:
            session.data()
            reply = session.content(make_message(str(sent.number)))
            sent.queued, sent.reply = reply.ok, str(reply)
            if not reply.ok:
                self.tally.refused[f"{reply.code} to the message"] += 1
                if self.tally.refused[f"{reply.code} to the message"] <= 3:
                    print(f"      message {sent.number} {sent.accepted}: {reply}")
        else:
            session.command("RSET")
        return sent

    def _parameters(self):
        if self.variant == "tables":    # docker-mailserver offers no DSN
            return []
        notify = [f"NOTIFY={self.rng.choice(NOTIFIES)}"] if self.rng.random() < 0.1 else []
        return notify + (["ORCPT=rfc822;typed@origin.world"] if self.rng.random() < 0.1 else [])

    @staticmethod
    def _most(sent, wanted, oracle):
        """How often each address may get the message. Addresses that are their own target stay in the envelope, unless
        another one has them among its own; whoever is behind several gets one from each."""
        records = Counter(address for address, _ in set(sent.records))
        stay = defaultdict(int)     # what they lead to -> how many records
        for address in wanted:
            targets = frozenset(oracle.targets(address))
            if address in targets:
                stay[targets] = max(stay[targets], records[address], 1)
        most = Counter()
        for targets, count in stay.items():
            if not any(targets < others for others in stay):
                most.update(dict.fromkeys(targets, count))
        return most

    def _judge(self, sent, got, oracle):
        tally = self.tally
        tally.messages += 1
        if not sent.queued:
            if got:
                tally.error("wrong", sent, f"{sent.reply or 'no recipient'}, and {got} got it")
            return
        tally.queued += 1
        tally.recipients += len(sent.accepted)
        wanted = set().union(*(oracle.targets(one) for one in sent.accepted))
        copies = Counter()
        for address in got:     # behind the relay docker-mailserver expands what is for its domains
            expands = self.variant == "front" and self._is_ours(address)
            copies.update(oracle.targets(address) if expands else {fold(address)})
        tally.copies += sum(copies.values())
        if set(copies) - wanted:
            tally.error("wrong", sent, f"{sorted(set(copies) - wanted)} got it; envelope {got}")
        if wanted - set(copies):
            tally.error("lost", sent, f"{sorted(wanted - set(copies))} did not; envelope {got}")
        most = self._most(sent, wanted, oracle)
        doubled = sorted(address for address, count in copies.items() if count > max(most[address], 1))
        if doubled:
            tally.error("doubled", sent, f"{doubled}; envelope {got}")
        once = self._most(Sent(0), wanted, oracle)
        for address, count in copies.items():
            tally.named_twice += count > max(once[address], 1)
            tally.shared += 1 < count <= once[address]

    @staticmethod
    def _is_ours(address):
        return address.rpartition("@")[2].lower() in OURS


def load(lab, variant, tables):
    if variant == "front":
        lab.change_volume(tables.files())
        return
    loaded = lab.gateway.log_text().count("directory_loaded")
    for name, text in tables.files().items():
        lab.write_volume_file(name, text)
    reloads = lab.postfix.log_text().count(" reload -- version")
    lab.postfix.reload()
    wait_until(lambda: lab.gateway.log_text().count("directory_loaded") > loaded
               and lab.postfix.log_text().count(" reload -- version") > reloads, 20, "the new tables")


def make_lab(scenario, variant, tables):
    if variant == "front":
        return scenario.lab(tables.files(), kind=RelayLab, back=False, front_cf=PATIENT)
    # docker-mailserver's Postfix, with the sink for its mailboxes.
    return scenario.lab(tables.files(), kind=TablesLab, options={"rewrite.alias": "expand", "quota.enabled": "no"})


class TablesLab(Lab):
    def start(self):
        self.postfix.set_extra(PATIENT + f"virtual_transport = smtp:[127.0.0.1]:{self.sink.port}\n")
        return super().start()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, default=5000, metavar="N", help="default %(default)s")
    parser.add_argument("--seed", default=str(random.SystemRandom().randrange(10 ** 9)), help="repeats a run")
    parser.add_argument("--variant", choices=("front", "tables"), default="front")
    options = parser.parse_args()
    print(f"seed {options.seed}", flush=True)
    rng = random.Random(options.seed)
    began = time.monotonic()
    scenario = Scenario(limit_s=120 + options.messages)
    tables = Tables(rng)
    with make_lab(scenario, options.variant, tables) as lab:
        run = Run(lab, rng, options.variant)
        left = options.messages
        share = min(A_TABLE, -(-left // 3))     # three tables at least
        while left:
            count = min(left, share)
            run.tables(tables, count)
            left -= count
            if left:
                tables = Tables(rng)
                load(lab, options.variant, tables)
                print(f"... {run.tally}", file=sys.stderr, flush=True)
        for example in run.tally.examples:
            print(example)
        print(run.tally)
        print(f"{time.monotonic() - began:.0f} s, seed {options.seed}")
        scenario.check("lost", run.tally.lost, 0)
        scenario.check("doubled", run.tally.doubled, 0)
        scenario.check("to others", run.tally.wrong, 0)
        scenario.check("most are accepted", run.tally.queued * 2 > run.tally.messages, True)
    scenario.end()


main()
