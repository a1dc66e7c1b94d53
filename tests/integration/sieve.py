#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Sieve's :detail sees the tag, through aliases too: at docker-mailserver, and behind a relay that expands aliases."""

from scenario import OK, RelayLab, Scenario
from lab import Lab, account_lines, converse, make_message

A = "alice@example.com"
VOLUME = {
    "postfix-accounts.cf": account_lines(A, "bob@example.com"),
    "postfix-virtual.cf": "sales@example.com alice@example.com\n"
                          "team@example.com sales@example.com, bob@example.com\n"
                          "fixed@example.com alice+news@example.com\n",
}
SIEVE = """\
require ["envelope", "subaddress", "fileinto", "mailbox"];
if envelope :detail "to" "news" { fileinto :create "news"; }
"""

# recipient, the folder of alice's that it goes to while tags are kept
ROWS = [
    (A, ""),
    ("alice+news@example.com", "news"),
    ("Alice+News@example.com", "news"),  # Sieve compares without case
    ("alice+other@example.com", ""),
    ("sales+news@example.com", "news"),
    ("team+news@example.com", "news"),
    ("fixed@example.com", "news"),
]


def folder_of(lab, subject):
    """Where alice's one copy is."""
    inbox, news = len(lab.copies(A, subject)), len(lab.dovecot.copies(A, subject, "news"))
    return {(1, 0): "", (0, 1): "news"}.get((inbox, news), f"{inbox} in INBOX and {news} in news")


def deliver(scenario, lab, title, stripped=False):
    for recipient, folder in ROWS:
        subject = f"{title}, {recipient}"
        dialogue = converse(lab.mx, "s@external.test", [recipient], make_message(subject))
        scenario.check(f"{subject}: taken", dialogue.end or dialogue.refusal, OK)
    for recipient, folder in ROWS:
        subject = f"{title}, {recipient}"
        scenario.check(f"{subject}: folder", folder_of(lab, subject), "" if stripped else folder)


def main():
    scenario = Scenario(limit_s=200)
    with Lab(VOLUME, foregate=True, sieve=SIEVE) as lab:
        deliver(scenario, lab, "kept")
        lab.gateway.restart(rewrite__alias="expand")
        deliver(scenario, lab, "expanded")
        lab.gateway.restart(rewrite__subaddress="strip")
        deliver(scenario, lab, "stripped", stripped=True)
    with RelayLab(VOLUME, sieve=SIEVE) as lab:
        deliver(scenario, lab, "relay")
        lab.gateway.restart(rewrite__subaddress="external")
        deliver(scenario, lab, "relay, elsewhere only")
    scenario.end()


main()
