#!/usr/bin/env python3
"""The quota service over TLS: who is believed, who is not and what is said about it, sessions, and the odd ways in which
bytes may come."""

import re
import socket
import ssl
import subprocess
import threading
import time

import fake_quota
from cases import case, equal, holds, run
from certificates import Authority
from fake_quota import DUNNO, FULL, FakeQuota
from program import BINARY, Program, free_port, wait_until

TIMEOUT = 2.0    # quota.timeout of these tests, but where it is waited for
SHORT = 0.3
SLACK = 1.5      # for a loaded machine
LIMIT = 30.0
NAME = "quota.example.test"
SOUND = {"postfix-virtual.cf": "basic@example.com full@example.com\n", "postfix-regexp.cf": None}

trusted = Authority("Test CA")
stranger = Authority("Other CA")
server = trusted.issue(NAME)
client = trusted.issue("foregate.example.test")


def ask(program, recipient="<alice@example.com>"):
    """The answer at RCPT, and the seconds it took."""
    with program.session() as session:
        session.mail()
        began = time.monotonic()
        reply = session.rcpt(recipient)
        took = time.monotonic() - began
        session.abort()
        session.quit()
    return str(reply), took


def options(**more):
    """For Program; a dot in a name is written as two underscores."""
    return {"quota.timeout": f"{TIMEOUT * 1000:.0f}ms", "quota.tls_ca": trusted.certificate, "quota.tls_name": NAME,
            "quota.on_failure": "defer", "quota.connections": "1",
            **{name.replace("__", "."): value for name, value in more.items()}}


def answers(quota, **more):
    """What a full mailbox and one with room are told."""
    quota.answers["full@example.com"] = FULL
    with Program(quota=quota, options=options(**more)) as program:
        equal("full", ask(program, "<basic@example.com>")[0], FULL)
        equal("room", ask(program, "<ok@example.com>")[0], "continue")
        return program.log


def check(program):
    """What `foregate check` prints with the same configuration."""
    return subprocess.run([BINARY, "-c", str(program.config), "check"], capture_output=True, text=True, timeout=60,
                          check=False)


def refused(what, quota, pattern, limit=TIMEOUT, **more):
    """Nobody is believed, who asks is put off at once, the log and `foregate check` say why."""
    with Program(quota=quota, options=options(**more), volume=SOUND) as program:
        reply, took = ask(program)
        holds(f"{what}: put off", reply.startswith("4"), reply)
        holds(f"{what}: within the timeout", took < limit + SLACK, took)
        line = program.wait_log(r"^warning quota_service_away")
        print(f"      {line}")
        holds(f"{what}: logged as /{pattern}/", line and re.search(pattern, line), program.log)
        holds(f"{what}: in the log of the question as well", program.wait_log(rf"^warning rule .*{pattern}"), program.log)
        result = check(program)
        equal(f"{what}: status of check\n{result.stdout}", result.returncode, 0)
        holds(f"{what}: check says it", re.search(rf"{pattern}.*\[quota-no-answer\]", result.stdout), result.stdout)
        holds(f"{what}: and what to do", "quota.tls_ca" in result.stdout, result.stdout)


@case("answers over TLS 1.3 and 1.2")
def versions():
    for version, name in ((ssl.TLSVersion.TLSv1_3, "TLSv1.3"), (ssl.TLSVersion.TLSv1_2, "TLSv1.2")):
        quota = FakeQuota(tls=server.context(minimum=version, maximum=version))
        answers(quota)
        equal("version", {handshake["version"] for handshake in quota.handshakes}, {name})
        equal("connections", quota.connection_count, 1)
        quota.stop()


@case("whose name is wanted: quota.tls_name, else the service's host, as a name or an address; the name is sent")
def names():
    local = trusted.issue("mail.example.test", "DNS:localhost,IP:127.0.0.1,IP:::1")
    asked = []
    context = local.context()
    context.sni_callback = lambda peer, name, _: asked.append(name)
    quota = FakeQuota(tls=context)
    port = quota.place[1]
    for service, name, sent in ((f"tls:localhost:{port}", "", "localhost"), (f"tls:127.0.0.1:{port}", "", None),
                                (f"tls:127.0.0.1:{port}", "::1", None), (f"tls:127.0.0.1:{port}", "localhost", "localhost")):
        asked.clear()
        answers(quota, quota__service=service, quota__tls_name=name)
        equal(f"{service} {name}: sent", set(asked), {sent})
    quota.stop()
    # An IPv6 literal.
    listener = FakeQuota(tls=context)
    relay = Relay(listener, family=socket.AF_INET6)
    answers(listener, quota__service=f"tls:[::1]:{relay.port}", quota__tls_name="")
    relay.stop()
    listener.stop()


