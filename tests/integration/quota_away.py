#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""quota-status stopped, silent, talking nonsense; and back again."""

import re
import socket
import socketserver
import threading
import time

from scenario import FULL, OK, Scenario
from lab import account_lines, free_port, wait_until

VOLUME = {
    "postfix-accounts.cf": account_lines("full@example.com", "ok@example.com"),
    "postfix-virtual.cf": "basic@example.com full@example.com\n",
    "dovecot-quotas.cf": "full@example.com:20k\n",
}
TIMEOUT_S, SLACK_S = 1.0, 1.5
DEFER = re.compile(r"^45\d 4\.\d\.\d ")


class FakeService(socketserver.ThreadingTCPServer):
    """Takes connections and says `speech` to each question; nothing at all when it is None."""
    daemon_threads = allow_reuse_address = True
    block_on_close = False

    def __init__(self, port, speech):
        class Handler(socketserver.StreamRequestHandler):
            def handle(self):
                self.server.connections.append(self.connection)
                try:
                    for line in self.rfile:
                        if speech is not None and line == b"\n":
                            self.wfile.write(speech)
                except OSError:
                    pass  # Foregate hung up on this speech

        self.connections = []
        super().__init__(("127.0.0.1", port), Handler)
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.shutdown()
        self.server_close()
        for connection in self.connections:  # the kept-open ones would go on with this speech
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


class Nobody:
    def __init__(self, _port, _speech):
        pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass


FAILURES = [
    ("stopped", Nobody, None),
    ("silent", FakeService, None),
    ("garbage", FakeService, b"\x00\xff what?\r\n\r\n\n\n"),
    ("endless line", FakeService, b"action=" + b"x" * 200000),
    ("empty action", FakeService, b"action=\n\n"),
    ("temporary", FakeService, b"action=DEFER_IF_PERMIT Internal error\n\n"),
]
ANSWERS = [
    ("2.4 over quota", b"action=554 5.2.2 Quota exceeded (mailbox for user is full)\n\n", FULL),
    ("2.4 fits", b"action=OK\n\n", OK),
    ("REJECT", b"action=REJECT Quota exceeded\n\n", FULL),
    ("DUNNO", b"action=DUNNO\n\n", OK),
]


def timed_rcpt(lab, recipient):
    started = time.monotonic()
    reply = lab.send("s@external.test", recipient, data=False).rcpt[0]
    return reply, time.monotonic() - started


def main():
    scenario = Scenario(limit_s=240)
    with scenario.lab(VOLUME) as lab:
        lab.fill("full@example.com", 21000)
        real = f"inet:127.0.0.1:{lab.dovecot.quota_port}"
        port = free_port()
        for on_failure, want in (("continue", OK), ("defer", DEFER)):
            lab.gateway.restart(quota__service=f"inet:127.0.0.1:{port}", quota__timeout="1s", quota__lease="0",
                                quota__refusal_time="0s",
                                quota__on_failure=on_failure)
            for name, service, speech in FAILURES:
                with service(port, speech):
                    before = len(lab.gateway.log_text())
                    for recipient in ("ok@example.com", "basic@example.com"):
                        reply, elapsed = timed_rcpt(lab, recipient)
                        title = f"{name}, {on_failure}: {recipient}"
                        scenario.check(title, reply, want)
                        if elapsed > TIMEOUT_S + SLACK_S:
                            scenario.check(f"{title}: within the timeout", f"{elapsed:.1f} s", "in time")
                    scenario.check(f"{name}, {on_failure}: logged", "quota" in lab.gateway.log_text()[before:], True)

        for name, speech, want in ANSWERS:
            with FakeService(port, speech):
                wait_until(lambda: str(timed_rcpt(lab, "full@example.com")[0])[:3] in ("250", "552"), 30,
                           f"an answer of {name} counted", step_s=0.1)
                scenario.check(f"answer {name}", timed_rcpt(lab, "full@example.com")[0], want)

        lab.gateway.restart(quota__service=real)
        scenario.check("the real service", timed_rcpt(lab, "basic@example.com")[0], FULL)
        lab.gateway.restart(quota__service=f"unix:{lab.dovecot.quota_socket}")
        scenario.check("over its unix socket", timed_rcpt(lab, "basic@example.com")[0], FULL)
    scenario.end()


main()
