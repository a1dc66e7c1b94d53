"""A scriptable name server on loopback, UDP and TCP on one port.

    dns = FakeDns()
    dns.answers["example.com", "mx"] = [(10, "mail.example.com"), (20, b"raw\\0label.example")]
    dns.answers["slow.example", "a"] = Slow(0.5, ["192.0.2.1"])
    dns.answers["lost.example", "a"] = SILENCE
    dns.stop(); dns.start()                      # away, and back on the same port

Names without an entry do not exist; with entries of other types they have no such record. A record is a text (A, AAAA), a
name (PTR), a pair (MX), bytes or a list of bytes (TXT); `Rdata` is any bytes. Names given as bytes are labels between dots.
`questions` is every question asked so far: (name, type, "udp" or "tcp").
"""

import socket
import struct
import threading

TYPES = {"a": 1, "ptr": 12, "mx": 15, "txt": 16, "aaaa": 28}
NAMES = {number: name for name, number in TYPES.items()}
NOERROR, FORMERR, SERVFAIL, NXDOMAIN, NOTIMP, REFUSED = range(6)
RESPONSE, TRUNCATED, RECURSION = 0x8000, 0x0200, 0x0180
UDP_BYTES = 512


class Rcode:
    """An answer without records."""

    def __init__(self, number):
        self.number = number


class Slow:
    """An answer that comes late."""

    def __init__(self, seconds, answer):
        self.seconds, self.answer = seconds, answer


class Packets:
    """What `make(query, question)` returns is sent instead of an answer: a list of packets. By TCP each has its length before
    it, unless `framed` is false."""

    def __init__(self, make, framed=True):
        self.make, self.framed = make, framed


class ByTcp:
    """Cut by UDP, whole by TCP; `tcp` is any other answer."""

    def __init__(self, tcp):
        self.tcp = tcp


class Rdata:
    """The bytes of a record, of another type when `number` says so."""

    def __init__(self, data, number=None):
        self.data, self.number = data, number


SILENCE = Packets(lambda query, question: [])


def encode_name(name):
    labels = (name.encode() if isinstance(name, str) else name).strip(b".").split(b".")
    return b"".join(bytes([len(label)]) + label for label in labels if label) + b"\0"


def encode_record(kind, record):
    if isinstance(record, Rdata):
        return record.data
    if kind == "a":
        return socket.inet_pton(socket.AF_INET, record)
    if kind == "aaaa":
        return socket.inet_pton(socket.AF_INET6, record)
    if kind == "mx":
        return struct.pack(">H", record[0]) + encode_name(record[1])
    if kind == "txt":
        return b"".join(bytes([len(part)]) + part for part in ([record] if isinstance(record, bytes) else record))
    return encode_name(record)


def decode_question(query):
    """The name, the type's number and the question's bytes."""
    labels, at = [], 12
    while query[at]:
        labels.append(query[at + 1:at + 1 + query[at]].decode("latin-1"))
        at += 1 + query[at]
    return ".".join(labels), struct.unpack(">H", query[at + 1:at + 3])[0], query[12:at + 5]


def message(query, question, records=(), kind="a", flags=0, count=None):
    """A response to that query; the owner of each record is the name asked for, by a pointer to it."""
    head = query[:2] + struct.pack(">HHHHH", RESPONSE | RECURSION | flags, 1 if question else 0,
                                   len(records) if count is None else count, 0, 0)
    body = b""
    for record in records:
        data = encode_record(kind, record)
        number = record.number if isinstance(record, Rdata) and record.number else TYPES[kind]
        body += b"\xc0\x0c" + struct.pack(">HHIH", number, 1, 60, len(data)) + data
    return head + question + body


