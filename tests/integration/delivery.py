#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Plain delivery through Foregate: every kind of alias, each mailbox exactly one copy, the tag kept."""

import re

from scenario import FULL, OK, Scenario
from lab import account_lines, make_message

A, B, C, FULL_BOX = "alice@example.com", "bob@example.com", "carol@example.org", "full@example.com"
MAILBOXES = (A, B, C, FULL_BOX)
VOLUME = {
    "postfix-accounts.cf": account_lines(*MAILBOXES),
    "postfix-virtual.cf": """\
al@example.com          alice@example.com
nested@example.com      al@example.com
multi@example.com       alice@example.com,bob@example.com
multisp@example.com     bob@example.com carol@example.org
both@example.com        multi@example.com, multisp@example.com
twice@example.com       alice@example.com, al@example.com, nested@example.com
fixed@example.com       alice+fixed@example.com
bob@example.com         bob@example.com, someone@external.test
mixed@example.com       carol@example.org, far@external.test
ext@example.com         far@external.test
upper@example.com       ALICE@Example.com
group@example.com       alice@example.com, full@example.com, carol@example.org, far@external.test
upgroup@example.com     Full@Example.com, carol@example.org
outer@example.com       group@example.com, al@example.com
@catch.test             carol@example.org
@domain.test            @example.com
""",
    "postfix-regexp.cf": "/^re([0-9]+)@example\\.com$/ alice+$1@example.com\n",
    "dovecot-quotas.cf": "full@example.com:20k\n",
}

# title, recipients, envelope recipients that are mailboxes, recipients outside
ROWS = [
    ("direct", [A], [A], []),
    ("direct, upper case", ["ALICE@EXAMPLE.COM"], [A], []),
    ("tagged", ["alice+News@example.com"], ["alice+News@example.com"], []),
    ("alias", ["al@example.com"], [A], []),
    ("tagged alias", ["al+x+y@example.com"], ["alice+x+y@example.com"], []),
    ("nested", ["nested@example.com"], [A], []),
    ("nested, tagged", ["nested+t@example.com"], ["alice+t@example.com"], []),
    ("several targets", ["multi@example.com"], [A, B], ["someone@external.test"]),
    ("several, by spaces", ["multisp+t@example.com"], ["bob+t@example.com", "carol+t@example.org"],
     ["someone+t@external.test"]),
    ("groups that overlap", ["both@example.com"], [A, B, C], ["someone@external.test"]),
    ("three ways to one", ["twice@example.com"], [A], []),
    ("tagged target", ["fixed+t@example.com"], ["alice+fixed+t@example.com"], []),
    ("pattern", ["re42@example.com"], ["alice+42@example.com"], []),
    ("catch-all", ["any.one@catch.test"], [C], []),
    ("domain alias", ["alice@domain.test"], [A], []),
    ("domain alias, tagged", ["alice+t@domain.test"], ["alice+t@example.com"], []),
    ("external", ["ext@example.com"], [], ["far@external.test"]),
    ("mixed", ["mixed@example.com"], [C], ["far@external.test"]),
    ("self, a copy kept", [B], [B], ["someone@external.test"]),
    ("two recipients", [A, C], [A, C], []),
]


def fold(address):
    """Without the case of user and domain, which Postfix keeps as typed; the tag's case matters."""
    user, _, domain = address.partition("@")
    base, plus, tag = user.partition("+")
    return f"{base.lower()}{plus}{tag}@{domain.lower()}"


def outside(lab, subject):
    """(recipient, its parameters) of each copy with this subject that left."""
    copies = [copy for letter in lab.sink.letters if letter.header("Subject") == [subject]
              for copy in zip(letter.recipients, letter.parameters)]
    return sorted(copies, key=lambda copy: copy[0])


def compare(scenario, lab, name, dialogue, subject, inside, foreign):
    """inside: the envelope recipients that Dovecot gets. (It stores a mailbox's own repetitions once.)"""
    envelope = [fold(to) for kind, to, status in lab.postfix.deliveries(dialogue.queue_id)
                if kind == "lmtp" and status == "sent"]
    scenario.check(f"{name}: to mailboxes", sorted(envelope), sorted(inside))
    copies = {mailbox: len(lab.dovecot.copies(mailbox, subject)) for mailbox in MAILBOXES}
    owners = {re.sub(r"\+[^@]*", "", address) for address in inside}
    scenario.check(f"{name}: copies", copies, {mailbox: int(mailbox in owners) for mailbox in MAILBOXES})
    scenario.check(f"{name}: sent on to", [to for to, _ in outside(lab, subject)], sorted(foreign))


