"""A scriptable HTTP server on loopback, plain or with TLS.

    web = FakeHttp()
    web.answers["/ok"] = Reply(200, b"body", {"X-Name": "value"})
    web.answers["/odd"] = lambda peer, asked: peer.sendall(b"garbage")     # then it hangs up
    web.answers["/never"] = SILENCE
    web.url + "/ok"
    web.stop(); web.start()                      # away, and back on the same port

Paths without an entry are answered 404. A query is no part of the path. `asked` is every request so far.
"""

import socket
import threading


class Reply:
    def __init__(self, status=200, body=b"", headers=None, length=True):
        """Without a length the answer ends where the connection does."""
        self.status, self.body, self.headers, self.length = status, body, headers or {}, length

    def encode(self, with_body=True):
        lines = [f"HTTP/1.1 {self.status} Because", *(f"{name}: {value}" for name, value in self.headers.items())]
        if self.length and self.status not in (204, 304):
            lines.append(f"Content-Length: {len(self.body)}")
        return "\r\n".join([*lines, "", ""]).encode("latin-1") + (self.body if with_body else b"")


class Asked:
    """One request; `connection` counts from 1."""

    def __init__(self, connection, line, headers, body):
        self.connection, self.headers, self.body = connection, headers, body
        self.method, self.target, _ = line.split(" ")
        self.path = self.target.partition("?")[0]


def silence(peer, asked):
    """Until the client has had enough."""
    peer.recv(1)


SILENCE = silence


class FakeHttp:
    def __init__(self, tls=None):
        self.tls = tls
        self.answers = {}
        self.asked = []
        self.connection_count = 0
        self.changed = threading.Condition()
        self.place = ("127.0.0.1", 0)
        self.start()

    @property
    def url(self):
        return "%s://127.0.0.1:%d" % ("https" if self.tls else "http", self.place[1])

    def start(self):
        self.listener = socket.socket()
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind(self.place)
        self.listener.listen(512)
        self.place = self.listener.getsockname()
        self.peers = set()
        self.thread = threading.Thread(target=self._accept, args=(self.listener,), daemon=True)
        self.thread.start()

    def stop(self):
        with self.changed:
            doomed = [self.listener, *self.peers]
        for end in doomed:
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        self.listener.close()
        self.thread.join(10)

    def forget(self):
        with self.changed:
            self.asked.clear()

    def wait_asked(self, path, count=1, limit=10.0):
        with self.changed:
            return self.changed.wait_for(lambda: sum(one.path == path for one in self.asked) >= count, limit)

    def _accept(self, listener):
        while True:
            try:
                peer, _ = listener.accept()
            except OSError:
                return
            peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self.changed:
                self.connection_count += 1
                self.peers.add(peer)
                number = self.connection_count
            threading.Thread(target=self._converse, args=(peer, number), daemon=True).start()

    def _converse(self, plain, number):
        peer = plain
        try:
            if self.tls:
                # A socket of its own: stop() shuts the plain one.
                peer = self.tls.wrap_socket(plain.dup(), server_side=True)
            with peer.makefile("rb") as stream:
                while self._answer(peer, number, stream):
                    pass
        except OSError:
            pass  # the client, or stop(), closed the connection, or it does not trust us
        finally:
            with self.changed:
                self.peers.discard(plain)
            peer.close()
            plain.close()

    def _answer(self, peer, number, stream):
        line = stream.readline().decode("latin-1").strip()
        if line.count(" ") != 2 or not line.endswith(" HTTP/1.1"):
            return False  # the end, or a client that believes in TLS here
        headers = {}
        while (header := stream.readline().decode("latin-1").strip()):
            name, _, value = header.partition(":")
            headers[name.lower()] = value.strip()
        asked = Asked(number, line, headers, stream.read(int(headers.get("content-length", 0))))
        with self.changed:
            self.asked.append(asked)
            self.changed.notify_all()
        answer = self.answers.get(asked.path, Reply(404, b"not here"))
        if callable(answer):
            answer(peer, asked)
            return False
        peer.sendall(answer.encode(asked.method != "HEAD"))
        return answer.length