@case("a certificate for another name")
def wrong_name():
    quota = FakeQuota(tls=trusted.issue("other.example.test").context())
    refused("name", quota, r"certificate of other\.example\.test: hostname mismatch, wanted is quota\.example\.test "
                           r"\(it is for DNS:other\.example\.test\)")
    refused("address", quota, r"certificate of other\.example\.test: IP address mismatch, wanted is 127\.0\.0\.1 ",
            quota__tls_name="")
    equal("nothing was asked", quota.questions, [])
    quota.stop()


@case("certificates that are expired, self-signed, or of nobody trusted")
def bad_certificates():
    for what, certificate, pattern in (
            ("expired", trusted.issue(NAME, days=-1),
             rf"certificate of {NAME}: certificate has expired \(notAfter=\w+ +\d+ [\d:]+ 20\d\d GMT\)"),
            ("self-signed", Authority(NAME, f"DNS:{NAME}"), f"certificate of {NAME}: self-signed certificate"),
            ("untrusted", stranger.issue(NAME),
             rf"certificate of {NAME}: unable to get local issuer certificate \(issuer=Other CA\)")):
        quota = FakeQuota(tls=certificate.context())
        refused(what, quota, pattern)
        equal(f"{what}: nothing was asked", quota.questions, [])
        quota.stop()
    quota = FakeQuota(tls=server.context())
    refused("not of the system", quota, rf"certificate of {NAME}: unable to get local issuer", quota__tls_ca="")
    quota.stop()


@case("the server's own certificate, named as trusted, is trusted")
def pinned():
    own = Authority(NAME, f"DNS:{NAME}")
    for certificate in (own, server):
        quota = FakeQuota(tls=certificate.context())
        answers(quota, quota__tls_ca=certificate.certificate)
        quota.stop()


@case("a client certificate is demanded: given, not given, of somebody else")
def client_certificates():
    other = stranger.issue("foregate.example.test")
    for version, missing, wrong in (
            (ssl.TLSVersion.TLSv1_3, "certificate required; it asks for a client certificate", "unknown ca"),
            (ssl.TLSVersion.TLSv1_2, "handshake failure; it asks for a client certificate", "unknown ca")):
        quota = FakeQuota(tls=server.context(trusted, minimum=version, maximum=version))
        answers(quota, quota__tls_certificate=client.certificate, quota__tls_key=client.key)
        subject = dict(entry[0] for entry in quota.handshakes[-1]["client"]["subject"])
        equal("who it was", subject["commonName"], "foregate.example.test")
        quota.forget()
        refused(f"none, {version.name}", quota, missing)
        refused(f"wrong, {version.name}", quota, wrong, quota__tls_certificate=other.certificate,
                quota__tls_key=other.key)
        equal("nothing was asked", quota.questions, [])
        quota.stop()


@case("a peer that speaks no TLS is never asked in plain text")
def plain_peer():
    class Banner(FakeQuota):
        service = property(lambda self: "tls:127.0.0.1:%d" % self.place[1])

        def serve(self, peer):
            peer.sendall(b"220 mail.example.test ESMTP\r\n")
            while data := peer.recv(4096):
                heard.append(data)

    heard = []
    quota = Banner()
    refused("banner", quota, r"the server speaks no TLS there \(wrong version number\)")
    holds("only what TLS says was sent", heard and not any(b"recipient" in data for data in heard), heard)
    quota.stop()

    class Closing(Banner):
        def serve(self, peer):
            peer.recv(4096)

    quota = Closing()
    refused("closing", quota, r"the server closed the connection in the handshake")
    quota.stop()


@case("a peer with TLS 1.1 only")
def old_peer():
    context = server.context(minimum=ssl.TLSVersion.TLSv1, maximum=ssl.TLSVersion.TLSv1_1)
    context.set_ciphers("ALL:@SECLEVEL=0")
    quota = FakeQuota(tls=context)
    refused("TLS 1.1", quota, r"the server has no TLS 1\.2 or newer")
    quota.stop()


@case("a handshake that hangs ends at quota.timeout")
def hanging():
    class Silent(FakeQuota):
        service = property(lambda self: "tls:127.0.0.1:%d" % self.place[1])

        def serve(self, peer):
            while peer.recv(4096):
                pass

    quota = Silent()
    refused("silence", quota, r"no answer within 300 ms: in the TLS handshake", limit=SHORT, quota__timeout="300ms")
    # Half of what the server says.
    quota.stop()
    real = FakeQuota(tls=server.context())
    relay = Relay(real, hold_first=200)
    refused("half", real, r"no answer within 300 ms: in the TLS handshake", limit=SHORT, quota__timeout="300ms",
            quota__service=relay.service)
    relay.stop()
    real.stop()


