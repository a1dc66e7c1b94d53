# SPDX-License-Identifier: MIT
"""An SMTP client that keeps every reply and sends exactly what it is told."""

import base64
import socket
from dataclasses import dataclass, field

STRANGER = "127.0.0.2"
TRUSTED = "127.0.0.9"


@dataclass(frozen=True)
class Reply:
    code: int
    text: str  # without the code; lines joined by a line feed

    @property
    def ok(self):
        return 200 <= self.code < 400

    def __str__(self):
        return f"{self.code} {self.text}"


class Session:
    """One SMTP connection. `with Session(port) as s: s.ehlo(); s.mail(...)`."""

    def __init__(self, port, source=STRANGER, host="127.0.0.1", limit_s=40):
        self.socket = socket.create_connection((host, port), timeout=limit_s, source_address=(source, 0))
        self._stream = self.socket.makefile("rb")
        self.greeting = self.read_reply()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self._stream.close()
        self.socket.close()

    def send_raw(self, data):
        self.socket.sendall(data)

    def read_reply(self):
        lines = []
        while True:
            line = self._stream.readline()
            if not line:
                raise ConnectionError(f"connection closed after {lines!r}")
            text = line.decode("utf-8", "replace").rstrip("\r\n")
            lines.append(text[4:])
            if text[3:4] != "-":
                return Reply(int(text[:3]), "\n".join(lines))

    def command(self, line):
        self.send_raw(line.encode("utf-8") + b"\r\n")
        return self.read_reply()

    def ehlo(self, name="client.external.test"):
        return self.command(f"EHLO {name}")

    def auth(self, login, password):
        token = base64.b64encode(f"\0{login}\0{password}".encode()).decode()
        return self.command(f"AUTH PLAIN {token}")

    def mail(self, sender, *parameters):
        return self.command(" ".join([f"MAIL FROM:<{sender}>", *parameters]))

    def rcpt(self, recipient, *parameters):
        return self.command(" ".join([f"RCPT TO:<{recipient}>", *parameters]))

    def data(self):
        return self.command("DATA")

    def content(self, message):
        """The message (bytes, CRLF lines) after DATA was answered 354; dots are stuffed."""
        if message.startswith(b"."):
            message = b"." + message
        self.send_raw(message.replace(b"\r\n.", b"\r\n..") + b".\r\n")
        return self.read_reply()

    def quit(self):
        return self.command("QUIT")


def make_message(subject="test", sender="sender@external.test", size=None, extra_headers=()):
    """A small RFC 5322 message; padded to exactly `size` bytes when given."""
    head = [f"From: <{sender}>", f"Subject: {subject}", "Date: Mon, 01 Jan 2024 00:00:00 +0000",
            "Message-ID: <%s@external.test>" % subject.replace(" ", "-"), *extra_headers, "", "Hello.", ""]
    message = "\r\n".join(head).encode()
    if size is not None:
        missing = size - len(message)
        if missing < 0 or missing == 1:
            raise ValueError(f"no message of {size} bytes")
        while missing:
            length = min(missing, 70)
            if missing - length == 1:
                length -= 1
            message += b"x" * (length - 2) + b"\r\n"
            missing -= length
    return message


@dataclass
class Dialogue:
    """Every reply of one transaction; a step that was never reached is None."""
    auth: Reply = None
    mail: Reply = None
    rcpt: list = field(default_factory=list)
    data: Reply = None
    end: Reply = None

    @property
    def refusal(self):
        """The first answer that is not a yes, None when all of them are."""
        steps = [self.auth, self.mail, *self.rcpt, self.data, self.end]
        return next((reply for reply in steps if reply and not reply.ok), None)

    @property
    def queued(self):
        return bool(self.end and self.end.ok)

    @property
    def queue_id(self):
        return self.end.text.rpartition(" ")[2] if self.queued else None


def converse(port, sender, recipients, message=None, source=STRANGER, login=None, password=None,
             mail_parameters=(), rcpt_parameters=(), data=True):
    """Plays one transaction and says QUIT. `data=False` stops (RSET) after the recipients."""
    dialogue = Dialogue()
    with Session(port, source) as session:
        session.ehlo()
        if login:
            dialogue.auth = session.auth(login, password)
            if not dialogue.auth.ok:
                return dialogue
        dialogue.mail = session.mail(sender, *mail_parameters)
        if dialogue.mail.ok:
            dialogue.rcpt = [session.rcpt(recipient, *rcpt_parameters) for recipient in recipients]
            if data and any(reply.ok for reply in dialogue.rcpt):
                dialogue.data = session.data()
                if dialogue.data.ok:
                    dialogue.end = session.content(message if message is not None else make_message())
        session.command("RSET")
        session.quit()
    return dialogue