def compare_with_stock(scenario, lab):
    for side, port in (("today", lab.stock_mx), ("foregate", lab.mx)):
        dialogues = {}
        for title, recipients, *_ in ROWS:
            dialogue = lab.send("s@external.test", recipients, make_message(f"{side} {title}"), port=port)
            scenario.check(f"{side} {title}", dialogue.refusal or dialogue.end, OK)
            dialogues[title] = dialogue
        lab.postfix.wait_empty()
        for title, _, inside, foreign in ROWS:
            name = f"{side} {title}"
            compare(scenario, lab, name, dialogues[title], name, inside, foreign)
    scenario.check("bounces", len(lab.sink.bounces()), 0)


def full_member_left_out(scenario, lab):
    lab.fill(FULL_BOX, 21000)
    for title, recipient, inside, foreign in (
            ("group", "group@example.com", [A, C], ["far@external.test"]),
            ("group in a group", "outer@example.com", [A, C], ["far@external.test"]),
            ("group, tagged", "group+t@example.com", ["alice+t@example.com", "carol+t@example.org"],
             ["far+t@external.test"]),
            ("group, typed in upper case", "GROUP@Example.Com", [A, C], ["far@external.test"]),
            ("group, target in upper case", "upgroup@example.com", [C], [])):
        subject = f"full {title}"
        dialogue = lab.send("member@external.test", recipient, make_message(subject))
        scenario.check(f"full member, {title}", dialogue.end, OK)
        lab.postfix.wait_empty()
        compare(scenario, lab, f"full member, {title}", dialogue, subject, inside, foreign)

    dialogue = lab.send("member@external.test", ["group@example.com", FULL_BOX, "multi@example.com", "ext@example.com"],
                        make_message("full several"))
    scenario.check("full member among several: RCPT", [reply.code for reply in dialogue.rcpt], [250, 552, 250, 250])
    scenario.check("full member among several: full@", dialogue.rcpt[1], FULL)
    lab.postfix.wait_empty()
    # Two recipients lead to alice and to far@: what Foregate adds must not come on top of what Postfix has.
    compare(scenario, lab, "full member among several", dialogue, "full several", [A, B, C],
            ["far@external.test", "someone@external.test"])
    scenario.check("full member: bounces", len(lab.sink.bounces()), 0)
    scenario.check("full member: the log names it", FULL_BOX in lab.gateway.log_text(), True)


def dsn_kept(scenario, lab):
    """ORCPT and NOTIFY of a recipient that Foregate had to replace by its members."""
    for notify, allowed in (("FAILURE", {"FAILURE"}), ("NEVER", {"NEVER"}),
                            # 1 to n: success may be reported for one of them at most
                            ("SUCCESS,FAILURE", {"FAILURE", "SUCCESS,FAILURE"})):
        subject = f"dsn {notify}"
        dialogue = lab.submit(A, A, ["group@example.com"], make_message(subject, sender=A),
                              rcpt_parameters=[f"NOTIFY={notify}", "ORCPT=rfc822;First+2BHop@origin.test"])
        scenario.check(f"{subject}: end of message", dialogue.end, OK)
        lab.postfix.wait_empty()
        compare(scenario, lab, subject, dialogue, subject, [A, C], ["far@external.test"])
        for _, parameters in outside(lab, subject):
            scenario.check(f"{subject}: ORCPT", parameters.get("ORCPT"), "rfc822;First+2BHop@origin.test")
            scenario.check(f"{subject}: NOTIFY {parameters.get('NOTIFY')}", parameters.get("NOTIFY") in allowed, True)
    dialogue = lab.submit(A, A, ["group@example.com"], make_message("dsn none", sender=A))
    lab.postfix.wait_empty()
    for _, parameters in outside(lab, "dsn none"):
        scenario.check("dsn none: ORCPT is the address as typed", parameters.get("ORCPT"), "rfc822;group@example.com")


def main():
    scenario = Scenario(limit_s=240)
    with scenario.lab(VOLUME) as lab:
        compare_with_stock(scenario, lab)
        full_member_left_out(scenario, lab)
        dsn_kept(scenario, lab)
    scenario.end()


main()