@case("back with a good certificate, it is noticed")
def back():
    quota = FakeQuota(tls=trusted.issue(NAME, days=-1).context())
    with Program(quota=quota, options=options()) as program:
        holds("put off", ask(program)[0].startswith("4"))
        quota.tls = server.context()
        wait_until(lambda: ask(program)[0] == "continue", LIMIT, "an answer")
        holds("logged", program.wait_log(r"quota_service_back"), program.log)
    quota.stop()


@case("the session is resumed by the next connection; not when the server forgot it")
def sessions():
    for version in (ssl.TLSVersion.TLSv1_3, ssl.TLSVersion.TLSv1_2):
        quota = FakeQuota(tls=server.context(minimum=version, maximum=version))
        with Program(quota=quota, options=options()) as program:
            for turn in range(3):
                equal("answer", ask(program)[0], "continue")
                quota.stop()
                quota.start()
            quota.stop()
            quota.tls = server.context(minimum=version, maximum=version)
            quota.start()
            equal("answer", ask(program)[0], "continue")
        equal(version.name, [handshake["is_reused"] for handshake in quota.handshakes], [False, True, True, False])
        quota.stop()


@case("an idle connection that the server closes is noticed, with a goodbye or without")
def idle_close():
    class Polite(FakeQuota):
        def _answer(self, peer, question):
            super()._answer(peer, question)
            peer.unwrap()  # until the other end has said goodbye as well
            parted.release()
            return False

    parted = threading.Semaphore(0)
    for kind in (Polite, FakeQuota):
        quota = kind(tls=server.context())
        with Program(quota=quota, options=options()) as program:
            equal("before", ask(program)[0], "continue")
            if kind is Polite:
                holds("said goodbye", parted.acquire(timeout=LIMIT))
            else:
                socket.socket.shutdown(quota.connections[0], socket.SHUT_WR)
            wait_until(lambda: not held(program, quota.place[1]), LIMIT, "the connection's end")
            equal("after", ask(program)[0], "continue")
            equal("connections", quota.connection_count, 2)
            equal("resumed", quota.handshakes[-1]["is_reused"], True)
            holds("nothing is logged", "quota" not in "".join(line for line in program.lines if "warning" in line))
        quota.stop()


def held(program, port):
    """Whether the program has a connection to that port of 127.0.0.1 that is not closed by the other end."""
    tail = "0100007F:%04X" % port
    with open(f"/proc/{program.process.pid}/net/tcp", encoding="ascii") as table:
        rows = [line.split() for line in table][1:]
    return any(row[2] == tail and row[3] in ("01", "08") for row in rows)


@case("many questions, one connection")
def kept_open():
    quota = FakeQuota(tls=server.context())
    with Program(quota=quota, options=options()) as program:
        for _ in range(20):
            equal("answer", ask(program)[0], "continue")
    equal("connections", quota.connection_count, 1)
    quota.stop()


@case("bytes one by one, an answer in records of one byte")
def pieces():
    quota = FakeQuota(tls=server.context())
    relay = Relay(quota, chunk=1)
    answers(quota, quota__service=relay.service)
    quota.answers["full@example.com"] = fake_quota.split(FULL)
    with Program(quota=quota, options=options(quota__service=relay.service)) as program:
        equal("in records of one byte", ask(program, "<basic@example.com>")[0], FULL)
    relay.stop()
    quota.stop()


@case("a pause in the middle of a record")
def pause():
    quota = FakeQuota(tls=server.context())
    relay = Relay(quota)
    with Program(quota=quota, options=options(quota__service=relay.service)) as program:
        equal("before", ask(program)[0], "continue")
        quota.answers["full@example.com"] = FULL
        relay.hold_after = 20  # of a record that is longer
        got = []
        asking = threading.Thread(target=lambda: got.append(ask(program, "<basic@example.com>")[0]))
        asking.start()
        holds("held", relay.is_holding.wait(LIMIT))
        equal("no answer yet", got, [])
        relay.release()
        asking.join(LIMIT)
        equal("answer", got, [FULL])
        equal("connections", quota.connection_count, 1)
    relay.stop()
    quota.stop()


@case("nonsense inside of TLS, and in place of it")
def nonsense():
    quota = FakeQuota(tls=server.context())
    for name, answer in (("garbage", fake_quota.GARBAGE), ("endless", fake_quota.ENDLESS), ("closed", fake_quota.CLOSE)):
        with Program(quota=quota, options=options()) as program:
            quota.default = answer
            reply, took = ask(program)
            quota.default = DUNNO
            holds(f"{name}: put off", reply.startswith("4"), reply)
            holds(f"{name}: soon", took < TIMEOUT + SLACK, took)
            equal(f"{name}: then", ask(program)[0], "continue")
    relay = Relay(quota)
    with Program(quota=quota, options=options(quota__service=relay.service)) as program:
        equal("before", ask(program)[0], "continue")
        relay.spoil = True  # what comes now does not decrypt: asked again on a new connection
        equal("after", ask(program)[0], "continue")
        equal("connections of the program", relay.count, 2)
    relay.stop()
    quota.stop()


