#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Messages whose size is not known, or not told truly, at RCPT; and who is told of members that are left out."""

import re

from scenario import FULL, OK, STOCK_FULL, Scenario, starts
from lab import account_lines, make_message

VOLUME = {
    "postfix-accounts.cf": account_lines("full@example.com", "ok@example.com", "boss@example.com"),
    "postfix-virtual.cf": """\
basic@example.com full@example.com
multi@example.com full@example.com, ok@example.com
office@example.com boss@example.com, someone@external.test
partly@example.com ok@example.com, someone@external.test
""",
    "dovecot-quotas.cf": "full@example.com:20k\n",
}
USAGE, LARGE = 9 * 1024, 30000
NO_ROOM = "452 4.2.2 Mailbox has no room for this message, try again later"


def send(lab, name, recipients, port, size=LARGE, parameters=()):
    message = make_message(name, size=size)
    return lab.send(f"{name.replace(' ', '-')}@external.test".lower(), recipients, message, port=port,
                    mail_parameters=parameters)


def bounces(lab, name):
    lab.postfix.wait_empty()
    return len(lab.sink.bounces(f"{name.replace(' ', '-')}@external.test".lower()))


def one_recipient(scenario, lab):
    for recipient in ("full@example.com", "basic@example.com"):
        name = f"today Q23 {recipient.partition('@')[0]}"
        dialogue = send(lab, name, recipient, lab.stock_mx)
        scenario.check(f"{name}: RCPT", dialogue.rcpt[0], OK)
        scenario.check(f"{name}: end of message", dialogue.end, OK)
        scenario.check(f"{name}: bounces", bounces(lab, name), 1)

        name = f"foregate Q23 {recipient.partition('@')[0]}"
        dialogue = send(lab, name, recipient, lab.mx)
        scenario.check(f"{name}: RCPT", dialogue.rcpt[0], OK)
        scenario.check(f"{name}: end of message", dialogue.end, FULL)
        scenario.check(f"{name}: bounces", bounces(lab, name), 0)

        name = f"foregate lying {recipient.partition('@')[0]}"
        dialogue = send(lab, name, recipient, lab.mx, parameters=["SIZE=1000"])
        scenario.check(f"{name}: RCPT", dialogue.rcpt[0], OK)
        scenario.check(f"{name}: end of message", dialogue.end, FULL)
        scenario.check(f"{name}: bounces", bounces(lab, name), 0)

        name = f"foregate Q23b {recipient.partition('@')[0]}"
        dialogue = send(lab, name, recipient, lab.mx, parameters=[f"SIZE={LARGE}"])
        scenario.check(f"{name}: RCPT", dialogue.rcpt[0], FULL)

    dialogue = send(lab, "today Q23b", "full@example.com", lab.stock_mx, parameters=[f"SIZE={LARGE}"])
    scenario.check("today Q23b: RCPT", dialogue.rcpt[0], STOCK_FULL)
    for side, port in (("today", lab.stock_mx), ("foregate", lab.mx)):
        dialogue = send(lab, f"{side} Q23c", "ok@example.com", port, parameters=["SIZE=20000000"])
        scenario.check(f"{side} Q23c: MAIL", dialogue.mail, starts("552 5.3.4 Message size exceeds fixed limit"))


def with_others(scenario, lab):
    """The full one cannot be refused alone any more; it must not bounce, nobody may get a second copy, and
    ok@ gets the message exactly when the client was told so."""
    for name, recipients in (("foregate late two", ["full@example.com", "ok@example.com"]),
                             ("foregate late group", ["multi@example.com"])):
        dialogue = send(lab, name, recipients, lab.mx)
        scenario.check(f"{name}: RCPT", [reply.code for reply in dialogue.rcpt], [250] * len(recipients))
        scenario.check(f"{name}: bounces", bounces(lab, name), 0)
        scenario.check(f"{name}: copies for ok@", len(lab.copies("ok@example.com", name)), int(dialogue.queued))
    scenario.check("group: left out, not refused", dialogue.end, OK)


