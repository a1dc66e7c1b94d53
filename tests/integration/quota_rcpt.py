#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Full mailboxes at RCPT, by every way that leads to them, and what happens to the mail later."""

from scenario import FULL, OK, STOCK_FULL, Scenario
from lab import TRUSTED, account_lines, make_message

VOLUME = {
    "postfix-accounts.cf": account_lines("full@example.com", "full2@example.com", "ok@example.com"),
    "postfix-virtual.cf": """\
basic@example.com       full@example.com
nested@example.com      basic@example.com
multi@example.com       full@example.com,ok@example.com
multisp@example.com     ok@example.com full@example.com
mixed@example.com       full@example.com,someone@external.test
ext@example.com         someone@external.test
upper@example.com       FULL@example.com
tagged@example.com      full+sub@example.com
allfull@example.com     full@example.com, full2@example.com
@catch.test             full@example.com
""",
    "postfix-regexp.cf": "/^re[0-9]+@example\\.com$/ full@example.com\n",
    "dovecot-quotas.cf": "full@example.com:20k\nfull2@example.com:20k\n",
}

# name, recipient, today at RCPT, today's bounces, Foregate at RCPT
SINGLE = [
    ("Q1 account", "full@example.com", STOCK_FULL, 0, FULL),
    ("Q2 tag", "full+x@example.com", STOCK_FULL, 0, FULL),
    ("Q3 alias", "basic@example.com", OK, 1, FULL),
    ("Q4 tagged alias", "basic+t@example.com", OK, 1, FULL),
    ("Q5 nested", "nested@example.com", OK, 1, FULL),
    ("Q6 group", "multi@example.com", OK, 1, OK),
    ("Q7 group, spaces", "multisp@example.com", OK, 1, OK),
    ("Q8 group, external member", "mixed@example.com", OK, 1, OK),
    ("Q9 external", "ext@example.com", OK, 0, OK),
    ("Q10 catch-all", "any@catch.test", OK, 1, FULL),
    ("Q11 pattern", "re5@example.com", OK, 1, FULL),
    ("Q12 target in upper case", "upper@example.com", OK, 1, FULL),
    ("Q13 tagged target", "tagged@example.com", OK, 1, FULL),
    ("all members full", "allfull@example.com", OK, 1, FULL),
    ("room", "ok@example.com", OK, 0, OK),
]
OK_GETS = ("Q6 group", "Q7 group, spaces", "room")
EXTERNAL_GETS = ("Q8 group, external member", "Q9 external")


def play(scenario, lab, side, port, answer_column, bounce_column):
    """Each row with a sender and a subject of its own, then one wait for all of them."""
    def sender_of(row):
        return f"{side}-{row[0].split()[0]}-{row[1].partition('@')[0]}@external.test".lower()

    for row in SINGLE:
        dialogue = lab.send(sender_of(row), row[1], make_message(f"{side} {row[0]}"), port=port)
        scenario.check(f"{side} {row[0]}", dialogue.rcpt[0], row[answer_column])
    lab.postfix.wait_empty()
    for row in SINGLE:
        subject = f"{side} {row[0]}"
        wanted = row[bounce_column] if bounce_column else 0
        scenario.check(f"{subject}: bounces", len(lab.sink.bounces(sender_of(row))), wanted)
        scenario.check(f"{subject}: copies for ok@", len(lab.dovecot.copies("ok@example.com", subject)),
                       1 if row[0] in OK_GETS else 0)
        forwarded = [letter for letter in lab.sink.to("someone@external.test")
                     if letter.header("Subject") == [subject]]
        scenario.check(f"{subject}: copies outside", len(forwarded), 1 if row[0] in EXTERNAL_GETS else 0)
    for mailbox in ("full@example.com", "full2@example.com"):
        scenario.check(f"{side}: copies for {mailbox}", len(lab.dovecot.copies(mailbox)), 0)


def two_recipients(scenario, lab, side, port, full):
    dialogue = lab.send("q24@external.test", ["full@example.com", "ok@example.com"],
                        make_message(f"{side} Q24"), port=port)
    scenario.check(f"{side} Q24 full@", dialogue.rcpt[0], full)
    scenario.check(f"{side} Q24 ok@", dialogue.rcpt[1], OK)
    scenario.check(f"{side} Q24 end of message", dialogue.end, OK)
    scenario.check(f"{side} Q24 copies for ok@", len(lab.copies("ok@example.com", f"{side} Q24")), 1)
    scenario.check(f"{side} Q24 bounces", len(lab.sink.bounces("q24@external.test")), 0)


def not_only_strangers(scenario, lab):
    """A relay host and logged-in users, whom Postfix's policy check never sees."""
    for side, mx, submission, want in (("today", lab.stock_mx, lab.stock_submission, OK),
                                       ("foregate", lab.mx, lab.submission, FULL)):
        relay = lab.send("x@external.test", "full@example.com", port=mx, source=TRUSTED, data=False)
        scenario.check(f"{side} Q19 trusted client", relay.rcpt[0], want)
        user = lab.submit("ok@example.com", "forged@victim.test", ["full@example.com"], port=submission, data=False)
        scenario.check(f"{side} Q20 logged in", user.rcpt[0], want)


def group_any(scenario, lab):
    lab.gateway.restart(quota__group="any")
    for recipient, want in (("multi@example.com", FULL), ("multisp@example.com", FULL),
                            ("mixed@example.com", FULL), ("ext@example.com", OK), ("ok@example.com", OK)):
        dialogue = lab.send("any@external.test", recipient, data=False)
        scenario.check(f"quota.group=any {recipient}", dialogue.rcpt[0], want)


def beside_the_policy_service(scenario, lab):
    """As in a docker-mailserver that was only given the milter: Postfix's own check answers what it can."""
    for name, recipient, today, _, want in SINGLE:
        dialogue = lab.send("beside@external.test", recipient, data=False)
        scenario.check(f"beside the policy service: {name}", dialogue.rcpt[0], want if today == OK else today)


def own_reply(scenario, lab):
    lab.gateway.restart(quota__group="all", quota__reply="452 4.2.2 Come back later, 90% sure")
    dialogue = lab.send("reply@external.test", "basic@example.com", data=False)
    scenario.check("quota.reply", dialogue.rcpt[0], "452 4.2.2 Come back later, 90% sure")
    lab.gateway.restart(quota__enabled="no")
    dialogue = lab.send("off@external.test", "basic@example.com", data=False)
    scenario.check("quota.enabled=no", dialogue.rcpt[0], OK)


def main():
    scenario = Scenario()
    with scenario.lab(VOLUME, spoof_protection=False) as lab:
        lab.fill("full@example.com", 21000)
        lab.fill("full2@example.com", 21000)
        play(scenario, lab, "today", lab.stock_mx, 2, 3)
        two_recipients(scenario, lab, "today", lab.stock_mx, STOCK_FULL)
        play(scenario, lab, "foregate", lab.mx, 4, None)
        two_recipients(scenario, lab, "foregate", lab.mx, FULL)
        not_only_strangers(scenario, lab)
        group_any(scenario, lab)
        own_reply(scenario, lab)
    with scenario.lab(VOLUME, gateway_policy=True) as lab:
        lab.fill("full@example.com", 21000)
        lab.fill("full2@example.com", 21000)
        beside_the_policy_service(scenario, lab)
    scenario.end()


main()
