# SPDX-License-Identifier: MIT
"""What `foregate resolve` says of a Case, as the oracle's Answers, and whether the two agree."""

import json
import os
import re
import shutil
import subprocess
from dataclasses import replace

from .gateway import program
from .nasty import LOCAL_DOMAINS
from .oracle import HOSTNAME, POSTMASTER, Answer, Recipient, fold

REFUSED = Answer("refused")                     # Foregate does not load the volume


def as_json_text(latin):
    """Bytes as Foregate prints them: UTF-8, and U+FFFD for each byte that is none."""
    text, data = "", latin.encode("latin-1")
    while data:
        try:
            return text + data.decode()
        except UnicodeDecodeError as problem:
            text += data[:problem.start].decode() + "\ufffd"
            data = data[problem.start + 1:]
    return text


class Foregate:
    """`foregate resolve`, one process a volume. options: further ones."""

    def __init__(self, folder, options=None):
        self._volume = os.path.join(folder, "volume")
        self._options = options or {}

    def ask(self, case):
        shutil.rmtree(self._volume, ignore_errors=True)
        os.makedirs(self._volume)
        for name, text in case.files.items():
            with open(os.path.join(self._volume, name), "w", encoding="latin-1", newline="") as file:
                file.write(text)
        options = {"dms.volume": self._volume, "dms.postmaster": POSTMASTER, "hostname": HOSTNAME,
                   "recipient_delimiter": case.delimiter, **self._options}
        argv = [program(), "-c", "/dev/null", *(f"-o{name}={value}" for name, value in options.items()),
                "resolve", "--json", "-"]
        done = subprocess.run(argv, input="".join(f"{address}\n" for address in case.addresses).encode("latin-1"),
                              capture_output=True, timeout=300)
        lines = done.stdout.decode().splitlines()
        if done.returncode == 2 and not lines:
            return [REFUSED] * len(case.addresses)
        if done.returncode not in (0, 1) or len(lines) != len(case.addresses):
            crash = Answer("crashed", f"status {done.returncode}: {done.stderr.decode(errors='replace').strip()}")
            return [crash] * len(case.addresses)
        return [self._answer(json.loads(line)) for line in lines]

    @staticmethod
    def _answer(said):
        error = said.get("error")
        if error == "depth" or "match limit" in said.get("reason", ""):
            error = "bound"
        elif error in ("loop", "size"):
            error = "alias"
        return Answer(said["status"], error, tuple(Recipient(one["address"], one["class"], one["mailbox"])
                                                   for one in said["recipients"]))


def agree(postfix, foregate):
    """Foregate may refuse a volume with which Postfix takes no mail at all, refuse mail that local delivery would keep
    trying to deliver. It has bounds of its own."""
    if foregate == REFUSED:
        return postfix.status in ("error", "relay") and postfix.recipients == ()
    if foregate.error == "bound":
        return True
    if postfix.error == "stuck":
        return foregate.status == "error"
    if postfix.recipients is None:
        return postfix.status == foregate.status
    if any("(" in one.address.rpartition("@")[2] for one in postfix.recipients):
        return postfix.status == foregate.status  # a comment in a domain, which Foregate drops: nobody's in both
    if not postfix.ordered:
        return postfix.status == foregate.status and same_recipients(postfix, foregate)
    return readable(postfix) == foregate


def same_recipients(postfix, foregate):
    """Each once, as the log spells them. In a loop local delivery may come to one address with more than one result."""
    def spelling(one):
        text = re.sub(r"[^ -~]+|\?+", "?", one.address).lower()
        user, _, domain = text.rpartition("@")
        if text == '""':
            return "mailer-daemon"  # whom the queue manager takes nobody for
        return user if domain in LOCAL_DOMAINS else text  # a user of the host is the same at all its names
    right = {(spelling(one), one.kind, one.mailbox) for one in postfix.recipients}
    got = {(spelling(one), one.kind, one.mailbox) for one in foregate.recipients}
    return got <= right and {name for name, *_ in got} == {name for name, *_ in right}


def readable(answer):
    """As Foregate says it. What the queue manager finds to be one address stands there once, too."""
    if answer.recipients is None:
        return answer
    recipients = {}
    for one in answer.recipients:
        text = as_json_text(one.address)
        recipients.setdefault(fold(text), Recipient(text, one.kind, one.mailbox and as_json_text(one.mailbox)))
    return replace(answer, recipients=tuple(recipients.values()))


def visible(text):
    return "".join(c if " " <= c <= "~" or c == "\t" else repr(c)[1:-1] for c in text)
