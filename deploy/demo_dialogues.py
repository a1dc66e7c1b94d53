#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The dialogues of deploy/demo and their table."""

import json
import os
import signal
import sys
import textwrap
from dataclasses import dataclass, field

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, "tests"))

from lab import Lab, LabError, make_message  # noqa: E402

ALICE = "alice@example.com"


@dataclass
class Row:
    """A dialogue and what a good server does with it."""
    what: str
    recipients: list
    want: str = "250"                   # how the decisive answer begins
    at: str = "RCPT"                    # where a refusal is due: RCPT (or before), or END of message
    to: list = field(default_factory=list)      # who gets a copy, inside and outside
    login: str = None
    sender: str = None
    header_from: str = None
    size: int = None


ROWS = [
    Row("ordinary mail", [ALICE], to=[ALICE]),
    Row("full mailbox", ["full@example.com"], "552"),
    Row("full mailbox, tagged", ["full+news@example.com"], "552"),
    Row("alias of a full mailbox", ["info@example.com"], "552"),
    Row("alias of that alias", ["contact@example.com"], "552"),
    Row("alias by pattern", ["ticket-42@example.com"], "552"),
    Row("catch-all domain", ["anyone@shop.example"], "552"),
    Row("group, one member full", ["team@example.com"], to=[ALICE]),
    Row("full member, other outside", ["mixed@example.com"], to=["someone@external.test"]),
    Row("alias to another server", ["friend@example.com"], to=["someone@external.test"]),
    Row("full one and another", ["contact@example.com", ALICE], "552", to=[ALICE]),
    Row("too large, no SIZE given", ["nearly@example.com"], "552", at="END", size=30000),
    Row("alias to a deleted account", ["former@example.com"], "550"),
    Row("domain alias to nobody", ["nosuch@example.net"], "550"),
    Row("aliases in a circle", ["ping@example.com"], "451"),
    Row("unknown user", ["nosuch@example.com"], "550"),
    Row("alice logged in, as carol", ["friend@remote.test"], "553", login=ALICE, sender="carol@example.org"),
    Row("alice as her nested alias", ["friend@remote.test"], login=ALICE, sender="offers@example.com",
        to=["friend@remote.test"]),
    Row("alice, forged From: header", ["friend@remote.test"], "5", at="END", login=ALICE, sender=ALICE,
        header_from="ceo@example.org"),
]


@dataclass
class Outcome:
    """What one side did with a row."""
    refusal: str = None       # "552 5.2.2 ..."
    at: str = None            # MAIL, RCPT or END
    queue_id: str = None
    arrived: list = field(default_factory=list)
    bounced: bool = False
    log: list = field(default_factory=list)
    why: str = ""

    def words(self):
        said = f"{self.refusal}" if self.refusal else "250 accepted"
        if self.at == "END":
            said += " (after the data)"
        later = []
        if self.arrived:
            later.append("delivered to " + ", ".join(address.partition("@")[0] if address.endswith("@example.com")
                                                     else address for address in self.arrived))
        if self.bounced:
            later.append("BOUNCE TO THE FORGED SENDER")
        return "; ".join([said, *later])

    def is_right(self, row):
        if self.bounced or sorted(self.arrived) != sorted(row.to):
            return False
        if row.want == "250":
            return self.refusal is None
        return bool(self.refusal) and self.refusal.startswith(row.want) and (self.at == "END") == (row.at == "END")


def sender_of(side, number, row):
    """A forged sender of its own for each dialogue, so that its bounces can be told from others."""
    return row.sender or f"{side}{number}@victim.test"


def play(lab, side, number, row):
    mx, submission = ((lab.stock_mx, lab.stock_submission) if side == "stock" else (lab.mx, lab.submission))
    sender = sender_of(side, number, row)
    message = make_message(f"{side} {number}", sender=row.header_from or sender, size=row.size)
    if row.login:
        dialogue = lab.submit(row.login, sender, row.recipients, message, port=submission)
    else:
        dialogue = lab.send(sender, row.recipients, message, port=mx)
    outcome = Outcome(queue_id=dialogue.queue_id)
    if dialogue.refusal:
        outcome.refusal = str(dialogue.refusal).partition("\n")[0]
        outcome.at = "END" if dialogue.refusal is dialogue.end else "RCPT" if dialogue.mail.ok else "MAIL"
    return outcome


def look_later(lab, side, number, row, outcome):
    if outcome.queue_id:
        outcome.arrived = [to for _, to, status in lab.postfix.deliveries(outcome.queue_id) if status == "sent"]
    if not row.login:
        outcome.bounced = bool(lab.sink.bounces(sender_of(side, number, row)))


def play_all(lab):
    """[(row, stock outcome, Foregate's outcome)]"""
    outcomes = {}
    for side in ("stock", "foregate"):
        for number, row in enumerate(ROWS, 1):
            before = len(lab.gateway.log_text())
            outcomes[side, number] = outcome = play(lab, side, number, row)
            if side == "foregate":
                outcome.log = lab.gateway.log_text()[before:].splitlines()
    lab.postfix.wait_empty()
    for (side, number), outcome in outcomes.items():
        look_later(lab, side, number, ROWS[number - 1], outcome)
        if side == "foregate":
            outcome.why = reason(lab, ROWS[number - 1], outcome)
    return [(row, outcomes["stock", number], outcomes["foregate", number]) for number, row in enumerate(ROWS, 1)]


