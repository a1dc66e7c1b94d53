#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Delivery reports through a relay host: what the sender asked for (RFC 3461) is kept while Foregate replaces the
recipient at the relay, and a report names the recipient as the sender wrote it."""

import re

from scenario import OK, RelayLab, Scenario
from lab import account_lines, make_message, wait_until

A, B, FULL_BOX, KEPT = "alice@example.com", "bob@example.com", "full@example.com", "kept@example.com"
ACCOUNTS = (A, B, FULL_BOX, KEPT)
VIRTUAL = """\
al@example.com          alice@example.com
group@example.com       alice@example.com, bob@example.com
toofull@example.com     full@example.com
half@example.com        alice@example.com, full@example.com
kept@example.com        kept@example.com, kept@elsewhere.test
ext@example.com         far@external.test
"""
VOLUME = {
    "postfix-accounts.cf": account_lines(*ACCOUNTS),
    "postfix-virtual.cf": VIRTUAL,
    "dovecot-quotas.cf": "full@example.com:20k\n",
}
# At the relay only: docker-mailserver has lost this account meanwhile.
GHOST = "ghost@example.com"
ORCPT, ORCPT_XTEXT = "First+Hop@origin.test", "First+2BHop@origin.test"
# Dovecot does not speak DSN, and so docker-mailserver's Postfix says no more.
DELIVERED = "relayed"


class Report:
    def __init__(self, letter):
        text = letter.content.decode("utf-8", "replace")
        self.actions = re.findall(r"^Action: (\S+)", text, re.M)
        self.originals = re.findall(r"^Original-Recipient: rfc822; ?(\S+)", text, re.M)
        self.reporter = re.search(r"^Reporting-MTA: dns; ?(\S+)", text, re.M).group(1)


class Row:
    """One message, and the reports that its sender gets: [(action, original recipient)]."""

    def __init__(self, title, recipient, notify, want, orcpt=None):
        self.title, self.recipient, self.notify, self.want = title, recipient, notify, want
        self.orcpt = orcpt
        self.sender = re.sub(r"\W+", "-", title).strip("-") + "@origin.test"

    def send(self, scenario, lab):
        parameters = [f"NOTIFY={self.notify}"] if self.notify else []
        parameters += [f"ORCPT=rfc822;{ORCPT_XTEXT}"] if self.orcpt else []
        dialogue = lab.send(self.sender, self.recipient, make_message(self.title), rcpt_parameters=parameters)
        scenario.check(self.title, dialogue.refusal or dialogue.end, OK)

    def look(self, scenario, lab):
        reports = [Report(letter) for letter in lab.sink.bounces(self.sender)]
        got = sorted((action, original) for report in reports
                     for action, original in zip(report.actions, report.originals, strict=True))
        scenario.check(f"{self.title}: reports", got, self.want)


def success():
    return [
        Row("success, mailbox", A, "SUCCESS", [(DELIVERED, A)]),
        Row("success, mailbox with ORCPT", A, "SUCCESS", [(DELIVERED, ORCPT)], ORCPT),
        Row("success, alias", "al@example.com", "SUCCESS", [(DELIVERED, "al@example.com")]),
        Row("success, alias as typed", "Al@Example.com", "SUCCESS,FAILURE", [(DELIVERED, "Al@Example.com")]),
        Row("success, alias with ORCPT", "al@example.com", "SUCCESS", [(DELIVERED, ORCPT)], ORCPT),
        # RFC 3461 5.2.7.3: for one of several at most.
        Row("success, group", "group@example.com", "SUCCESS", [(DELIVERED, "group@example.com")]),
        Row("success, group and failure", "group@example.com", "SUCCESS,FAILURE", [(DELIVERED, "group@example.com")]),
        # The next server is asked to report: the sink says nothing.
        Row("success, elsewhere", "ext@example.com", "SUCCESS", []),
        # It goes to docker-mailserver as it is, whose Postfix expands it.
        Row("success, its own target", KEPT, "SUCCESS", [("expanded", KEPT)]),
        Row("nothing wrong, FAILURE", "group@example.com", "FAILURE", []),
        Row("nothing wrong, DELAY", "al@example.com", "DELAY,FAILURE", []),
        Row("nothing wrong, NEVER", "group@example.com", "NEVER", []),
        Row("nothing wrong, nothing asked", "group@example.com", None, []),
    ]


def failure(what, direct, alias):
    """Mail that was accepted and cannot be delivered."""
    rows = [
        Row("FAILURE, mailbox", direct, "FAILURE", [("failed", direct)]),
        Row("FAILURE, alias", alias, "FAILURE", [("failed", alias)]),
        Row("FAILURE, alias with ORCPT", alias, "FAILURE", [("failed", ORCPT)], ORCPT),
        Row("nothing asked, alias", alias, None, [("failed", alias)]),
        Row("SUCCESS alone, alias", alias, "SUCCESS", []),
        Row("DELAY alone, alias", alias, "DELAY", []),
        Row("NEVER, mailbox", direct, "NEVER", []),
        Row("NEVER, alias", alias, "NEVER", []),
        Row("NEVER, alias with ORCPT", alias, "NEVER", [], ORCPT),
    ]
    for row in rows:
        row.title = f"{what}: {row.title}"
        row.sender = f"{what}-{row.sender}"
    return rows


def play(scenario, lab, rows):
    for row in rows:
        row.send(scenario, lab)
    lab.wait_empty()
    for row in rows:
        row.look(scenario, lab)


def lost_at_the_back(lab):
    """An account that the relay still knows."""
    with open(f"{lab.front_volume}/postfix-virtual.cf", "a") as virtual:
        virtual.write(f"toghost@example.com {GHOST}\n")
    with open(f"{lab.front_volume}/postfix-accounts.cf", "a") as accounts:
        accounts.write(account_lines(GHOST))
    wait_until(lambda: "directory_loaded" in lab.gateway.log_text(), 10, "Foregate to load the volume")


def main():
    scenario = Scenario()
    with scenario.lab(VOLUME, kind=RelayLab) as lab:
        play(scenario, lab, success())
        scenario.check("success: who reports", {Report(letter).reporter for letter in lab.sink.bounces()},
                       {"mail.example.test"})
        parameters = {letter.header("Subject")[0]: letter.parameters[0] for letter in lab.sink.to("far@external.test")}
        scenario.check("elsewhere: NOTIFY and ORCPT", parameters["success, elsewhere"],
                       {"NOTIFY": "SUCCESS", "ORCPT": "rfc822;ext@example.com"})

        # Full when docker-mailserver delivers, not yet when the relay asked.
        lab.fill(FULL_BOX, 21000)
        lab.gateway.restart(quota__exempt_networks="127.0.0.2/32")
        play(scenario, lab, failure("full", FULL_BOX, "toofull@example.com"))
        # One member fails, the other does not.
        play(scenario, lab, [Row("half full, FAILURE", "half@example.com", "FAILURE", [("failed", "half@example.com")]),
                             Row("half full, NEVER", "half@example.com", "NEVER", [])])
        scenario.check("half full: copies", len(lab.copies(A, "half full, FAILURE")), 1)

        # Refused by docker-mailserver at RCPT, so that the relay reports it.
        lost_at_the_back(lab)
        play(scenario, lab, failure("gone", GHOST, "toghost@example.com"))
        scenario.check("gone: who reports", {Report(letter).reporter for letter in lab.sink.bounces()},
                       {"relay.example.com", "mail.example.test"})
    scenario.end()


main()
