"""The MTA's side of the milter protocol, as Postfix 3.7 speaks it (version 6), for driving a filter in tests.

A `Milter` is one milter connection: one SMTP session. Its methods are the SMTP events; each returns a `Reply`
and waits for it no longer than `limit` seconds. Like Postfix it sends a macro packet before every event, even an
empty one or one whose event the filter has declined, and offers every action and every protocol step. Unlike
Postfix it never replaces a failure by a default action: `Gone` and `Silent` are raised instead.
"""

import socket
import struct
from collections import namedtuple
from dataclasses import dataclass, field

VERSION = 6
ALL_ACTIONS = 0x1FF
ALL_STEPS = 0x1FFFFF

# Protocol steps a filter may decline (NO_*) or take without answering (NR_*), and what it may do besides.
NO_CONNECT, NO_HELO, NO_MAIL, NO_RCPT, NO_BODY, NO_HEADERS, NO_EOH = (1 << n for n in range(7))
NR_HEADER, NO_UNKNOWN, NO_DATA, SKIP, RCPT_REJ = (1 << n for n in range(7, 12))
NR_CONNECT, NR_HELO, NR_MAIL, NR_RCPT, NR_DATA, NR_UNKNOWN, NR_EOH, NR_BODY = (1 << n for n in range(12, 20))
HEADER_LEADING_SPACE = 1 << 20

ADD_HEADERS, CHANGE_BODY, ADD_RCPT, DELETE_RCPT, CHANGE_HEADERS = (1 << n for n in range(5))
QUARANTINE, CHANGE_FROM, ADD_RCPT_PAR, SET_MACROS = (1 << n for n in range(5, 9))

# Event: command letter, "declined" bit, "no reply" bit.
EVENTS = {
    "connect": (b"C", NO_CONNECT, NR_CONNECT),
    "helo": (b"H", NO_HELO, NR_HELO),
    "mail": (b"M", NO_MAIL, NR_MAIL),
    "rcpt": (b"R", NO_RCPT, NR_RCPT),
    "data": (b"T", NO_DATA, NR_DATA),
    "header": (b"L", NO_HEADERS, NR_HEADER),
    "eoh": (b"N", NO_EOH, NR_EOH),
    "body": (b"B", NO_BODY, NR_BODY),
    "eom": (b"E", 0, 0),
    "unknown": (b"U", NO_UNKNOWN, NR_UNKNOWN),
}

ANSWERS = {
    b"c": "continue", b"r": "reject", b"t": "tempfail", b"a": "accept", b"d": "discard", b"s": "skip",
    b"y": "reply", b"4": "shutdown", b"f": "connection failed",
}

# The macro stages by their number in the negotiation, and Postfix's default lists.
MACRO_STAGES = ("connect", "helo", "mail", "rcpt", "data", "eom", "eoh")
DEFAULT_MACROS = {
    "connect": "j {daemon_name} {daemon_addr} v _",
    "helo": "{tls_version} {cipher} {cipher_bits} {cert_subject} {cert_issuer}",
    "mail": "i {auth_type} {auth_authen} {auth_author} {mail_addr} {mail_host} {mail_mailer}",
    "rcpt": "i {rcpt_addr} {rcpt_host} {rcpt_mailer}",
    "data": "i", "eoh": "i", "eom": "i",
}


class Gone(Exception):
    """The filter closed the connection where an answer was due."""


class Silent(Exception):
    """The filter gave no answer within the limit."""


class Malformed(Exception):
    """The filter sent what an MTA would call a protocol error."""


Edit = namedtuple("Edit", "kind arguments")


@dataclass
class Reply:
    """`kind` is a name of ANSWERS, or "unsent" (declined) or "unanswered" (taken without a reply)."""

    kind: str
    text: str = ""
    edits: list = field(default_factory=list)
    progress: int = 0

    def __str__(self):
        return self.text or self.kind

    @property
    def accepted(self):
        return self.kind in ("continue", "accept", "unsent", "unanswered", "skip")


@dataclass
class Outcome:
    """What one transaction came to. `message` is the last answer, None when no content was sent."""

    mail: Reply
    recipients: list = field(default_factory=list)
    data: Reply = None
    message: Reply = None
    body_chunks_sent: int = 0

    @property
    def edits(self):
        return self.message.edits if self.message else []

    def __str__(self):
        parts = [f"mail={self.mail}"] + [f"rcpt={reply}" for reply in self.recipients]
        return "; ".join(parts + ([f"message={self.message}"] if self.message else []))


def dial(address, limit):
    """Connect to a socket in libmilter's notation: unix:/path or inet:port@host."""
    kind, _, rest = address.partition(":")
    if kind == "unix":
        peer = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        peer.settimeout(limit)
        peer.connect(rest)
        return peer
    port, _, host = rest.partition("@")
    return socket.create_connection((host, int(port)), limit)


def packet(command, payload=b""):
    return struct.pack("!I", len(payload) + 1) + command + payload


def _bytes(text):
    return text if isinstance(text, bytes) else text.encode("utf-8", "surrogateescape")


