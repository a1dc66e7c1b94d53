#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A real quota-status behind stunnel: asked over TLS with a client certificate; what becomes of mail while stunnel's
certificate is expired, for another name or of a stranger, and while stunnel or Dovecot is away."""

import os
import re
import sys

from scenario import FULL, OK, Scenario
from lab import Stunnel, account_lines, wait_until

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "milter"))

from certificates import Authority  # noqa: E402

VOLUME = {
    "postfix-accounts.cf": account_lines("full@example.com", "ok@example.com"),
    "postfix-virtual.cf": "basic@example.com full@example.com\n",
    "dovecot-quotas.cf": "full@example.com:20k\n",
}
NAME = "quota.example.test"
DEFER = re.compile(r"^451 4\.3\.0 ")


def rcpt(lab, recipient="basic@example.com"):
    return lab.send("s@external.test", recipient, data=False).rcpt[0]


def check_quota(lab):
    """What `foregate check` says of the service."""
    return "\n".join(line for line in lab.gateway.command("check").stdout.splitlines() if "quota-status" in line or
                     line.startswith("quota: "))


def away(lab, before):
    """What the log says behind that place of the service that went away."""
    return next((line for line in lab.gateway.log_text()[before:].splitlines() if " quota_service_away " in line), None)


def main():
    scenario = Scenario(limit_s=240)
    trusted, clients, stranger = Authority("Quota CA"), Authority("Clients CA"), Authority("Other CA")
    good, own = trusted.issue(NAME), clients.issue("foregate.example.test")
    with scenario.lab(VOLUME) as lab, Stunnel(lab.folder, lab.dovecot.quota_port, good, clients) as stunnel:
        lab.fill("full@example.com", 21000)
        tls = {"quota__service": f"tls:127.0.0.1:{stunnel.port}", "quota__tls_name": NAME,
               "quota__tls_ca": trusted.certificate, "quota__tls_certificate": own.certificate,
               "quota__tls_key": own.key, "quota__on_failure": "defer", "quota__lease": "0", "quota__refusal_time": "0s",
               "quota__timeout": "5s"}
        lab.gateway.restart(**tls)
        scenario.check("full behind an alias", rcpt(lab), FULL)
        scenario.check("room", rcpt(lab, "ok@example.com"), OK)
        sent = lab.send("s@external.test", "ok@example.com")
        scenario.check("a whole message", sent.refusal, None)
        scenario.check("delivered", len(lab.copies("ok@example.com")), 1)
        scenario.check("check", check_quota(lab), re.compile(r"says of full@example\.com: over"))
        accepted = "Certificate accepted at depth=0: CN=foregate.example.test"
        scenario.check("stunnel verified our certificate", accepted in stunnel.log_text(), True)

        for what, certificate, reason in (
                ("expired", trusted.issue(NAME, days=-1), rf"certificate of {NAME}: certificate has expired \(notAfter="),
                ("another name", trusted.issue("mail.example.test"),
                 rf"certificate of mail\.example\.test: hostname mismatch, wanted is {NAME}"),
                ("a stranger's", stranger.issue(NAME), rf"certificate of {NAME}: unable to get local issuer certificate")):
            before = len(lab.gateway.log_text())
            stunnel.restart(certificate)
            scenario.check(f"{what}: put off", rcpt(lab), DEFER)
            scenario.check(f"{what}: the log", away(lab, before), re.compile(rf"TLS: {reason}"))
            scenario.check(f"{what}: check", check_quota(lab), re.compile(rf"TLS: {reason}"))
            stunnel.reload(good)
            wait_until(lambda: str(rcpt(lab)) == FULL, 30, "answers again", step_s=0.1)
            scenario.check(f"{what}, then the good one", rcpt(lab), FULL)

        before = len(lab.gateway.log_text())
        lab.gateway.restart(quota__tls_certificate="", quota__tls_key="")
        scenario.check("no certificate of ours: put off", rcpt(lab), DEFER)
        scenario.check("no certificate of ours: the log", away(lab, before),
                       re.compile("it asks for a client certificate, and has got none"))

        lab.gateway.restart(**tls)
        scenario.check("back", rcpt(lab), FULL)
        stunnel.stop()
        scenario.check("stunnel away: put off", rcpt(lab), DEFER)
        stunnel.start()
        wait_until(lambda: str(rcpt(lab)) == FULL, 30, "answers again", step_s=0.1)
        lab.dovecot.stop()
        scenario.check("Dovecot away behind stunnel: put off", rcpt(lab), DEFER)
        lab.dovecot.start()
        wait_until(lambda: str(rcpt(lab)) == FULL, 30, "answers again", step_s=0.1)
        scenario.check("Dovecot back", rcpt(lab), FULL)

        # The plain port of Dovecot itself: never asked in plain text.
        lab.gateway.restart(quota__service=f"tls:127.0.0.1:{lab.dovecot.quota_port}", quota__timeout="500ms")
        scenario.check("plain Dovecot: put off", rcpt(lab), DEFER)
        scenario.check("plain Dovecot: check", check_quota(lab), re.compile("TLS"))
    scenario.end()


main()
