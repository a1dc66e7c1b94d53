"""A scriptable stand-in for Dovecot's quota-status (Postfix's policy delegation protocol).

    quota = FakeQuota()                          # or FakeQuota("unix:/path/quota")
    quota.answers["full@example.com"] = FULL     # what `action=` says for that mailbox
    quota.answers["slow@example.com"] = Slow(0.5)
    quota.stop(); quota.start()                  # away, and back on the same address
    quota = FakeQuota(tls=ssl.SSLContext(...))   # with TLS on it; another context counts for new connections

`questions` is every question asked so far, each a dict of its name=value lines. With TLS, `handshakes` is every one that
came to its end here, and `handshake_failures` why others did not.
"""

import os
import socket
import threading

DUNNO = "DUNNO"
FULL = "552 5.2.2 Mailbox is full"
EMPTY = ""                     # Dovecot 2.4's answer for a mail larger than the whole quota


class Raw:
    """These bytes instead of an answer, in one write or several; `close` hangs up after them."""

    def __init__(self, *writes, close=False):
        self.writes, self.close = writes, close


class Slow:
    """An answer that comes late."""

    def __init__(self, seconds, action=DUNNO):
        self.seconds, self.action = seconds, action


class NoSizeAbove:
    """Full for a message above `limit` bytes: what a mailbox with little room answers."""

    def __init__(self, limit, action=FULL):
        self.limit, self.action = limit, action


SILENCE = Raw()
CLOSE = Raw(close=True)
GARBAGE = Raw(b"\x00\xff\x80 HTTP/1.1 200 OK\r\n\r\n\x01 no policy\n\n")
ENDLESS = Raw(b"action=" + b"x" * 1_000_000)


def split(action):
    """The same answer, one byte a write."""
    return Raw(*(bytes([byte]) for byte in f"action={action}\n\n".encode()))


class FakeQuota:
    def __init__(self, address="inet:127.0.0.1:0", tls=None):
        self.tls = tls
        self.handshakes = []
        self.handshake_failures = []
        self.answers = {}
        self.default = DUNNO
        self.questions = []
        self.connection_count = 0
        self.changed = threading.Condition()
        self.family, self.place = _place(address)
        self.listener = None
        self.start()

    @property
    def service(self):
        """The value for `quota.service`."""
        if self.family == socket.AF_UNIX:
            return "unix:" + self.place
        return "%s:%s:%d" % ("tls" if self.tls else "inet", *self.place)

    def start(self):
        self.stopping = threading.Event()
        self.connections = []
        self.listener = socket.socket(self.family, socket.SOCK_STREAM)
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind(self.place)
        self.listener.listen(64)
        if self.family == socket.AF_INET:
            self.place = self.listener.getsockname()
        threading.Thread(target=self._accept, args=(self.listener,), daemon=True).start()

    def stop(self):
        """Nobody listens any more, and open connections are cut."""
        self.stopping.set()
        with self.changed:
            doomed = self.connections + [self.listener]
        for peer in doomed:
            try:
                peer.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            peer.close()
        if self.family == socket.AF_UNIX:
            os.unlink(self.place)

    def asked(self, mailbox):
        """The questions about one mailbox, oldest first."""
        with self.changed:
            return [question for question in self.questions if question.get("recipient") == mailbox]

    def forget(self):
        with self.changed:
            self.questions.clear()

    def wait_asked(self, mailbox, count=1, limit=10.0):
        with self.changed:
            return self.changed.wait_for(
                lambda: sum(q.get("recipient") == mailbox for q in self.questions) >= count, limit)

    def _accept(self, listener):
        while True:
            try:
                peer, _ = listener.accept()
            except OSError:
                return
            if self.tls:
                peer = self.tls.wrap_socket(peer, server_side=True, do_handshake_on_connect=False)
            with self.changed:
                self.connections.append(peer)
                self.connection_count += 1
            threading.Thread(target=self._converse, args=(peer,), daemon=True).start()

    def _shake_hands(self, peer):
        try:
            peer.do_handshake()
        except OSError as failure:
            with self.changed:
                self.handshake_failures.append(str(failure))
                self.changed.notify_all()
            raise
        with self.changed:
            self.handshakes.append({"version": peer.version(), "is_reused": peer.session_reused,
                                    "client": peer.getpeercert()})

    def _converse(self, peer):
        try:
            with peer:
                if self.tls:
                    self._shake_hands(peer)
                self.serve(peer)
        except OSError:
            pass  # the client, or stop(), closed the connection

    def serve(self, peer):
        """One connection, until it is to be closed. For servers of another kind: to be replaced."""
        with peer.makefile("rb") as lines:
            question = {}
            for line in lines:
                name, equals, value = line.decode("utf-8", "replace").rstrip("\r\n").partition("=")
                if equals:
                    question.setdefault(name, value)
                    continue
                with self.changed:
                    self.questions.append(question)
                    self.changed.notify_all()
                if not self._answer(peer, question):
                    return
                question = {}

    def _answer(self, peer, question):
        """Whether the connection stays open."""
        answer = self.answers.get(question.get("recipient"), self.default)
        if isinstance(answer, Slow):
            self.stopping.wait(answer.seconds)
            answer = answer.action
        if isinstance(answer, NoSizeAbove):
            answer = answer.action if int(question.get("size") or 1) > answer.limit else DUNNO
        if isinstance(answer, Raw):
            for data in answer.writes:
                peer.sendall(data)
            if answer.close:
                peer.shutdown(socket.SHUT_RDWR)
            return not answer.close
        peer.sendall(f"action={answer}\n\n".encode())
        return True


def _place(address):
    kind, _, rest = address.partition(":")
    if kind == "unix":
        return socket.AF_UNIX, rest
    host, _, port = rest.rpartition(":")
    return socket.AF_INET, (host, int(port))