def _text(data):
    return data.decode("utf-8", "surrogateescape")


def _strings(*values):
    return b"".join(_bytes(value) + b"\0" for value in values)


class Milter:
    def __init__(self, address, *, limit=20.0, version=VERSION, actions=ALL_ACTIONS, steps=ALL_STEPS,
                 negotiate=True):
        self.peer = dial(address, limit)
        if self.peer.family == socket.AF_INET:
            self.peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.input = b""
        self.version = self.actions = self.steps = None
        self.asked_macros = {}
        self.macros = {"j": "mail.example.com", "v": "Postfix 3.7.11", "{daemon_name}": "smtpd",
                       "{daemon_addr}": "127.0.0.1", "{daemon_port}": "25"}
        self.skipping = False  # the filter wants no more of this message's body
        if negotiate:
            self.negotiate(version, actions, steps)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    # The wire.

    def send(self, data):
        try:
            self.peer.sendall(data)
        except TimeoutError:
            raise Silent("the filter reads nothing") from None
        except OSError as error:
            raise Gone(str(error)) from None

    def receive(self):
        """One packet: its letter and payload."""
        size = struct.unpack("!I", self._take(4))[0]
        if not 1 <= size <= 1 << 20:
            raise Malformed(f"a packet of {size} bytes")
        data = self._take(size)
        return data[:1], data[1:]

    def _take(self, count):
        while len(self.input) < count:
            try:
                more = self.peer.recv(65536)
            except TimeoutError:
                raise Silent("no answer within the limit") from None
            except OSError as error:
                raise Gone(str(error)) from None
            if not more:
                raise Gone("the filter closed the connection")
            self.input += more
        data, self.input = self.input[:count], self.input[count:]
        return data

    def close(self):
        """Hang up without a word, as a crashed MTA does."""
        self.peer.close()

    # Negotiation.

    def negotiate(self, version=VERSION, actions=ALL_ACTIONS, steps=ALL_STEPS):
        self.send(packet(b"O", struct.pack("!III", version, actions, steps)))
        command, payload = self.receive()
        if command != b"O" or len(payload) < 12:
            raise Malformed(f"negotiation answered by {command!r}, {len(payload)} bytes")
        self.version, self.actions, self.steps = struct.unpack("!III", payload[:12])
        rest = payload[12:]
        while len(rest) > 4:
            stage = struct.unpack("!I", rest[:4])[0]
            names, _, rest = rest[4:].partition(b"\0")
            self.asked_macros[MACRO_STAGES[stage]] = _text(names).split()
        if self.version > version or self.actions & ~actions or self.steps & ~steps:
            raise Malformed("the filter asks for what was not offered: "
                            f"version {self.version} actions {self.actions:#x} steps {self.steps:#x}")

    # Events.

    def _send_macros(self, event):
        # An empty list means "the default" to Postfix.
        names = self.asked_macros.get(event) or DEFAULT_MACROS.get(event, "").split()
        values = []
        for name in names:
            other = name[1:-1] if name.startswith("{") else "{" + name + "}"
            value = self.macros.get(name, self.macros.get(other))
            if value is not None:
                values += [name, value]
        self.send(packet(b"D", EVENTS[event][0] + _strings(*values)))

    def send_event(self, event, payload=b""):
        """False: the filter has declined it. Its answer, if it gives one, is read by `answer`."""
        command, declined, _ = EVENTS[event]
        self._send_macros(event)
        if self.steps & declined:
            return False
        self.send(packet(command, payload))
        return True

    def event(self, event, payload=b""):
        if not self.send_event(event, payload):
            return Reply("unsent")
        if self.steps & EVENTS[event][2]:
            return Reply("unanswered")
        return self.answer(edits_allowed=event == "eom")

    def answer(self, edits_allowed=False):
        edits, progress = [], 0
        while True:
            command, payload = self.receive()
            if command == b"p":
                progress += 1
            elif command in ANSWERS:
                text = _text(payload.rstrip(b"\0")) if command == b"y" else ""
                if command == b"y":
                    _check_reply_text(text)
                return Reply(ANSWERS[command], text, edits, progress)
            elif edits_allowed:
                edits.append(_edit(command, payload))
            else:
                raise Malformed(f"packet {command!r} before end of message")

    def connect(self, name="client.example.net", ip="192.0.2.7", port=40000):
        family = b"6" if ":" in ip else b"4"
        self.macros.update({"_": f"{name} [{ip}]", "{client_addr}": ("IPv6:" if ":" in ip else "") + ip,
                            "{client_name}": name, "{client_ptr}": name, "{client_port}": str(port),
                            "{client_resolve}": "OK"})
        return self.event("connect", _strings(name) + family + struct.pack("!H", port) + _strings(ip))

    def helo(self, name="client.example.net"):
        return self.event("helo", _strings(name))

    def login(self, name, method="PLAIN"):
        """AUTH has no event: its macros are seen from the next MAIL on."""
        self.macros.update({"{auth_type}": method, "{auth_authen}": name})

    def mail(self, sender="<sender@remote.example>", *parameters):
        self.skipping = False
        self.macros.pop("i", None)
        self.macros.update({"{mail_addr}": _macro_address(sender),
                            "{mail_host}": "remote.example", "{mail_mailer}": "smtp"})
        return self.event("mail", _strings(sender, *parameters))

    def rcpt(self, recipient, *parameters):
        """Postfix has a queue id from the second recipient on, the first being accepted, or at DATA."""
        self.macros.update({"{rcpt_addr}": _macro_address(recipient),
                            "{rcpt_host}": "example.com", "{rcpt_mailer}": "virtual"})
        reply = self.event("rcpt", _strings(recipient, *parameters))
        if reply.accepted:
            self.macros.setdefault("i", self.next_queue_id())
        return reply

    _queue_ids = iter(range(1, 1 << 62))

    @classmethod
    def next_queue_id(cls):
        return f"4T{next(cls._queue_ids):010X}"

    def data(self):
        if self.version < 4:
            return Reply("unsent")
        self.macros.setdefault("i", self.next_queue_id())
        return self.event("data")

    def header(self, name, value):
        return self.event("header", _strings(name, value))

    def eoh(self):
        return self.event("eoh")

    def body(self, chunk):
        if self.skipping:
            return Reply("unsent")
        reply = self.event("body", _bytes(chunk))
        self.skipping = reply.kind == "skip"
        return reply

    def eom(self):
        return self.event("eom")

    def abort(self):
        """Sent by Postfix after every message, also an accepted one, and on RSET. Never answered."""
        self.send(packet(b"A"))

    def quit(self):
        """Never answered; a filter that is stopping may have gone before it."""
        try:
            self.send(packet(b"Q"))
        except Gone:
            pass
        self.close()

    # Whole dialogues.

    def open(self, name="client.example.net", ip="192.0.2.7", port=40000):
        """Up to the point where MAIL may come."""
        for reply in (self.connect(name, ip, port), self.helo(name)):
            if not reply.accepted:
                raise Malformed(f"session refused: {reply}")
        return self

    def content(self, headers=(("Subject", "test"),), body=b"A line.\r\n"):
        """Headers, body and end of message; stops at the first refusal. Returns (reply, body chunks sent)."""
        for name, value in headers:
            reply = self.header(name, value)
            if not reply.accepted:
                return reply, 0
        reply = self.eoh()
        if not reply.accepted:
            return reply, 0
        sent = 0
        for start in range(0, len(body), 65535):
            if self.skipping:
                break
            reply = self.body(body[start:start + 65535])
            sent += 1
            if not reply.accepted:
                return reply, sent
        return self.eom(), sent

    def transaction(self, recipients, sender="<sender@remote.example>", parameters=(), **content):
        """MAIL to end of message and the abort Postfix sends after it. A recipient is an argument or a tuple
        of argument and parameters. Refused MAIL is followed by no abort, as with Postfix."""
        outcome = Outcome(self.mail(sender, *parameters))
        if not outcome.mail.accepted:
            return outcome
        for recipient in recipients:
            arguments = recipient if isinstance(recipient, tuple) else (recipient,)
            outcome.recipients.append(self.rcpt(*arguments))
        if any(reply.accepted for reply in outcome.recipients):
            outcome.data = self.data()
            if outcome.data.accepted:
                outcome.message, outcome.body_chunks_sent = self.content(**content)
        self.abort()
        return outcome