@case("files that cannot be used: it does not start, and `check` has an error")
def bad_files():
    quota = FakeQuota(tls=server.context())
    folder = server.key.parent
    (folder / "text").write_text("no certificate\n")
    locked = folder / "locked.key"
    subprocess.run(["openssl", "ec", "-in", client.key, "-aes128", "-passout", "pass:secret", "-out", locked], check=True,
                   capture_output=True)
    own = {"quota__tls_certificate": client.certificate, "quota__tls_key": client.key}
    for what, more, pattern in (
            ("no such file", {"quota__tls_ca": "/nonexistent/ca.pem"}, r"/nonexistent/ca\.pem: No such file.*; trusted"),
            ("no certificate", {"quota__tls_ca": folder / "text"}, r"/text: .*; trusted certificates are needed there"),
            ("no own certificate", {**own, "quota__tls_certificate": folder / "text"}, r"/text: .*; a certificate is needed"),
            ("no key", {**own, "quota__tls_key": "/nonexistent/key"}, r"/nonexistent/key: No such file.*; the key of"),
            ("another's key", {**own, "quota__tls_key": server.key}, r"\.key: key values mismatch; the key of"),
            ("a locked key", {**own, "quota__tls_key": locked}, r"locked\.key: the key has a passphrase; "),
            ("a key alone", {"quota__tls_key": client.key}, r"quota\.tls_key one is set alone; set the other"),
            ("a certificate alone", {"quota__tls_certificate": client.key}, r"one is set alone; set the other"),
            ("plain text", {"quota__service": "inet:127.0.0.1:%d" % quota.place[1]}, r"plain text.*; write tls:host:port"),
            ("a bad name", {"quota__tls_name": "a..b"}, r"quota\.tls_name = a\.\.b: this is no host name; ")):
        with Program(quota=quota, options=options(**more), volume=SOUND, start=False) as program:
            program.spawn()
            equal(f"{what}: status", program.wait_end(), 2)
            program.check_end(2)
            holds(f"{what}: says /{pattern}/", re.search(f"start_refused.*{pattern}", program.log), program.log)
            result = check(program)
            equal(f"{what}: status of check", result.returncode, 1)
            message = pattern.partition(r"; ")[0]
            holds(f"{what}: check", re.search(rf"error: .*{message}.*\[(quota-service|bad-value)\]", result.stdout),
                  result.stdout + result.stderr)
    quota.stop()


class Relay:
    """Between the program and the service: passes on what the service says in chunks; of the next that it says, or of
    each connection's first, so many bytes and no more until it is released."""

    def __init__(self, quota, chunk=65536, hold_first=None, family=socket.AF_INET):
        self.quota, self.chunk, self.hold_first, self.hold_after = quota, chunk, hold_first, None
        self.spoil = False
        self.count = 0
        self.may_go_on, self.is_holding = threading.Event(), threading.Event()
        self.listener = socket.socket(family, socket.SOCK_STREAM)
        self.listener.bind(("::1" if family == socket.AF_INET6 else "127.0.0.1", 0))
        self.listener.listen(16)
        self.port = self.listener.getsockname()[1]
        self.ends = [self.listener]
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def service(self):
        return f"tls:127.0.0.1:{self.port}"

    def _accept(self):
        while True:
            try:
                near, _ = self.listener.accept()
                far = socket.create_connection(("127.0.0.1", self.quota.place[1]))
            except OSError:
                return
            self.count += 1
            near.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.ends += [near, far]
            threading.Thread(target=self._pass, args=(near, far, False), daemon=True).start()
            threading.Thread(target=self._pass, args=(far, near, True), daemon=True).start()

    def _pass(self, source, sink, is_answer):
        first = self.hold_first
        try:
            while data := source.recv(65536):
                hold_after, first = first or self.hold_after, None
                if is_answer and hold_after:
                    head, data = data[:hold_after], data[hold_after:]
                    self.hold_after = None
                    sink.sendall(head)
                    self.is_holding.set()
                    self.may_go_on.wait()
                if is_answer and self.spoil:
                    self.spoil = False
                    data = data[:-1] + bytes([data[-1] ^ 1])
                size = self.chunk if is_answer else len(data)
                for start in range(0, len(data), size):
                    sink.sendall(data[start:start + size])
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # one end, or stop(), closed it

    def release(self):
        self.may_go_on.set()

    def stop(self):
        self.release()
        for end in self.ends:
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            end.close()


run()
