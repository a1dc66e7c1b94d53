#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Dovecot's userdb, the real one: what it says of names, and what happens when it is away, hangs, reloads or restarts.

tests/userdb/ask.c asks for us, many questions under way at a time.
"""

import os
import re
import shutil
import subprocess
import tempfile
import threading
from contextlib import contextmanager
from queue import Empty, Queue

from scenario import Scenario

from lab import LabError, account_lines, wait_until, write_volume
from lab.dovecot import Dovecot

ASK = os.environ.get("ASK_USERDB") or os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../build/dev/tests/ask_userdb")
TIMEOUT_MS, RENEW_MS = 1000, 300
LATE_MS = 1000  # what a busy machine may add
LIMIT_S = 20
RELOAD_S = 4  # whoever stays connected is told the old answers for 6 seconds
MANY = [f"user{number}@example.com" for number in range(200)]
STRANGER_UID = 6000
VOLUME = {
    "postfix-accounts.cf": account_lines("ok@example.com", "small@example.com", *MANY)
    + "renamed@example.com|{PLAIN}secret|userdb_user=Other@Example.com\n"
    + "broken@example.com|{PLAIN}secret|userdb_tempfail=yes userdb_reason=disk_full\n"
    + "free@example.com|{PLAIN}secret|userdb_quota_rule=*:storage=0\n",
    "postfix-virtual.cf": "alias@example.com ok@example.com\n",
    "dovecot-quotas.cf": "small@example.com:3k\nrenamed@example.com:1G\n",
}
ANSWERS = {  # name: kind, user or reason, limit
    "ok@example.com": ("found", "ok@example.com", ""),
    "OK@Example.COM": ("found", "ok@example.com", ""),
    "small@example.com": ("found", "small@example.com", "3K"),
    "renamed@example.com": ("found", "Other@Example.com", "1G"),
    "free@example.com": ("found", "free@example.com", "0"),
    "alias@example.com": ("found", "alias@example.com", ""),  # docker-mailserver's dummy accounts answer as users
    "broken@example.com": ("failed", "Dovecot cannot tell: disk_full", ""),
    "nobody@example.com": ("not found", "", ""),
    "ok+tag@example.com": ("not found", "", ""),
    "ok@elsewhere.test": ("not found", "", ""),
    "a b@example.com": ("not found", "", ""),
    "ok*x@example.com": ("not found", "", ""),
    "é@example.com": ("not found", "", ""),
    "x" * 987 + "@e.test": ("not found", "", ""),  # as long as may be: Dovecot would hang up
    "x" * 988 + "@e.test": ("failed", "no name to ask Dovecot's userdb for: empty, too long or with a control character", ""),
    "": ("failed", "no name to ask Dovecot's userdb for: empty, too long or with a control character", ""),
}


class Asker:
    """ask_userdb: lines in, answers out."""

    def __init__(self, program, socket, threads=1, timeout_ms=TIMEOUT_MS, **options):
        self.process = subprocess.Popen([program, f"unix:{socket}", str(timeout_ms), str(RENEW_MS), str(threads)], text=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, **options)
        self.answers = Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.process.stdout:
            self.answers.put(line.rstrip("\n").split("\t"))

    def send(self, names):
        self.process.stdin.write("".join(f"{name}\n" for name in names))
        self.process.stdin.flush()

    def read(self, count):
        """[name, kind, user or reason, limit, milliseconds] of each."""
        try:
            return [self.answers.get(timeout=LIMIT_S) for _ in range(count)]
        except Empty:
            raise LabError("ask_userdb gives no answer") from None

    def ask(self, *names):
        self.send(names)
        return self.read(len(names))

    def kind(self, name="ok@example.com"):
        return self.ask(name)[0][1]

    def end(self):
        self.process.stdin.close()
        return self.process.wait(LIMIT_S)


@contextmanager
def asking(scenario, *arguments, **options):
    """The program must end well: it has sanitizers, and no question that is left over."""
    asker = Asker(*arguments, **options)
    try:
        yield asker
        scenario.check("the program's end", asker.end(), 0)
    finally:
        asker.process.kill()
        asker.process.wait()


def kinds(answers):
    return sorted({answer[1] for answer in answers})


def slowest_ms(answers):
    return max(float(answer[4]) for answer in answers)


def says(scenario, dovecot):
    with asking(scenario, ASK, dovecot.userdb_socket) as asker:
        for name, want in ANSWERS.items():
            (answer,) = asker.ask(name)
            scenario.check(f"{name[:40]!r}", tuple(answer[1:4]), want)
    with asking(scenario, ASK, dovecot.userdb_socket, 64) as asker:
        names = [*MANY, *(f"no-{name}" for name in MANY)] * 5
        answers = {(name, kind, said) for name, kind, said, *_ in asker.ask(*names)}
        want = {(name, "found", name) for name in MANY} | {(f"no-{name}", "not found", "") for name in MANY}
        scenario.check(f"{len(names)} questions, 64 at a time: wrong answers", sorted(answers ^ want), [])


def open_socket(scenario, dovecot, folder):
    """On a socket for everybody Dovecot tells another user next to nothing, and not why."""
    program = shutil.copy(ASK, os.path.join(folder, "ask_userdb"))
    with asking(scenario, program, dovecot.open_userdb_socket, user=STRANGER_UID, group=STRANGER_UID) as asker:
        (answer,) = asker.ask("ok@example.com")
        scenario.check("mode 0666, another uid", answer[1], "failed")
        scenario.check("the remedy is named", "a listener of its own in service auth" in answer[2], True)
    with asking(scenario, program, dovecot.open_userdb_socket, user=5000, group=5000) as asker:
        scenario.check("mode 0666, the uid of the mail storage", asker.kind(), "found")
    with asking(scenario, program, dovecot.userdb_socket, user=STRANGER_UID, group=STRANGER_UID) as asker:
        (answer,) = asker.ask("ok@example.com")
        scenario.check("a socket for root alone", (answer[1], answer[2].endswith("cannot connect: Permission denied")),
                       ("failed", True))


def hanging(scenario, dovecot):
    with asking(scenario, ASK, dovecot.userdb_socket, 32) as asker:
        scenario.check("before it hangs", asker.kind(), "found")
        with dovecot.frozen_auth():
            answers = asker.ask(*MANY[:64])
            scenario.check("the auth process hangs", kinds(answers), ["failed"])
            scenario.check(f"the longest wait is {slowest_ms(answers):.0f} ms", slowest_ms(answers) <= TIMEOUT_MS + LATE_MS, True)
            asker.send(MANY[64:80])  # answered when it goes on
        answers = asker.read(16)
        scenario.check("it goes on in time", kinds(answers), ["found"])
        answers = asker.ask(*MANY)
        scenario.check("late answers are nobody's", [answer for answer in answers if answer[2] != answer[0]], [])


def reloaded(scenario, dovecot):
    """Whoever stays connected is told what the old configuration says for a while."""
    with asking(scenario, ASK, dovecot.userdb_socket) as asker:
        scenario.check("before the reload", asker.ask("ok@example.com")[0][3], "")
        with open(dovecot.config) as file:
            text = file.read()
        with open(dovecot.config, "w") as file:
            file.write(text.replace("default_fields = ", "default_fields = quota_rule=*:storage=7M "))
        dovecot.reload()
        wait_until(lambda: asker.ask("ok@example.com")[0][3] == "7M", RELOAD_S, "the new configuration in the answers")
        scenario.check("after it", asker.ask("ok@example.com")[0][3], "7M")


def away(scenario, dovecot):
    """Stopped and started again, with questions under way all the time."""
    with asking(scenario, ASK, dovecot.userdb_socket, 32) as asker:
        wrong = []

        def ask():
            answers = asker.ask(*MANY[:100])
            wrong.extend(answer for answer in answers if answer[1] == "not found" or float(answer[4]) > TIMEOUT_MS + LATE_MS)
            return kinds(answers)

        old = dovecot.auth_processes()
        asker.send(MANY[100:])
        dovecot.stop()
        wrong += [answer for answer in asker.read(100) if answer[1] == "not found"]
        wait_until(lambda: ask() == ["failed"], LIMIT_S, "no answers once Dovecot has stopped")
        (answer,) = asker.ask("ok@example.com")
        scenario.check("stopped", answer[2], re.compile("at unix:.*: cannot connect: "))
        wait_until(lambda: not any(os.path.exists(f"/proc/{pid}") for pid in old), LIMIT_S, "the end of the old auth process")
        dovecot.start()
        scenario.check("started again", ask(), ["found"])
        scenario.check("wrong or late answers on the way", wrong, [])


def main():
    scenario = Scenario(limit_s=100)
    folder = tempfile.mkdtemp(prefix="foregate-lab-")
    dovecot = None
    try:
        os.chmod(folder, 0o755)
        volume = os.path.join(folder, "volume")
        write_volume(volume, VOLUME)
        os.mkdir(os.path.join(folder, "private"))
        dovecot = Dovecot(folder, volume, auth=os.path.join(folder, "private", "auth"), hostname="mail.example.test")
        dovecot.start()
        says(scenario, dovecot)
        open_socket(scenario, dovecot, folder)
        for part in (hanging, reloaded, away):
            part(scenario, dovecot)
    finally:
        if dovecot:
            dovecot.stop()
        shutil.rmtree(folder, ignore_errors=True)
    scenario.end()


main()
