# SPDX-License-Identifier: MIT
"""What the spoof scenarios share: the volume, who is in it, and how a mail of theirs is sent."""

import re

from scenario import starts
from lab import PASSWORD, account_lines

A, B, C = "alice@example.com", "bob@example.com", "carol@example.com"
FAR = "someone@external.test"
MARK = "X-Foregate-Spoof"

VOLUME = {
    "postfix-accounts.cf": account_lines(A, B, C, "carol@other.test"),
    "postfix-virtual.cf": """\
sales@example.com       alice@example.com
team@example.com        alice@example.com,bob@example.com
teamsp@example.com      bob@example.com alice@example.com
nested@example.com      sales@example.com
@catch.test             alice@example.com
bob@example.com         alice@example.com
ext@example.com         someone@external.test
uptarget@example.com    ALICE@example.com
tagt@example.com        alice+x@example.com
""",
    "postfix-regexp.cf": "/^re[0-9]+@example\\.com$/ alice@example.com\n/^UP[0-9]+@EXAMPLE\\.COM$/ alice@example.com\n",
    "postfix-aliases.cf": "support: alice@example.com\n",
    "dovecot-masters.cf": f"admin|{{PLAIN}}{PASSWORD}\n",
}


def name_of(login):
    """What Postfix calls a login: Dovecot folds it and hides the master user."""
    return login.partition("*")[0].lower()


def refused(login, sender, what="Sender address"):
    return starts(f"553 5.7.1 <{sender}>: {what} rejected: not owned by user {name_of(login)}")


def sent_as(lab, login, sender, port=None):
    """First refusal of a transaction that has no content yet, or the last yes."""
    dialogue = lab.submit(login, sender, [FAR], port=port, data=False)
    return dialogue.refusal or dialogue.rcpt[0]


def answer(dialogue):
    """How a transaction ended."""
    return dialogue.refusal or dialogue.end


def message(subject, *headers):
    """A message with these headers and none of its own that the rule looks at; bytes and text may be mixed."""
    lines = [f"Subject: {subject}", "Date: Mon, 01 Jan 2024 00:00:00 +0000", *headers, "", "Hello.", ""]
    return b"\r\n".join(line if isinstance(line, bytes) else line.encode() for line in lines)


def far_letter(lab, subject):
    """The one copy that left; None when there is not exactly one. The queue must be empty before."""
    letters = [letter for letter in lab.sink.letters if letter.header("Subject") == [subject]]
    return letters[0] if len(letters) == 1 else None


def header_names(letter):
    head = letter.content.split(b"\r\n\r\n", 1)[0].decode("utf-8", "replace")
    return sorted(re.findall(r"^([^\s:]+):", head, re.MULTILINE))


def use(lab, **settings):
    """Starts Foregate anew with these settings of the rule, and with none of those tried before."""
    lab.gateway.restart_as_first(**{f"spoof__{name}": value for name, value in settings.items()})
