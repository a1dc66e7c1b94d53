#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""docker-mailserver is down behind its relay host: mail waits at the relay and is delivered once, and who exists is known
as before."""

import os
import subprocess

from scenario import FULL, OK, RelayLab, Scenario, starts
from lab import account_lines, make_message
from lab.front import FILES

A, B, FULL_BOX, KEPT = "alice@example.com", "bob@example.com", "full@example.com", "kept@example.com"
MAILBOXES = (A, B, FULL_BOX, KEPT)
VOLUME = {
    "postfix-accounts.cf": account_lines(*MAILBOXES),
    "postfix-virtual.cf": """\
al@example.com          alice@example.com
group@example.com       alice@example.com, bob@example.com, far@external.test
kept@example.com        kept@example.com, kept@elsewhere.test
dangle@example.com      nosuch@example.com
loop1@example.com       loop2@example.com
loop2@example.com       loop1@example.com
""",
    "dovecot-quotas.cf": "full@example.com:20k\n",
}
ROWS = [
    ("direct", [A], [A], []),
    ("alias", ["AL@example.com"], [A], []),
    ("group", ["group@example.com", B], [A, B], ["far@external.test"]),
    ("its own target", [KEPT], [KEPT], ["kept@elsewhere.test"]),
]


def at_rcpt(lab, recipient):
    return lab.send("s@external.test", recipient, data=False).refusal or OK.pattern


def stop_back(lab):
    lab.postfix.stop()
    lab.dovecot.stop()


def start_back(lab):
    lab.dovecot.start()
    lab.postfix.start()


def validated(scenario, lab, when):
    for recipient, want in (("nosuch@example.com", starts("550 5.1.1")), ("dangle@example.com", starts("550 5.1.1")),
                            ("nosuch+tag@example.com", starts("550 5.1.1")), ("loop1@example.com", starts("451 4.6.0")),
                            ("x@foreign.test", starts("554 5.7.1"))):
        scenario.check(f"{when}: <{recipient}>", at_rcpt(lab, recipient), want)


def queued_and_delivered(scenario, lab):
    for title, recipients, *_ in ROWS:
        dialogue = lab.send("s@external.test", recipients, make_message(title))
        scenario.check(f"away: {title}", dialogue.refusal or dialogue.end, OK)
    lab.gateway.restart()
    validated(scenario, lab, "away, after a restart")
    dialogue = lab.send("s@external.test", "al@example.com", make_message("after a restart"))
    scenario.check("away, after a restart", dialogue.refusal or dialogue.end, OK)
    # Who is full cannot be known; it is taken, as quota.on_failure says.
    dialogue = lab.send("s@external.test", FULL_BOX, make_message("full"))
    scenario.check("away: full mailbox", dialogue.refusal or dialogue.end, OK)
    lab.front.stop()
    lab.front.start()
    scenario.check("away: in the relay's queue", lab.front.queued() >= len(ROWS) + 2, True)
    scenario.check("away: bounces", len(lab.sink.bounces()), 0)

    start_back(lab)
    lab.front.flush()
    lab.wait_empty()
    for title, _, inside, foreign in [*ROWS, ("after a restart", [], [A], [])]:
        scenario.check(f"back: {title}: copies", {box: len(lab.dovecot.copies(box, title)) for box in MAILBOXES},
                       {box: int(box in inside) for box in MAILBOXES})
        sent = [to for letter in lab.sink.letters if letter.header("Subject") == [title] for to in letter.recipients]
        scenario.check(f"back: {title}: sent on to", sent, foreign)
    scenario.check("back: bounces, of the full mailbox alone", [letter.recipients for letter in lab.sink.bounces()],
                   [["s@external.test"]])
    scenario.check("back: full mailbox", at_rcpt(lab, FULL_BOX), starts(FULL))


def deferred(scenario, lab):
    """quota.on_failure = defer: nothing is taken for mailboxes, and everybody else is answered as before."""
    lab.gateway.restart(quota__on_failure="defer")
    stop_back(lab)
    for recipient in (A, "al@example.com", "group@example.com", FULL_BOX):
        scenario.check(f"defer: <{recipient}>", at_rcpt(lab, recipient), starts("451 4.3.0"))
    validated(scenario, lab, "defer")
    start_back(lab)
    scenario.check("defer: nothing waits", lab.front.queued(), 0)
    lab.gateway.restart(quota__on_failure="continue")


def foregate_away(scenario, lab):
    lab.gateway.stop()
    for recipient in (A, "nosuch@example.com"):
        scenario.check(f"without Foregate: <{recipient}>", at_rcpt(lab, recipient), starts("451 4.7.1"))
    lab.gateway.start()
    scenario.check("Foregate again", at_rcpt(lab, A), OK.pattern)


def source_away(scenario, lab):
    """The mount of the volume is gone: what was copied stays."""
    def copied():
        return {name: os.stat(os.path.join(lab.front_volume, name)).st_mtime_ns for name in os.listdir(lab.front_volume)}
    before = copied()
    lab.copy_volume()
    scenario.check("copied again: nothing is written", copied(), before)
    empty = os.path.join(lab.folder, "empty")
    os.mkdir(empty)
    done = subprocess.run([os.path.join(FILES, "copy-volume"), empty, lab.front_volume], capture_output=True, text=True)
    scenario.check("source away: status", done.returncode, 1)
    scenario.check("source away: what is said", done.stderr.strip(),
                   f"copy-volume: no accounts in {empty}, nothing is copied")
    scenario.check("source away: what was copied", copied(), before)


def main():
    scenario = Scenario()
    with scenario.lab(VOLUME, kind=RelayLab) as lab:
        lab.fill(FULL_BOX, 21000)
        stop_back(lab)
        validated(scenario, lab, "away")
        queued_and_delivered(scenario, lab)
        deferred(scenario, lab)
        foregate_away(scenario, lab)
        source_away(scenario, lab)
    scenario.end()


main()