def late(scenario, lab):
    """What quota.late makes of a message that is too large for one of two recipients, or for its only one."""
    for way, want in (("defer", NO_ROOM), ("deliver", OK)):
        lab.gateway.restart(quota__late=way)
        for recipients in (["full@example.com", "ok@example.com"], ["basic@example.com"]):
            name = f"foregate late {way} {len(recipients)}"
            before = len(lab.gateway.log_text())
            dialogue = send(lab, name, recipients, lab.mx)
            scenario.check(f"{name}: RCPT", [reply.code for reply in dialogue.rcpt], [250] * len(recipients))
            scenario.check(f"{name}: end of message", dialogue.end, want)
            scenario.check(f"{name}: bounces", bounces(lab, name), int(way == "deliver"))
            scenario.check(f"{name}: copies for ok@", len(lab.copies("ok@example.com", name)),
                           int(way == "deliver" and len(recipients) == 2))
            scenario.check(f"{name}: copies for full@", len(lab.copies("full@example.com", name)), 0)
            (line,) = [line for line in lab.gateway.log_text()[before:].splitlines() if "full at end of message" in line]
            told = dict(re.findall(r"(\w+)=(\"[^\"]*\"|\S+)", line))
            scenario.check(f"{name}: logged", (told["recipient"], told["mailbox"], told["late"], int(told["size"]) > LARGE - 1000),
                           (recipients[0], "full@example.com", way, True))
        dialogue = send(lab, f"foregate late {way} declared", "full@example.com", lab.mx, parameters=[f"SIZE={LARGE}"])
        scenario.check(f"foregate late {way}: declared, at RCPT", dialogue.rcpt[0], FULL)


# quota.notice, recipients beside the group, and who gets the message beside ok@
NOTICES = [
    ("boss@example.com", [], ["boss@example.com"]),
    ("boss@example.com", ["boss@example.com"], ["boss@example.com"]),
    ("BOSS@example.com", ["boss+x@example.com"], ["boss+x@example.com"]),
    ("ok@example.com", [], []),
    ("ok+notice@example.com", [], []),
    ("multi@example.com", [], []),
    ("office@example.com", [], ["boss@example.com", "someone@external.test"]),
    ("partly@example.com", [], []),
    ("someone@external.test", [], ["someone@external.test"]),
    ("full@example.com", [], []),
    ("basic@example.com", [], []),
    ("nobody@example.com", [], []),
]
NOT_GIVEN = ("full@example.com", "basic@example.com", "nobody@example.com")


def notice(scenario, lab):
    """Somebody sees what full@ does not get; nobody gets it twice, nothing bounces."""
    lab.gateway.restart(quota__late="reject")
    for number, (address, others, beside) in enumerate(NOTICES):
        lab.gateway.restart(quota__notice=address)
        name = f"foregate notice {number}"
        before = len(lab.gateway.log_text())
        dialogue = send(lab, name, ["multi@example.com", *others], lab.mx)
        scenario.check(f"{name}, {address}: end of message", dialogue.end, OK)
        scenario.check(f"{name}: bounces", bounces(lab, name), 0)
        reached = sorted((to, status) for _, to, status in lab.postfix.deliveries(dialogue.queue_id))
        scenario.check(f"{name}: deliveries", reached, sorted((to, "sent") for to in ["ok@example.com", *beside]))
        log = lab.gateway.log_text()[before:]
        scenario.check(f"{name}: each left out is logged", log.count("full member is left out"), 1)
        scenario.check(f"{name}: nobody is given notice", log.count("nobody is given notice"), int(address in NOT_GIVEN))
    lab.gateway.restart(quota__notice="")


def exempt(scenario, lab):
    """Listeners and clients whose mail quota does not judge; the others' it does."""
    large = [f"SIZE={LARGE}"]

    def of_user():
        return lab.submit("ok@example.com", "ok@example.com", ["full@example.com"], data=False, mail_parameters=large).rcpt[0]

    def of_stranger():
        return lab.send("s@external.test", "full@example.com", data=False, mail_parameters=large).rcpt[0]

    for name, value, user, stranger in (("exempt_listeners", "ORIGINATING", OK, FULL),
                                        ("exempt_listeners", "", FULL, FULL),
                                        ("exempt_networks", "192.0.2.0/24", FULL, FULL),
                                        ("exempt_networks", "192.0.2.0/24 127.0.0.0/8", OK, OK)):
        lab.gateway.restart(**{f"quota__{name}": value})
        scenario.check(f"{name} = {value}: user", of_user(), user)
        scenario.check(f"{name} = {value}: stranger", of_stranger(), stranger)


def what_fits(scenario, lab):
    name = "foregate fits"
    dialogue = send(lab, name, "basic@example.com", lab.mx, size=3000)
    scenario.check(f"{name}: end of message", dialogue.end, OK)
    scenario.check(f"{name}: copies", len(lab.copies("full@example.com", name)), 1)


def main():
    scenario = Scenario(limit_s=240)
    with scenario.lab(VOLUME) as lab:
        lab.fill("full@example.com", USAGE)
        one_recipient(scenario, lab)
        with_others(scenario, lab)
        what_fits(scenario, lab)
        late(scenario, lab)
        notice(scenario, lab)
        exempt(scenario, lab)
    scenario.end()


main()