class FakeDns:
    def __init__(self, host="127.0.0.1"):
        self.family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.answers = {}
        self.questions = []
        self.changed = threading.Condition()
        self.place = (host, 0)
        self.start()

    @property
    def server(self):
        """For `dns.servers`."""
        return ("[%s]:%d" if self.family == socket.AF_INET6 else "%s:%d") % self.place

    def start(self):
        self.stopping = threading.Event()
        while True:
            self.udp = socket.socket(self.family, socket.SOCK_DGRAM)
            self.udp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
            self.udp.bind(self.place)
            self.tcp = socket.socket(self.family, socket.SOCK_STREAM)
            self.tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                self.tcp.bind(self.udp.getsockname()[:2])
                break
            except OSError:  # that port is somebody's, by TCP
                self.udp.close()
                self.tcp.close()
                if self.place[1]:
                    raise
        self.place = self.udp.getsockname()[:2]
        self.tcp.listen(64)
        self.threads = [threading.Thread(target=work, daemon=True) for work in (self._serve_udp, self._serve_tcp)]
        self.peers = []
        for thread in self.threads:
            thread.start()

    def stop(self):
        self.stopping.set()
        self.udp.sendto(b"", self.place)  # wakes the thread
        with self.changed:
            doomed = [self.tcp, *self.peers]
        for peer in doomed:
            try:
                peer.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            peer.close()
        for thread in self.threads:
            thread.join(10)
        self.udp.close()

    def asked(self, name, kind):
        """How each question about it came."""
        with self.changed:
            return [way for asked, type_, way in self.questions if (asked, type_) == (name, kind)]

    def wait_asked(self, name, kind, limit=10.0):
        with self.changed:
            return self.changed.wait_for(
                lambda: any((asked, type_) == (name, kind) for asked, type_, _ in self.questions), limit)

    def _serve_udp(self):
        while True:
            query, client = self.udp.recvfrom(4096)
            if self.stopping.is_set():
                return
            if len(query) > 16:
                self._answer(query, "udp", lambda packets, framed, client=client: [
                    self.udp.sendto(packet, client) for packet in packets])

    def _serve_tcp(self):
        while True:
            try:
                peer, _ = self.tcp.accept()
            except OSError:
                return
            with self.changed:
                self.peers.append(peer)
            threading.Thread(target=self._converse, args=(peer,), daemon=True).start()

    def _converse(self, peer):
        def send(packets, framed):
            for packet in packets:
                if packet is None:
                    peer.shutdown(socket.SHUT_RDWR)
                    return
                peer.sendall(struct.pack(">H", len(packet)) + packet if framed else packet)

        try:
            with peer, peer.makefile("rb") as stream:
                while head := stream.read(2):
                    self._answer(stream.read(struct.unpack(">H", head)[0]), "tcp", send)
        except (OSError, struct.error):
            pass  # the client, or stop(), closed the connection

    def _answer(self, query, way, send):
        name, number, question = decode_question(query)
        kind = NAMES.get(number, str(number))
        with self.changed:
            self.questions.append((name, kind, way))
            self.changed.notify_all()
        known = any(name == other for other, _ in self.answers)
        answer = self.answers.get((name, kind), [] if known else Rcode(NXDOMAIN))

        def give(answer):
            packets, framed = self._packets(answer, query, question, kind, way)
            try:
                send(packets, framed)
            except OSError:
                pass

        if isinstance(answer, Slow):
            timer = threading.Timer(answer.seconds, give, (answer.answer,))
            timer.daemon = True
            timer.start()
        else:
            give(answer)

    @staticmethod
    def _packets(answer, query, question, kind, way):
        if isinstance(answer, ByTcp):
            if way == "udp":
                return [message(query, question, flags=TRUNCATED)], True
            answer = answer.tcp
        if isinstance(answer, Packets):
            return answer.make(query, question), answer.framed
        if isinstance(answer, Rcode):
            return [message(query, question, flags=answer.number)], True
        whole = message(query, question, answer, kind)
        if way == "udp" and len(whole) > UDP_BYTES:
            return [message(query, question, flags=TRUNCATED)], True
        return [whole], True
