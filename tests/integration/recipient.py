#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Addresses that lead nowhere: loops, dangling aliases, unknown users."""

import re

from scenario import OK, Scenario, starts
from lab import TRUSTED, account_lines, make_message

VOLUME = {
    "postfix-accounts.cf": account_lines("ok@example.com", "someone@example.org"),
    "postfix-virtual.cf": """\
loop1@example.com       loop2@example.com
loop2@example.com       loop1@example.com
self@example.com        self@example.com,ok@example.com
dangle@example.com      nosuch@example.org
partly@example.com      ok@example.com, nosuch@example.org
basic@example.com       ok@example.com
@wild.test              @example.org
""",
}
UNKNOWN = starts("550 5.1.1")
LOOP = starts("451 4.6.0")

# name, recipient, today at RCPT, today at the end, today's bounces, Foregate at RCPT, copies for ok@ through Foregate
ROWS = [
    ("Q14 loop", "loop1@example.com", OK, LOOP, 0, LOOP, 0),
    ("Q15 self, no account", "self@example.com", OK, OK, 1, OK, 1),
    ("Q16 dangling", "dangle@example.com", OK, OK, 1, UNKNOWN, 0),
    ("Q16 dangling, tagged", "dangle+t@example.com", OK, OK, 1, UNKNOWN, 0),
    ("Q17 domain alias to nobody", "nosuch@wild.test", OK, OK, 1, UNKNOWN, 0),
    ("domain alias", "someone@wild.test", OK, OK, 0, OK, 0),
    ("partly dangling group", "partly@example.com", OK, OK, 1, OK, 1),
    ("unknown", "nosuch@example.com", UNKNOWN, None, 0, UNKNOWN, 0),
    ("alias", "basic@example.com", OK, OK, 0, OK, 1),
]


def sender_of(side, row):
    return f"{side}-{row[1].replace('@', '-').replace('+', '-')}@external.test"


def play(scenario, lab, side, port, rcpt_column):
    for row in ROWS:
        dialogue = lab.send(sender_of(side, row), row[1], make_message(f"{side} {row[0]}"), port=port)
        scenario.check(f"{side} {row[0]}", dialogue.rcpt[0], row[rcpt_column])
        if side == "today" and row[3]:
            scenario.check(f"{side} {row[0]}: end of message", dialogue.end, row[3])
    lab.postfix.wait_empty()
    for row in ROWS:
        wanted = row[4] if side == "today" else 0
        scenario.check(f"{side} {row[0]}: bounces", len(lab.sink.bounces(sender_of(side, row))), wanted)


def main():
    scenario = Scenario()
    with scenario.lab(VOLUME, spoof_protection=False) as lab:
        play(scenario, lab, "today", lab.stock_mx, 2)
        play(scenario, lab, "foregate", lab.mx, 5)
        for row in ROWS:
            scenario.check(f"foregate {row[0]}: copies for ok@",
                           len(lab.copies("ok@example.com", f"foregate {row[0]}")), row[6])
        scenario.check("the log names the alias of the loop", lab.gateway.log_text(), re.compile(r"loop1@example\.com"))

        # Nobody behind these ports is asked by Postfix whether the address exists.
        submitted = lab.submit("ok@example.com", "ok@example.com", ["nosuch@example.com"], data=False)
        scenario.check("Q20 logged in, unknown", submitted.rcpt[0], UNKNOWN)
        submitted = lab.submit("ok@example.com", "ok@example.com", ["anyone@remote.test"], data=False)
        scenario.check("logged in, foreign address", submitted.rcpt[0], OK)
        relay = lab.send("x@external.test", "dangle@example.com", source=TRUSTED, data=False)
        scenario.check("Q19 trusted client, dangling", relay.rcpt[0], UNKNOWN)

        for recipient in ("postmaster", "postmaster@mail.example.test", "root@mail.example.test"):
            dialogue = lab.send("x@external.test", recipient, data=False)
            scenario.check(f"local {recipient}", dialogue.rcpt[0], OK)

        lab.gateway.restart(recipient__group="any")
        for recipient, want in (("partly@example.com", UNKNOWN), ("self@example.com", UNKNOWN),
                                ("basic@example.com", OK)):
            dialogue = lab.send("any@external.test", recipient, data=False)
            scenario.check(f"recipient.group=any {recipient}", dialogue.rcpt[0], want)
    scenario.end()


main()
