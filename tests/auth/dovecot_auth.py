# SPDX-License-Identifier: MIT
"""A private Dovecot that does nothing but authenticate by a Lua script, and its two protocols as doveadm speaks them."""

import base64
import os
import socket
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from lab.process import Child, LabError, wait_until  # noqa: E402

CONF = """\
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/log
protocols =
ssl = no
auth_mechanisms = plain
auth_failure_delay = 0
default_vsz_limit = 0
passdb {{
  driver = lua
  args = file={script} blocking={blocking}
}}
userdb {{
  driver = lua
  args = file={script} blocking={blocking}
}}
service anvil {{
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
"""


def unescape(text):
    for code, byte in (("t", "\t"), ("r", "\r"), ("n", "\n"), ("0", "\0"), ("1", "\1")):
        text = text.replace("\1" + code, byte)
    return text


class Connection:
    def __init__(self, path, *hello):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(20)
        self.socket.connect(path)
        self.lines = self.socket.makefile("r", encoding="utf-8", newline="\n")
        self.number = 0
        for line in hello:
            self.send(*line)

    def send(self, *fields):
        self.socket.sendall(("\t".join(fields) + "\n").encode())

    def ask(self, questions):
        """All at once, since Dovecot delays refusals: of each answer the word, and the fields behind the id."""
        first = self.number + 1
        for question in questions:
            self.number += 1
            self.send(question[0], str(self.number), *question[1:])
        answers = {}
        while len(answers) < len(questions):
            line = self.lines.readline()
            if not line:
                raise LabError("Dovecot's auth process hung up")
            word, *rest = line.rstrip("\n").split("\t")
            if word in ("PASS", "USER", "NOTFOUND", "FAIL", "OK", "CONT") and rest[0].isdigit() and int(rest[0]) >= first:
                answers[int(rest[0])] = word, [unescape(field) for field in rest[1:]]
        return [answers[first + i] for i in range(len(questions))]


def pairs(fields):
    return dict(field.partition("=")[::2] for field in fields if field)


class AuthDovecot:
    def __init__(self, folder, script, blocking=False):
        self.folder = folder
        self.log = os.path.join(folder, "log")
        os.makedirs(folder)
        with open(os.path.join(folder, "dovecot.conf"), "w") as file:
            file.write(CONF.format(folder=folder, script=script, blocking="yes" if blocking else "no"))
        self.child = Child("dovecot", ["dovecot", "-F", "-c", file.name], os.path.join(folder, "out"))
        socket_path = os.path.join(folder, "run/auth-userdb")
        wait_until(lambda: self._alive() and os.path.exists(socket_path), 15, "Dovecot listening")
        self.master = Connection(socket_path, ("VERSION", "1", "1"))
        self.client = Connection(os.path.join(folder, "run/auth-client"), ("VERSION", "1", "2"), ("CPID", str(os.getpid())))

    def _alive(self):
        if not self.child.running():
            raise LabError("Dovecot did not start, see " + self.log)
        return True

    def lookup(self, users):
        """As `doveadm auth lookup`: of each (answer, user, fields)."""
        for word, fields in self.master.ask([("PASS", user, "service=smtp") for user in users]):
            found = pairs(fields)
            yield {"PASS": "found", "NOTFOUND": "not_found"}.get(word, "failed"), found.pop("user", None), found

    def test(self, users, password, remote_ip=None):
        """As `doveadm auth test`; "no" is a wrong password or no such user, which Dovecot does not tell apart."""
        secrets = [base64.b64encode(f"\0{user}\0{password}".encode()).decode() for user in users]
        peer = ["rip=" + remote_ip] if remote_ip else []
        for word, fields in self.client.ask([("AUTH", "PLAIN", "service=smtp", "no-penalty", "nodelay", *peer, "resp=" + secret)
                                             for secret in secrets]):
            found = pairs(fields)
            name = found.pop("user", None)
            code = found.pop("code", None)
            yield "found" if word == "OK" else {"temp_fail": "failed", None: "no"}.get(code, code), name, found

    def user(self, users):
        """As `doveadm user`."""
        for word, fields in self.master.ask([("USER", user, "service=smtp") for user in users]):
            answer = {"USER": "found", "NOTFOUND": "not_found"}.get(word, "failed")
            yield (answer, fields[0], pairs(fields[1:])) if word == "USER" else (answer, None, {})

    def stop(self):
        self.child.stop()
