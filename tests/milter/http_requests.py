#!/usr/bin/env python3
"""Rules that make HTTP requests: answers of every kind, servers that drip, flood, hang up and lie, and what a rule is told."""

import json
import os
import re
import socket
import struct
import subprocess
import time

from cases import case, equal, holds, run
from fake_http import FakeHttp, Reply, SILENCE
from http_asking import ASK, MAX_BODY, OPTIONS, SHORT, SLACK, TIMEOUT, ask, fails, gives, trusted, web
from program import BINARY, Program, free_port

# One lets mail pass while the service is away, the other does not.
POLICY = """
return {
    name = "%(name)s",
    settings = { url = { "text", nil, "" } },
    rcpt = function(session, message, recipient, settings)
        local answer, reason = http.request { url = settings.url }
        if not answer or answer.status >= 500 then
            %(away)s
        elseif answer.status == 403 then
            return reject(550, "5.7.1", "Forbidden")
        end
    end,
}
"""
RULES = {
    "ask.lua": ASK,
    "open.lua": POLICY % {"name": "open", "away": 'log.warning("no verdict", { reason = reason })'},
    "closed.lua": POLICY % {"name": "closed", "away": 'return defer(451, "4.3.0", "Try again", { reason = reason })'},
}

program = None


def says(*pieces, wait=None):
    """A server that sends these bytes, and hangs up, or waits for the client to."""
    def answer(peer, asked):
        for piece in pieces:
            peer.sendall(piece)
        if wait:
            SILENCE(peer, asked)
    return answer


@case("every status is an answer; headers in small letters; redirects are not followed")
def answers():
    for status in (200, 201, 202, 301, 302, 307, 400, 401, 403, 404, 429, 500, 503):
        web.answers["/status"] = Reply(status, b"text", {"Location": "/other", "WWW-Authenticate": "Basic realm=x"})
        gives(program, "/status", f"{status} text")
    equal("nobody was redirected", [one for one in web.asked if one.path == "/other"], [])
    web.answers["/headers"] = Reply(200, b"", {"X-One": "1", "x-ONE": "2", "X-Two": "  two words ", "X-Empty": "",
                                               "X-High": "\xe9"})
    gives(program, "/headers", "200  x-empty= x-high=? x-one=1, 2 x-two=two words")
    web.answers["/bytes"] = Reply(200, bytes(range(32)))
    gives(program, "/bytes", "200 " + "?" * 32)
    web.answers["/nothing"] = Reply(204)
    gives(program, "/nothing", "204 ")
    web.answers["/unchanged"] = Reply(304)
    gives(program, "/unchanged", "304 ")
    web.answers["/close"] = Reply(200, b"to the end", length=False)
    gives(program, "/close", "200 to the end")
    web.answers["/zip"] = Reply(200, b"\x1f\x8b", {"Content-Encoding": "gzip"})
    gives(program, "/zip", "200 ??")


@case("methods, body and headers as the server sees them")
def questions():
    web.forget()
    web.answers["/in"] = Reply(200, b"ok")
    for word in ("GET", "DELETE", "PUT", "PATCH", "POST"):
        gives(program, "/in?a=b", "200 ok", word)
    gives(program, "/in", "200 ", "HEAD")
    gives(program, "/in", "200 ok", "post")
    gives(program, "/in", "200 ok", "escape")
    equal("methods", [one.method for one in web.asked], ["GET", "DELETE", "PUT", "PATCH", "POST", "HEAD", "POST", "GET"])
    equal("query", web.asked[0].target, "/in?a=b")
    equal("escaped", web.asked[-1].target, "/in?a%20b%26c%3D%0D%0A%00%23")
    posted = web.asked[-2]
    equal("body", posted.body, b"a\0b")
    equal("headers", (posted.headers["content-type"], posted.headers["authorization"]), ("text/plain", "Bearer geheim"))
    for one in web.asked:
        equal(one.method, {"expect", "accept-encoding", "cookie", "transfer-encoding"} & set(one.headers), set())


