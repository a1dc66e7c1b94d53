#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A relay host without a copy of the config volume: Dovecot's userdb, and then a Lua auth script, say who exists. Dovecot is
stopped and started again meanwhile."""

import json
import os
import re

from scenario import FULL, OK, RelayLab, Scenario, starts
from lab import account_lines, make_message, wait_until

A, B, FULL_BOX, NEW = "alice@example.com", "bob@example.com", "full@example.com", "new@example.com"
VOLUME = {
    "postfix-accounts.cf": account_lines(A, B, FULL_BOX, NEW, "carol@example.com"),
    "dovecot-quotas.cf": f"{FULL_BOX}:20k\n",
}
OPTIONS = {"directory.sources": "dovecot", "directory.domains": "example.com", "dovecot.cache": "1s"}
# Postfix must not ask anybody by itself. gone.test is a domain that Foregate knows nothing of.
FRONT_CF = "relay_domains = example.com, gone.test\n"
UNKNOWN, LATER = starts("550 5.1.1"), starts("451 4.3.0")

SCRIPT = """\
local users = { ["alice@example.com"] = "", ["bob@example.com"] = "quota_rule=*:bytes=7M", ["full@example.com"] = "" }

function auth_userdb_lookup(request)
    if request.user == "broken@example.com" then
        error("the database is away")
    end
    if not users[request.user] then
        return dovecot.auth.USERDB_RESULT_USER_UNKNOWN, "no such user"
    end
    return dovecot.auth.USERDB_RESULT_OK, users[request.user]
end
"""


def told(lab, recipient):
    return lab.send("s@external.test", recipient, data=False).rcpt[0]


def refusals(scenario, lab, when, expected):
    for recipient, want in expected:
        scenario.check(f"{when}: <{recipient}>", told(lab, recipient), want)


def delivered(scenario, lab, when, recipient, mailbox):
    title = f"{when}, to {recipient}"
    dialogue = lab.send("s@external.test", recipient, make_message(title))
    scenario.check(title, dialogue.refusal or dialogue.end, OK)
    lab.wait_empty()
    scenario.check(f"{title}: copies", len(lab.dovecot.copies(mailbox, title)), 1)


def source_of(lab, address):
    said = json.loads(lab.gateway.command("resolve", "--json", address).stdout)
    return said["recipients"][0]["sources"]


EVERYBODY = [(A, OK), ("ALICE@Example.COM", OK), ("alice+tag@example.com", OK), ("nosuch@example.com", UNKNOWN),
             ("nosuch+tag@example.com", UNKNOWN), (FULL_BOX, starts(FULL)), ("full+tag@example.com", starts(FULL)),
             ("x@gone.test", starts("554 5.7.1")), ("x@foreign.test", starts("554 5.7.1"))]


def by_userdb(scenario, lab):
    refusals(scenario, lab, "userdb", EVERYBODY)
    delivered(scenario, lab, "userdb", "alice+tag@example.com", A)
    scenario.check("userdb: the source of an answer", source_of(lab, A), ["dovecot"])
    limit = lab.gateway.command("resolve", FULL_BOX).stdout
    scenario.check("userdb: the limit", limit, re.compile("20k", re.I))
    checked = lab.gateway.command("-o", f"directory.sample={A}", "check")
    scenario.check("userdb: check", checked.stdout, re.compile(rf"source dovecot: account {A}: found, {A} "))
    scenario.check("userdb: check finds nothing", (checked.returncode, "errors: 0, warnings: 0" in checked.stdout), (0, True))

    pid = lab.gateway.pid
    lab.dovecot.stop()
    wait_until(lambda: told(lab, "nosuch@example.com").code == 451, 10, "answers that are not fresh")
    refusals(scenario, lab, "Dovecot away", [(A, OK), ("alice+tag@example.com", OK), (B, LATER), (NEW, LATER),
                                             ("nosuch@example.com", LATER), ("x@gone.test", starts("554 5.7.1"))])
    lab.dovecot.start()
    wait_until(lambda: told(lab, B).ok, 10, "Dovecot to be asked again")
    wait_until(lambda: told(lab, FULL_BOX).code == 552, 10, "quota-status to be asked again")
    refusals(scenario, lab, "Dovecot again", [*EVERYBODY, (B, OK), (NEW, OK)])
    delivered(scenario, lab, "Dovecot again", B, B)
    scenario.check("the same process", (lab.gateway.pid, lab.gateway.running()), (pid, True))


def by_script(scenario, lab):
    script = os.path.join(lab.folder, "auth.lua")
    with open(script, "w") as file:
        file.write(SCRIPT)
    lab.gateway.restart(directory__sources="lua", lua__script=script)
    refusals(scenario, lab, "script", [*EVERYBODY, (B, OK), (NEW, UNKNOWN), ("broken@example.com", LATER)])
    delivered(scenario, lab, "script", B, B)
    scenario.check("script: the source of an answer", source_of(lab, B), ["lua"])
    lab.dovecot.stop()
    # Who exists is known as ever; who is full is not, and quota.on_failure = continue is as shipped.
    wait_until(lambda: told(lab, FULL_BOX).ok, 10, "the last refusal to be forgotten")
    refusals(scenario, lab, "script, Dovecot away", [(B, OK), ("nosuch@example.com", UNKNOWN)])
    lab.dovecot.start()
    wait_until(lambda: told(lab, FULL_BOX).code == 552, 10, "quota-status to be asked again")
    refusals(scenario, lab, "script, Dovecot again", EVERYBODY)


def main():
    scenario = Scenario()
    with scenario.lab(VOLUME, kind=RelayLab, copy=False, options=OPTIONS, front_cf=FRONT_CF) as lab:
        lab.fill(FULL_BOX, 21000)
        by_userdb(scenario, lab)
        by_script(scenario, lab)
        scenario.check("bounces", len(lab.sink.bounces()), 0)
    scenario.end()


main()
