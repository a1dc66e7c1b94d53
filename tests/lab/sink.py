# SPDX-License-Identifier: MIT
"""The rest of the Internet: an SMTP server that takes everything and remembers it."""

import socketserver
import threading
from dataclasses import dataclass, field


@dataclass
class Letter:
    """One message that left the lab: envelope as sent, content as bytes with CRLF."""
    sender: str = ""
    recipients: list = field(default_factory=list)      # bare addresses
    parameters: list = field(default_factory=list)      # {NAME: value} of each recipient, same order
    content: bytes = b""

    def header(self, name):
        head = self.content.split(b"\r\n\r\n", 1)[0].decode("utf-8", "replace").replace("\r\n\t", " ")
        prefix = name.lower() + ":"
        return [line[len(prefix):].strip() for line in head.split("\r\n") if line.lower().startswith(prefix)]


def _path(text):
    """`<a@b> NAME=value ...` to address and parameters."""
    address, _, rest = text.strip().partition(">")
    parameters = dict(word.partition("=")[::2] for word in rest.split())
    return address.lstrip("<"), {name.upper(): value for name, value in parameters.items()}


class _Handler(socketserver.StreamRequestHandler):
    def answer(self, text):
        self.wfile.write(text.encode() + b"\r\n")

    def handle(self):
        letter = Letter()
        self.answer("220 sink.test ESMTP")
        for line in self.rfile:
            verb, _, rest = line.decode("utf-8", "replace").strip().partition(" ")
            verb = verb.upper()
            if verb == "EHLO":
                self.answer("250-sink.test\r\n250-8BITMIME\r\n250 DSN")
            elif verb == "MAIL":
                letter = Letter(sender=_path(rest.partition(":")[2])[0])
                self.answer("250 2.1.0 Ok")
            elif verb == "RCPT":
                address, parameters = _path(rest.partition(":")[2])
                letter.recipients.append(address)
                letter.parameters.append(parameters)
                self.answer("250 2.1.5 Ok")
            elif verb == "DATA":
                self.answer("354 Go ahead")
                letter.content = self.read_content()
                self.server.keep(letter)
                self.answer("250 2.0.0 Taken")
                letter = Letter()
            elif verb == "QUIT":
                self.answer("221 2.0.0 Bye")
                return
            else:
                self.answer("250 2.0.0 Ok")

    def read_content(self):
        lines = []
        for line in self.rfile:
            if line == b".\r\n":
                break
            lines.append(line[1:] if line.startswith(b".") else line)
        return b"".join(lines)


class Sink(socketserver.ThreadingTCPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, port):
        super().__init__(("127.0.0.1", port), _Handler)
        self.port = port
        self._letters = []
        self._lock = threading.Lock()
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def keep(self, letter):
        with self._lock:
            self._letters.append(letter)

    @property
    def letters(self):
        with self._lock:
            return list(self._letters)

    def to(self, recipient):
        """Everything that was sent to this address."""
        return [letter for letter in self.letters if recipient in letter.recipients]

    def bounces(self, sender=None):
        """Non-delivery notifications, all of them or those for one (forged) sender."""
        return [letter for letter in self.letters
                if letter.sender == "" and (sender is None or sender in letter.recipients)]

    def clear(self):
        with self._lock:
            self._letters.clear()

    def stop(self):
        self.shutdown()
        self.server_close()