# What every log line has, or what the table says already.
KNOWN = {"level", "event", "session", "qid", "stage", "ms", "rule", "verdict", "code", "xcode", "text", "recipient",
         "sender", "alias"}


def chains(lab, recipient):
    """How Foregate's resolver gets from an address to whom it reaches: `info@ -> full@`."""
    answer = json.loads(lab.gateway.command("resolve", "--json", recipient).stdout)
    for reached in answer.get("recipients", []):
        note = "" if reached["class"] == "mailbox" else f" ({reached['class']})"
        yield " -> ".join([*reached["via"], reached["address"]]) + note


def reason(lab, row, outcome):
    """Foregate's own record of its decisions, from its log, and the way it saw."""
    told = []
    for line in outcome.log:
        record = json.loads(line) if line.startswith("{") else {}
        if record.get("event") not in ("decision", "rule"):
            continue
        words = [record["rule"]]
        words += [f"{record['verdict']}s" + (f" {record['recipient']}" if "recipient" in record else "")
                  if "verdict" in record else record.get("text", "")]
        details = [f"{name}={value}" for name, value in record.items() if name not in KNOWN]
        words += details or ([] if "recipient" in record else [f"({record['text']})"])
        told.append(" ".join(words))
    if not told:
        return "Postfix answered by itself, before Foregate was asked" if outcome.refusal else ""
    if not row.login:
        told += [chain for recipient in row.recipients for chain in chains(lab, recipient) if "->" in chain]
    return "; ".join(dict.fromkeys(told))


WIDTHS = (30, 38, 38)


def colour(code, text):
    return f"\033[{code}m{text}\033[0m" if sys.stdout.isatty() else text


def print_row(number, row, stock, foregate):
    what = [row.what, *row.recipients]
    if row.login:
        what[1:] = [f"MAIL FROM <{row.sender}>"] + ([f"From: {row.header_from}"] if row.header_from else [])
    columns = [what] + [textwrap.wrap(outcome.words(), width, subsequent_indent="  ")
                        for outcome, width in zip((stock, foregate), WIDTHS[1:])]
    for index in range(max(map(len, columns))):
        cells = [column[index] if index < len(column) else "" for column in columns]
        marks = ["", ""]
        if index == 0:
            marks = [colour(32, "right") if outcome.is_right(row) else colour(31, "WRONG")
                     for outcome in (stock, foregate)]
        print((f"{number:2} " if index == 0 else "   ") + f"{cells[0]:<{WIDTHS[0]}} {cells[1]:<{WIDTHS[1]}} "
              f"{marks[0] or '     '} {cells[2]:<{WIDTHS[2]}} {marks[1]}".rstrip())
    if foregate.why:
        for line in textwrap.wrap("why: " + foregate.why, 115, subsequent_indent="     "):
            print("   " + colour(2, line))


def print_table(results):
    rule = "-" * 119
    print(f"\n{'':3}{'dialogue':<{WIDTHS[0]}} {'stock docker-mailserver':<{WIDTHS[1] + 6}} with Foregate\n{rule}")
    for number, (row, stock, foregate) in enumerate(results, 1):
        print_row(number, row, stock, foregate)
    print(rule)
    for name, index in (("Stock", 1), ("Foregate", 2)):
        right = sum(result[index].is_right(result[0]) for result in results)
        bounces = sum(result[index].bounced for result in results)
        print(f"{name + ':':<10} right in {right} of {len(results)}, bounces to forged senders: {bounces}")


def keep_running(lab):
    print(f"""
Left running until Ctrl-C (or: kill {os.getpid()}). To send by hand:

  swaks --server 127.0.0.1:{lab.stock_mx} --from you@external.test --to info@example.com    # stock
  swaks --server 127.0.0.1:{lab.mx} --from you@external.test --to info@example.com    # Foregate
  swaks --server 127.0.0.1:{lab.submission} --auth-user alice@example.com --auth-password secret --auth PLAIN \\
        --from carol@example.org --to x@remote.test                              # Foregate, logged in
  printf 'EHLO me.test\\r\\nMAIL FROM:<you@external.test>\\r\\nRCPT TO:<info@example.com>\\r\\nQUIT\\r\\n' | \\
        nc 127.0.0.1 {lab.mx}

  Aliases and accounts: {lab.volume} (change them; Foregate sees it by itself)
  What an address leads to: {lab.gateway.path} -c {lab.gateway.config} resolve team@example.com
  Logs: {lab.gateway.log}
        {lab.postfix.log}""", flush=True)
    try:
        signal.pause()
    except KeyboardInterrupt:
        print()


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        with Lab(os.path.join(ROOT, "deploy", "example"), foregate=True,
                 options={"spoof.enabled": "yes", "log.format": "json"}) as lab:
            print("Postfix, Dovecot and Foregate are running; filling full@example.com ...")
            lab.fill("full@example.com", 21000)
            lab.fill("nearly@example.com", 9000)
            results = play_all(lab)
            print_table(results)
            if "--keep" in sys.argv:
                keep_running(lab)
    except LabError as problem:
        print(problem, file=sys.stderr)
        sys.exit(2)
    sys.exit(0 if all(foregate.is_right(row) for row, _, foregate in results) else 1)


main()
