#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""sendmail(1): a refusal at RCPT would leave the message in maildrop for ever, so there must be none."""

from scenario import Scenario
from lab import account_lines

VOLUME = {
    "postfix-accounts.cf": account_lines("full@example.com", "ok@example.com"),
    "postfix-virtual.cf": """\
basic@example.com    full@example.com
dangle@example.com   nosuch@example.com
multi@example.com    full@example.com, ok@example.com
""",
    "dovecot-quotas.cf": "full@example.com:20k\n",
}


def main():
    scenario = Scenario()
    with scenario.lab(VOLUME, options={"spoof.enabled": "yes"}) as lab:
        lab.fill("full@example.com", 21000)
        # recipient, copies for ok@; what becomes of the rest (bounced or left out) is not our promise
        for recipient, copies in (("ok@example.com", 1), ("basic@example.com", 0), ("dangle@example.com", 0),
                                  ("multi@example.com", 1), ("far@remote.test", 0)):
            message = f"From: cron@example.com\nSubject: {recipient}\n\nHello.\n"
            lab.postfix.sendmail(["-f", "cron@external.test", recipient], message.encode())
            lab.postfix.wait_empty()
            scenario.check(f"{recipient}: left in maildrop", lab.postfix.queued(["maildrop"]), 0)
            scenario.check(f"{recipient}: copies for ok@", len(lab.dovecot.copies("ok@example.com", recipient)), copies)
        scenario.check("the foreign address got it", len(lab.sink.to("far@remote.test")), 1)
    scenario.end()


main()
