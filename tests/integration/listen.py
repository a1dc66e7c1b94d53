#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The milter socket: a unix socket Postfix may open, one left behind by a crash, one that cannot be."""

import os
import signal
import socket

from scenario import FULL, OK, Scenario
from lab import account_lines, free_port

VOLUME = {
    "postfix-accounts.cf": account_lines("full@example.com", "ok@example.com"),
    "postfix-virtual.cf": "basic@example.com full@example.com\n",
    "dovecot-quotas.cf": "full@example.com:20k\n",
}


def answers(scenario, lab, title):
    for recipient, want in (("basic@example.com", FULL), ("ok@example.com", OK)):
        dialogue = lab.send("s@external.test", recipient, data=False)
        scenario.check(f"{title}: {recipient}", dialogue.refusal or dialogue.rcpt[0], want)


def cannot_listen(scenario, lab, title, listen):
    ended = lab.gateway.command("-o", f"listen={listen}", "run")
    scenario.check(f"{title}: exit status", ended.returncode, 2)
    scenario.check(f"{title}: it says where", listen.rpartition(":")[2].partition("@")[0] in ended.stderr, True)


def main():
    scenario = Scenario()
    with scenario.lab(VOLUME, options={"listen": "unix:{folder}/gateway.sock", "listen.group": "postfix"}) as lab:
        lab.fill("full@example.com", 21000)
        answers(scenario, lab, "unix socket")

        # What a crash leaves behind must not keep it from starting again. SIGKILL is no exit status 0, so the lab
        # is told by a fresh start.
        lab.gateway.signal(signal.SIGKILL)
        lab.gateway.wait_exit(10)
        scenario.check("after SIGKILL the socket is still there", os.path.exists(f"{lab.folder}/gateway.sock"), True)
        lab.gateway.start()
        answers(scenario, lab, "an old socket in the way")

        cannot_listen(scenario, lab, "no such folder", f"unix:{lab.folder}/nowhere/gateway.sock")
        cannot_listen(scenario, lab, "a folder in the way", f"unix:{lab.folder}/volume")
        with socket.create_server(("127.0.0.1", free_port())) as other:
            cannot_listen(scenario, lab, "port taken", f"inet:{other.getsockname()[1]}@127.0.0.1")
        cannot_listen(scenario, lab, "in use by itself", f"unix:{lab.folder}/gateway.sock")
        answers(scenario, lab, "and still works")
    scenario.end()


main()