@case("silence, slow headers and a dripping body end in time")
def slow():
    def drip(head, piece):
        def answer(peer, asked):
            peer.sendall(head)
            peer.settimeout(0.02)
            while True:
                peer.sendall(piece)
                try:
                    if not peer.recv(1):
                        return
                except TimeoutError:
                    pass
        return answer

    for name, answer, phase in (
            ("silence", SILENCE, "nothing came"),
            ("headers", drip(b"HTTP/1.1 200 OK\r\n", b"X-More: y\r\n"), "the answer has begun"),
            ("header", drip(b"HTTP/1.1 200 OK\r\nX-Long: ", b"y"), "the answer has begun"),
            ("body", drip(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n", b"y"), "the answer has begun"),
            ("chunks", drip(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\ny\r\n"), "the answer has begun"),
            ("continue", drip(b"", b"HTTP/1.1 100 Continue\r\n\r\n"), "the answer has begun")):
        web.answers["/slow"] = answer
        got, took = ask(program, web.url + "/slow", "short")
        equal(name, got, f"nil http GET {web.url}/slow: no answer within {SHORT * 1000:.0f} ms: {phase}")
        holds("not earlier, nor much later", SHORT - 0.05 < took < SHORT + SLACK, took)
    web.answers["/slow"] = SILENCE
    got, took = ask(program, web.url + "/slow", "long")
    holds("never longer than http.timeout", f"within {TIMEOUT * 1000:.0f} ms" in got and took < TIMEOUT + SLACK, got)


@case("the command's deadline bounds the wait")
def deadline():
    web.answers["/slow"] = SILENCE
    with Program(rules={"ask.lua": ASK}, options={**OPTIONS, "http.timeout": "20s", "deadline.command": "500ms"}) as short:
        with short.session() as session:
            session.mail()
            began = time.monotonic()
            reply = str(session.rcpt(f'<"{web.url}/slow"@example.com>'))
            took = time.monotonic() - began
            session.abort()
            session.quit()
        holds("put off or told", reply[:1] in "45", reply)
        holds("in time", took < 0.5 + SLACK, took)


@case("a body or header over the bound, or without an end")
def too_long():
    head = b"HTTP/1.1 200 OK\r\n"

    def flood(start, piece):
        def answer(peer, asked):
            peer.sendall(start)
            while True:
                peer.sendall(piece)
        return answer

    web.answers["/most"] = Reply(200, b"x" * MAX_BODY)
    gives(program, "/most", f"200 #{MAX_BODY}")
    body, header = f"the body is longer than {MAX_BODY} bytes", "the header is longer than 32768 bytes"
    for answer, reason in (
            (Reply(200, b"x" * (MAX_BODY + 1)), body),
            (Reply(500, b"x" * 1000000), body),
            (flood(head + b"\r\n", b"x" * 65536), body),
            (flood(head + b"Transfer-Encoding: chunked\r\n\r\n", b"1000\r\n" + b"x" * 4096 + b"\r\n"), body),
            (flood(head, b"X-More: " + b"y" * 1000 + b"\r\n"), header),
            (flood(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 1000), header),
            (flood(head + b"X-Long: ", b"y" * 65536), "")):
        web.answers["/flood"] = answer
        fails(program, "/flood", reason)


@case("nonsense, half answers, and hanging up at every place")
def nonsense():
    head = b"HTTP/1.1 200 OK\r\n"

    def reset(peer, asked):
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        peer.close()

    for answer, reason in (
            (says(), "Empty reply"),
            (reset, "reset"),
            (says(b"garbage\r\n\r\n"), "HTTP/0.9"),
            (says(os.urandom(8).replace(b"H", b"h") * 100), ""),
            (says(b"\0" * 1000), "HTTP/0.9"),
            (says(b"220 mail.example.test ESMTP\r\n"), "HTTP/0.9"),
            (says(b"HTTP/1.1 200 OK"), ""),
            (says(head + b"X-Half: "), "cut off"),
            (says(head + b"X: y\r\n"), "cut off"),
            (says(head + b"no colon\r\n\r\n"), ""),
            (says(head + b"X: a\0b\r\n\r\n"), ""),
            (says(head + b"Content-Length: 10\r\n\r\nhalf"), "remaining"),
            (says(head + b"Content-Length: -1\r\n\r\n"), ""),
            (says(head + b"Content-Length: 99999999999999999999999\r\n\r\nx"), ""),
            (says(head + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhal"), "remaining"),
            (says(head + b"Transfer-Encoding: chunked\r\n\r\nxyz\r\n"), ""),
            (says(b"HTTP/1.1 100 Continue\r\n\r\n"), ""),
            (says(b"HTTP/1.1 101 Switching Protocols\r\n\r\n"), "")):
        web.answers["/odd"] = answer
        fails(program, "/odd", reason)
    for answer, want in (
            (says(head + b"X-A: b\r\n c\r\n\r\n"), "200  x-a=b c"),
            (says(b"HTTP/1.1 100 Continue\r\nX-Early: y\r\n\r\n" + head + b"X-A: b\r\n\r\nok"), "200 ok x-a=b"),
            (says(head + b"Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX-Late: y\r\n\r\n"), "200 ok")):
        web.answers["/odd"] = answer
        gives(program, "/odd", want)


@case("nobody there, no such host, and a server that comes back")
def away():
    got, took = ask(program, f"http://127.0.0.1:{free_port()}/")
    holds("refused", got.endswith("cannot connect: Connection refused"), got)
    holds("at once", took < SLACK, took)
    # The port of an own socket that does not listen for more: what SYN gets no answer.
    with socket.socket() as full, socket.socket() as first:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        first.connect(full.getsockname())
        port = full.getsockname()[1]
        others = [socket.socket() for _ in range(4)]
        for other in others:
            other.setblocking(False)
            other.connect_ex(("127.0.0.1", port))
        got, took = ask(program, f"http://127.0.0.1:{port}/", "short")
        holds("no answer to connect", "within" in got and got.endswith("connecting"), got)
        holds("in time", took < SHORT + SLACK, took)
        for other in others:
            other.close()
    server = FakeHttp()
    server.answers["/"] = Reply(200, b"ok")
    for _ in range(2):
        equal("there", ask(program, server.url + "/")[0], "200 ok")
        server.stop()
        fails(program, "/", "refused", server)
        server.start()
    equal("back", ask(program, server.url + "/")[0], "200 ok")
    server.stop()


@case("a rule may let mail pass while the service is away, or not")
def open_and_closed():
    for rule, away_reply in (("open", "continue"), ("closed", "451 4.3.0 Try again")):
        server = FakeHttp()
        options = {**OPTIONS, "http.timeout": "500ms", "rules": rule, f"{rule}.url": server.url + "/"}
        with Program(rules=RULES, options=options) as which:
            for answer, want in ((Reply(200), "continue"), (Reply(403), "550 5.7.1 Forbidden"), (Reply(500), away_reply),
                                 (SILENCE, away_reply), (Reply(200, b"x" * MAX_BODY * 2), away_reply)):
                server.answers["/"] = answer
                equal(rule, which.at_rcpt("<alice@example.com>"), want)
            server.stop()
            equal(f"{rule}: away", which.at_rcpt("<alice@example.com>"), away_reply)
            server.answers["/"] = Reply(403)
            server.start()
            equal(f"{rule}: back", which.at_rcpt("<alice@example.com>"), "550 5.7.1 Forbidden")
        server.stop()


@case("misuse raises at the line of the rule")
def misuse():
    lines = {
        'http.request()': "table expected",
        'http.request("http://a.test/")': "table expected",
        'http.request {}': "the field url is missing",
        'http.request { url = 5 }': "url is to be a text, not a number",
        'http.request { "http://a.test/" }': "the fields are url, method",
        'http.request { url = "http://a.test/", tiemout = 5 }': "there is no field tiemout",
        'http.request { url = "http://a.test/", timeout = 0 }': "timeout is to be milliseconds",
        'http.request { url = "http://a.test/", timeout = "5" }': "timeout is to be milliseconds",
        'http.request { url = "http://a.test/", method = "get" }': "the method is none of",
        'http.request { url = "http://a.test/", method = "GET\\0" }': "the method is none of",
        'http.request { url = "http://a.test/", body = 5 }': "body is to be a text",
        'http.request { url = "http://a.test/", method = "GET", body = "" }': "GET takes no body",
        'http.request { url = "http://a.test/", headers = "X: y" }': "headers is to be a table",
        'http.request { url = "http://a.test/", headers = { "X: y" } }': "the name of a header is to be a text",
        'http.request { url = "http://a.test/", headers = { X = 5 } }': "the value of a header is to be a text",
        'http.request { url = "http://a.test/", headers = { X = "a\\r\\nb" } }': "the header X holds a line end",
        'http.request { url = "http://a.test/", headers = { Connection = "close" } }': "is not for a rule to set",
        'http.request { url = "file:///etc/passwd" }': "neither http:// nor https://",
        'http.request { url = "http://secret:word@a b/" }': "a blank or other",
        'http.request { url = "http://secret:word@/?secret" }': "this is no URL",
        'http.request { url = "http://a.test:99999/" }': "this is no URL",
        'table.sort({ 2, 1 }, function() http.request { url = "http://a.test/" } end)': "cannot wait here",
        'http.escape(5)': "string expected",
        'http.escape(("x"):rep(8193))': "at most 8192 bytes",
    }
    calls = ",\n".join(f"function() {line} end" for line in lines)
    rule = f"""
        local calls = {{ {calls} }}
        return {{ name = "wrong", rcpt = function(session, message, recipient)
            for _, call in ipairs(calls) do
                local ok, reason = pcall(call)
                log.info("said", {{ ok = ok, reason = reason }})
            end
        end }}"""
    with Program(rules={"wrong.lua": rule}, options={**OPTIONS, "rules": "wrong"}) as wrong:
        equal("passes", wrong.at_rcpt("<alice@example.com>"), "continue")
        holds("all said", wrong.wait_log("8192 bytes"), wrong.log)
        said = [line for line in wrong.lines if "said" in line]
        equal("each", len(said), len(lines))
        for number, (line, want) in enumerate(lines.items()):
            holds(f"{line}: {want}", want in said[number] and "ok=false" in said[number], said[number])
            holds(f"{line}: with its place", f"wrong.lua:{number + 2}:" in said[number], said[number])
        holds("no secrets", "secret" not in wrong.log, wrong.log)


@case("explain shows what was asked and answered, the counters count, and nobody learns a secret")
def explain():
    web.answers["/shown"] = Reply(200, b"ok")
    web.answers["/silent"] = SILENCE
    answers = []
    secret = web.url.replace("//", "//user:geheim@")
    for url in (f"{secret}/shown?geheim", f"short {secret}/silent?geheim#geheim", f"post {secret}/shown"):
        result = subprocess.run([BINARY, "-c", str(program.config), "explain", "--json", "--from", "a@ext.test", "--rcpt",
                                 f'"{url}"@example.com'], capture_output=True, text=True, timeout=60, check=False)
        equal("refused", (result.returncode, result.stderr), (1, ""))
        answers += [answer for event in json.loads(result.stdout)["events"] for answer in event["answers"]
                    if answer["name"] == "http.request"]
    shown = [answer["arguments"][0] for answer in answers]
    for question, want in zip(shown, (r"/shown\(13 bytes, [0-9a-f]{4}\)", r"/silent\(21 bytes, [0-9a-f]{4}\)", "/shown"),
                              strict=True):
        holds(f"URL {want}", re.fullmatch(re.escape(web.url) + want, question["url"]), question)
    equal("a body is hidden", shown[2]["body"].split(",")[0], "(3 bytes")
    equal("status and size", [answer.get("remark") for answer in answers], ["200, 2 bytes", None, "200, 2 bytes"])
    equal("an answer", [answers[0]["results"][0][name] for name in ("status", "body")], [200, "ok"])
    equal("none", answers[1]["results"], [None, f"http GET {web.url}/silent: no answer within {SHORT * 1000:.0f} ms: nothing came"])
    holds("no secrets", "geheim" not in json.dumps(answers), answers)
    with Program(rules=RULES, options={**OPTIONS, "http.timeout": "500ms", "rules": "open",
                                       "open.url": f"{secret}/silent?geheim",
                                       "log.level": "debug"}) as counted:
        for _ in range(2):
            equal("passes", counted.at_rcpt("<alice@example.com>"), "continue")
        web.answers["/silent"] = Reply(200)
        equal("passes", counted.at_rcpt("<alice@example.com>"), "continue")
        holds("logged", counted.wait_log("no verdict.*no answer within"), counted.log)
        counted.stop()
        line = counted.wait_log(r" counters ")
        holds("three asked, two failed", " http_asked=3 http_failed=2 " in line, line)
        holds("no secrets", "geheim" not in counted.log, counted.log)


@case("what cannot be used is refused at start")
def options():
    for name, value, want in (("http.ca", "/nonexistent.pem", "/nonexistent.pem: No such file"),
                              ("http.timeout", "0", "http.timeout"), ("http.requests", "0", "http.requests"),
                              ("http.max_body", "2MiB", "http.max_body"),
                              ("http.ca", trusted.key, "trusted certificates are needed there")):
        result = subprocess.run([BINARY, "-c", str(program.config), "-o", f"{name}={value}", "explain", "--rcpt", "a@example.com"],
                                capture_output=True, text=True, timeout=60, check=False)
        holds(f"{name}={value}", result.returncode == 2 and want in result.stderr, result)


with Program(rules=RULES, options=OPTIONS) as program:
    run()