def _macro_address(address):
    # A NUL in a value would make the number of strings odd; libmilter then reads beyond its macro list.
    return _text(_bytes(address)).partition("\0")[0].strip("<>").lower()


def _check_reply_text(text):
    """What Postfix checks, and what would hang or cut off an SMTP client."""
    lines = text.split("\r\n")
    for number, line in enumerate(lines):
        last = number == len(lines) - 1
        if len(line) < 4 or not line[:3].isdigit() or line[0] not in "45" or line[3] != (" " if last else "-"):
            raise Malformed(f"reply {text!r}")
        if line[4:5].isdigit() and not line[4:].startswith(line[0] + "."):
            raise Malformed(f"enhanced status code of another class in {text!r}")
        if any(ord(char) < 32 for char in line):
            raise Malformed(f"control character in {text!r}")


def _edit(command, payload):
    kinds = {b"+": "addrcpt", b"2": "addrcpt_par", b"-": "delrcpt", b"h": "addheader", b"e": "chgfrom",
             b"q": "quarantine", b"i": "insheader", b"m": "chgheader", b"b": "replbody"}
    if command not in kinds:
        raise Malformed(f"unknown packet {command!r}")
    kind = kinds[command]
    if kind == "replbody":
        return Edit(kind, (payload,))
    numbers = ()
    if kind in ("insheader", "chgheader"):
        numbers, payload = struct.unpack("!I", payload[:4]), payload[4:]
    if not payload.endswith(b"\0"):
        raise Malformed(f"{kind} without a final NUL")
    return Edit(kind, numbers + tuple(_text(part) for part in payload[:-1].split(b"\0")))
