#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The config volume changes while Foregate runs: new lines are seen, a broken table is not taken."""

import json
import os
import re
import time

from scenario import FULL, OK, Scenario, starts
from lab import account_lines, free_port, wait_until

VIRTUAL = """\
# aliases
basic@example.com       full@example.com
@catch.test             ok@example.com
"""
DUPLICATE = "other@example.com ok@example.com\nBasic@Example.com ok@example.com\n"  # lines 4 and 5; 5 repeats 2
VOLUME = {
    "postfix-accounts.cf": account_lines("full@example.com", "ok@example.com"),
    "postfix-virtual.cf": VIRTUAL,
    "dovecot-quotas.cf": "full@example.com:20k\n",
}
SEEN_WITHIN_S = 3


def rcpt(lab, recipient, port=None):
    return lab.send("s@external.test", recipient, port=port, data=False).rcpt[0]


def seen(scenario, lab, name, recipient, want):
    """Postfix takes any address at catch.test, so only Foregate's own table decides here."""
    started = time.monotonic()
    wait_until(lambda: str(rcpt(lab, recipient)).startswith(want), 10, name, step_s=0.1)
    elapsed = time.monotonic() - started
    print(f"      {name}: {elapsed:.1f} s")
    scenario.check(f"{name} within {SEEN_WITHIN_S} s", elapsed <= SEEN_WITHIN_S, True)


def new_lines(scenario, lab):
    scenario.check("before", rcpt(lab, "fresh@catch.test"), OK)
    lab.write_volume_file("postfix-virtual.cf", "fresh@catch.test full@example.com\n", "a")
    seen(scenario, lab, "a new alias", "fresh@catch.test", FULL)
    lab.write_volume_file("postfix-regexp.cf", "/^pat[0-9]@catch\\.test$/ nosuch@example.com\n")
    seen(scenario, lab, "a new pattern file", "pat1@catch.test", "550 5.1.1")
    lab.write_volume_file("postfix-accounts.cf", account_lines("nosuch@example.com"), "a")
    seen(scenario, lab, "a new account", "pat1@catch.test", "250")
    lab.write_volume_file("postfix-virtual.cf", VIRTUAL)
    seen(scenario, lab, "an alias removed", "fresh@catch.test", "250")


def duplicate_appears(scenario, lab):
    scenario.check("alias of the full mailbox", rcpt(lab, "basic@example.com"), FULL)
    before = len(lab.gateway.log_text())
    lab.write_volume_file("postfix-virtual.cf", DUPLICATE, "a")
    wait_until(lambda: "postfix-virtual.cf" in lab.gateway.log_text()[before:], 10, "a complaint in the log")
    complaint = lab.gateway.log_text()[before:]
    for line in (2, 5):
        scenario.check(f"Q18 the log names line {line}", complaint, re.compile(rf"\b{line}\b"))
    scenario.check("Q18 the last good table stays", rcpt(lab, "basic@example.com"), FULL)
    scenario.check("Q18 and other addresses work", rcpt(lab, "ok@example.com"), OK)

    lab.reload_servers()
    wait_until(lambda: rcpt(lab, "ok@example.com", lab.stock_mx).code == 451, 10, "Postfix without aliases")
    scenario.check("today Q18 any address", rcpt(lab, "ok@example.com", lab.stock_mx), starts("451 4.3.0"))

    check = lab.gateway.command("check", "--json")
    scenario.check("check: exit status", check.returncode, 1)
    findings = [finding for finding in json.loads(check.stdout)["findings"] if finding["code"] == "duplicate-key"]
    scenario.check("check: file of the duplicate", [os.path.basename(finding["file"]) for finding in findings],
                   ["postfix-virtual.cf"])
    for line in (2, 5):
        scenario.check(f"check: names line {line}", str(findings), re.compile(rf"\b{line}\b"))
    started = lab.gateway.command("-o", f"listen=inet:{free_port()}@127.0.0.1", "run")
    scenario.check("Q18 at start: exit status", started.returncode, 2)
    for line in (2, 5):
        scenario.check(f"Q18 at start: names line {line}", started.stderr,
                       re.compile(rf"postfix-virtual\.cf[\s\S]*\b{line}\b"))


def repaired(scenario, lab):
    lab.write_volume_file("postfix-virtual.cf", VIRTUAL + "again@catch.test nobody@example.com\n")
    lab.reload_servers()
    seen(scenario, lab, "a repaired table", "again@catch.test", "550 5.1.1")


def main():
    scenario = Scenario()
    with scenario.lab(VOLUME) as lab:
        lab.fill("full@example.com", 21000)
        new_lines(scenario, lab)
        duplicate_appears(scenario, lab)
        repaired(scenario, lab)
    scenario.end()


main()
