#!/usr/bin/env python3
"""Servers that talk nonsense, or something else than they should: nothing of it is taken for an answer, and what is taken
has bounds."""

import os
import socket
import tempfile
import threading

from scenario import ALICE, Checks, lookup

from lab.slapd import FILES


def ber(tag, content):
    size = len(content)
    return bytes([tag]) + (bytes([size]) if size < 128 else b"\x84" + size.to_bytes(4, "big")) + content


def message(number, tag, content):
    return ber(0x30, ber(2, bytes([number])) + ber(tag, content))


def result(number, tag, code=0, text=b"", more=b""):
    return message(number, tag, ber(10, bytes([code])) + ber(4, b"") + ber(4, text) + more)


def entry(number, value=b"alice@example.test"):
    mail = ber(0x30, ber(4, b"mail") + ber(0x31, ber(4, value)))
    return message(number, 0x64, ber(4, b"uid=alice,dc=test") + ber(0x30, mail))


BOUND, DONE, EXTENDED = 0x61, 0x65, 0x78
DISCONNECTION = result(0, EXTENDED, 52, b"shutting down", ber(0x8A, b"1.3.6.1.4.1.1466.20036"))


def request(peer):
    """(message id, tag) of the next request, None at the end."""
    head = peer.recv(2, socket.MSG_WAITALL)
    if len(head) < 2:
        return None
    length = head[1]
    if length > 127:
        length = int.from_bytes(peer.recv(length & 127, socket.MSG_WAITALL), "big")
    body = peer.recv(length, socket.MSG_WAITALL)
    return (body[2], body[3]) if len(body) == length else None


class Server:
    """A thread a connection. `answers(number)` are the pieces said to a search; an exception ends the connection."""

    def __init__(self, answers=(), binding=None, tls=None):
        self.answers, self.binding, self.tls = answers, binding, tls
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"ldap://127.0.0.1:{self.socket.getsockname()[1]}"
        threading.Thread(target=self.listen, daemon=True).start()

    def listen(self):
        while True:
            try:
                peer, _ = self.socket.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(peer,), daemon=True).start()

    def serve(self, peer):
        with peer:
            try:
                while (asked := request(peer)) is not None:
                    number, tag = asked
                    if tag == 0x60:
                        peer.sendall(result(number, BOUND) if self.binding is None else self.binding(number))
                    elif tag == 0x77:
                        peer.sendall(self.tls(number))
                    elif tag == 0x63:
                        for piece in self.answers(number):
                            peer.sendall(piece)
            except (OSError, StopIteration):
                pass

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.socket.close()


def closing(*pieces):
    """Says that much, then closes."""
    yield from pieces
    raise OSError


def endless(number):
    while True:
        yield entry(number, b"x" * 1000)


CASES = [
    ("half an answer, then the end", {"answers": lambda n: closing(entry(n))}, "the server closed the connection"),
    ("half a message, then the end", {"answers": lambda n: closing(entry(n)[:9])}, "the server closed the connection"),
    ("no LDAP", {"answers": lambda n: [b"HTTP/1.1 400 Bad Request\r\n\r\n"]}, "is no LDAP"),
    ("no LDAP from the start", {"binding": lambda n: b"220 mail ESMTP\r\n"}, "is no LDAP"),
    ("a message of 96 MiB", {"answers": lambda n: [b"\x30\x84\x06\x00\x00\x00"]}, "a message of more than 4194304 bytes"),
    ("entries without end", {"answers": endless}, "the answer is larger than 4194304 bytes"),
    ("a disconnection", {"answers": lambda n: [DISCONNECTION]}, r"ends the connection: Server is unavailable \(52\): shutting"),
    ("a referral", {"answers": lambda n: [result(n, DONE, 10)]}, r"the search fails: Referral \(10\)"),
    ("too many entries", {"answers": lambda n: [entry(n), result(n, DONE, 4)]}, r"Size limit exceeded \(4\)"),
    ("a busy server", {"answers": lambda n: [result(n, DONE, 51, b"\x1b[2Jcome back")]}, r"busy \(51\): \?\[2Jcome back"),
    ("an entry that is none", {"answers": lambda n: [message(n, 0x64, b"\x04\x7fx"), result(n, DONE)]}, "cannot be read|no LDAP"),
    ("nobody is let in", {"binding": lambda n: result(n, BOUND, 53, b"go away")}, r"cannot bind as nobody: .* \(53\): go away"),
    ("nothing", {"answers": lambda n: []}, "no answer within (699|700) ms"),
]


def main():
    check = Checks()
    with tempfile.TemporaryDirectory(prefix="foregate-ldap-") as folder:
        with open(os.path.join(folder, "ldap-users.cf"), "w") as file:
            file.write("version = 3\nsearch_base = dc=test\n" + FILES["users"])
        for name, options, reason in CASES:
            with Server(**options) as server, lookup(folder, server_host=server.url, timeout_ms=700) as ours:
                check.failed(name, ours, reason, 700)
                check(f"{name}: it goes on", ours.ask(*ALICE)[0], "failed")
                check(f"{name}: it ends", ours.end(), (0, ""))
        with Server(lambda n: [entry(99), result(99, DONE), message(n, 0x73, ber(4, b"ldap://elsewhere/")), entry(n)[:5], entry(n)[5:],
                               result(n, DONE)]) as server, lookup(folder, server_host=server.url) as ours:
            check.found("answers to nobody, references, and a message in pieces", ours)
        with Server(tls=lambda n: result(n, EXTENDED) + result(2, BOUND)) as server, \
                lookup(folder, server_host=server.url, start_tls="yes", timeout_ms=700) as ours:
            check.failed("something behind the answer to StartTLS", ours, "said in plain text behind the answer to StartTLS")
        with Server(tls=lambda n: result(n, EXTENDED, 52)) as server, \
                lookup(folder, server_host=server.url, start_tls="yes", timeout_ms=700) as ours:
            check.failed("no StartTLS", ours, "the server refuses StartTLS")
    check.end()


main()
