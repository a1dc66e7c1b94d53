#!/usr/bin/env python3
"""Rules that ask the DNS: every kind of answer, lies, silence, absence and return of the server, many at once."""

import json
import os
import socket
import struct
import subprocess
import threading
import time

import fake_dns
from cases import case, equal, holds, run
from fake_dns import ByTcp, FakeDns, Packets, Rcode, Rdata, SILENCE, Slow, message
from program import BINARY, Program, wait_until

TIMEOUT = 0.6    # dns.timeout of these tests
SLACK = 1.5      # for a loaded machine; a missing deadline shows as many seconds

# The recipient's local-part is what to ask for, as `TYPE NAME`; the refusal says the answer. Bytes that are no printable
# ASCII, quotes and backslashes are shown by their numbers, long texts by their length.
ASK = r"""
local function show(text)
    if #text > 200 then return "#" .. #text end
    return (text:gsub('[^ -~]', function(c) return ("<%d>"):format(c:byte()) end))
end

local function ask(kind, name)
    local answer, reason = dns[kind](name)
    if not answer then return "nil " .. reason end
    local parts = {}
    for i, record in ipairs(answer) do
        parts[i] = kind == "mx" and record.preference .. " " .. show(record.host) or show(record)
    end
    return #parts > 20 and #parts .. " records" or "[" .. table.concat(parts, ", ") .. "]"
end

return {
    name = "ask",
    mail = function(session, message)
        if message.params.MANY then
            local list = {}
            for i = 1, tonumber(message.params.MANY) do
                list[i] = function() return ask("a", i .. "." .. message.params.OF) end
            end
            local good, last = 0, ""
            for i, result in ipairs(all(list)) do
                if result[1] == "[192.0.2." .. i .. "]" then good = good + 1 else last = result[1] end
            end
            return reject(550, "5.7.1", good .. " good " .. last)
        end
    end,
    rcpt = function(session, message, recipient)
        local kind, name = recipient.address.local_part:match("^(%w+) ?(.*)$")
        if kind == "greedy" then
            while true do dns.txt("greedy.example") end
        end
        if kind == "sort" then
            table.sort({ 2, 1 }, function() return dns.a("sorted.example") end)
        end
        return reject(550, "5.7.1", ask(kind, name))
    end,
}
"""

dns = FakeDns()
OPTIONS = {"rules": "ask", "dns.servers": dns.server, "dns.timeout": f"{TIMEOUT * 1000:.0f}ms", "deadline.command": "5s"}
program = None


def ask(kind, name, which=None):
    """The answer as text, and the seconds it took."""
    with (which or program).session() as session:
        session.mail()
        began = time.monotonic()
        reply = str(session.rcpt(f'<"{kind} {name}"@example.com>'))
        took = time.monotonic() - began
        session.abort()
        session.quit()
    holds("a refusal of the rule", reply.startswith("550 5.7.1 "), reply)
    return reply.removeprefix("550 5.7.1 "), took


def gives(kind, name, want, which=None):
    got, took = ask(kind, name, which)
    equal(f"{kind} {name}", got, want)
    holds(f"{kind} {name}: within the timeout", took < TIMEOUT + SLACK, took)


def answer(kind, name, records, want):
    dns.answers[name, kind] = records
    gives(kind, name, want)


@case("records of each type")
def records():
    answer("a", "one.example", ["192.0.2.1", "192.0.2.2"], "[192.0.2.1, 192.0.2.2]")
    answer("aaaa", "one.example", ["2001:db8::1"], "[2001:db8::1]")
    answer("mx", "one.example", [(20, "b.example"), (10, "z.example"), (20, "a.example"), (0, ".")],
           "[0 ., 10 z.example, 20 b.example, 20 a.example]")
    answer("txt", "_dmarc.one.example", [b"v=DMARC1", [b"a", b"b" * 100, b"", b"c"], b""],
           "[v=DMARC1, a" + "b" * 100 + "c, ]")
    dns.answers["1.2.0.192.in-addr.arpa", "ptr"] = ["mail.example", "other.example"]
    gives("ptr", "192.0.2.1", "[mail.example, other.example]")
    dns.answers["1." + "0." * 23 + "8.b.d.0.1.0.0.2.ip6.arpa", "ptr"] = ["six.example"]
    gives("ptr", "2001:db8::1", "[six.example]")
    gives("a", "one.example.", "[192.0.2.1, 192.0.2.2]")


@case("no such name, no such record: an empty list")
def none():
    gives("a", "nobody.example", "[]")
    for kind in ("aaaa", "mx", "txt"):
        answer(kind, "bare.example", [], "[]")
    gives("ptr", "203.0.113.9", "[]")


@case("failures of the server are no answers")
def failures():
    for code, want in ((fake_dns.SERVFAIL, "SERVFAIL"), (fake_dns.REFUSED, "REFUSED"), (fake_dns.NOTIMP, "NOTIMP"),
                       (fake_dns.FORMERR, "FORMERR")):
        dns.answers["broken.example", "txt"] = Rcode(code)
        got, took = ask("txt", "broken.example")
        holds(want, got.startswith("nil dns.txt broken.example: the server ") and want in got, got)
        holds("in time", took < TIMEOUT + SLACK, took)


@case("names that nobody can have")
def names():
    longest = ".".join(["a" * 63] * 3 + ["b" * 61])
    equal("the longest name", len(longest), 253)
    dns.answers[longest, "a"] = ["192.0.2.9"]
    gives("a", longest, "[192.0.2.9]")
    gives("a", longest + ".", "[192.0.2.9]")
    before = len(dns.questions)
    for name in ("", "a..b", "a..", ".", ".a", "a" * 64 + ".example", longest + "b", "two words", "back\\\\slash", "t\tb"):
        got, _ = ask("a", name)
        holds(f"{name!r} is refused", got.startswith("nil dns.a: no name"), got)
    for name in ("", "example.com", "192.0.2", "192.0.2.1.", "[192.0.2.1]", "fe80::1%lo"):
        got, _ = ask("ptr", name)
        holds(f"{name!r} is refused", got == "nil dns.ptr: no IP address", got)
    equal("nobody was asked", len(dns.questions), before)


@case("a domain in its U-labels is asked for by its A-labels")
def internationalized():
    dns.answers["xn--bcher-kva.example", "mx"] = [(1, "mail.example")]
    gives("mx", "bücher.example", "[1 mail.example]")


@case("bytes of strangers stay bytes")
def hostile():
    dns.answers["8.2.0.192.in-addr.arpa", "ptr"] = [b"a\0\r\nb.ex\xff mple", Rdata(b"\3a.b\7example\0")]
    gives("ptr", "192.0.2.8", "[a<0><13><10>b.ex<255> mple, a.b.example]")
    answer("txt", "bytes.example", [bytes(range(20)) + b"\x7f\x80"],
           "[" + "".join(f"<{n}>" for n in [*range(20), 127, 128]) + "]")


@case("cut answers are asked for again by TCP")
def truncated():
    answer("txt", "cut.example", ByTcp([b"whole"]), "[whole]")
    equal("first by UDP", dns.asked("cut.example", "txt"), ["udp", "tcp"])
    answer("txt", "huge.example", [[b"x" * 255] * 250], f"[#{255 * 250}]")
    answer("a", "many.example", [f"192.0.2.{n}" for n in range(200)], "100 records")
    answer("txt", "more.example", [[b"y" * 255]] * 230, "100 records")


@case("TCP that is closed, cut or silent ends within the timeout")
def bad_tcp():
    for name, packets in {
        "closed": Packets(lambda query, question: [None]),
        "silent": SILENCE,
        "empty": Packets(lambda query, question: [b""]),
        "cut": Packets(lambda query, question: [b"\x10\x00" + query, None], framed=False),
        "short": Packets(lambda query, question: [query[:7]]),
    }.items():
        dns.answers[f"{name}.tcp.example", "a"] = ByTcp(packets)
        got, took = ask("a", f"{name}.tcp.example")
        holds(f"{name}: no answer", got.startswith("nil "), got)
        holds(f"{name}: in time", took < TIMEOUT + SLACK, took)


@case("answers to other questions are not taken")
def lies():
    def wrong_id(query, question):
        return [message(bytes([query[0] ^ 1]) + query[1:], question, ["203.0.113.66"]), message(query, question, ["192.0.2.1"])]

    def wrong_question(query, question):
        other = fake_dns.encode_name("other.example") + question[-4:]
        return [message(query, other, ["203.0.113.66"]), message(query, question, ["192.0.2.1"])]

    def no_answer(query, question):
        return [query, message(query, question, ["192.0.2.1"])]

    def noise(query, question):
        return [b"", b"\0" * 5, query[:2], os.urandom(40), message(query, question, ["192.0.2.1"])]

    for make in (wrong_id, wrong_question, noise, no_answer):
        dns.answers["lies.example", "a"] = Packets(make)
        got, took = ask("a", "lies.example")
        holds(f"{make.__name__}: not the lie", "203.0.113.66" not in got, got)
        # The question itself is taken by c-ares, but for no answer of ours.
        equal(make.__name__, got, "[192.0.2.1]" if make is not no_answer else "nil dns.a lies.example: the answer makes no sense")
        holds("in time", took < TIMEOUT + SLACK, took)


@case("answers that make no sense")
def nonsense():
    def given(records, kind="a", **how):
        return Packets(lambda query, question: [message(query, question, records, kind, **how)])

    def circle(query, question, labels):
        """A name that ends with a pointer to its own beginning."""
        start = 12 + len(question) + 12 + 2
        return message(query, question, [Rdata(b"\0\1" + labels + struct.pack(">H", 0xc000 | start))], "mx")

    for name, kind, packets in (
            ("count", "a", given(["192.0.2.1"], count=2)),
            ("short", "a", given([Rdata(b"\1\2\3")])),
            ("long", "aaaa", given([Rdata(b"\1" * 17)], "aaaa")),
            ("itself", "mx", Packets(lambda query, question: [circle(query, question, b"")])),
            ("circle", "mx", Packets(lambda query, question: [circle(query, question, b"\3abc")])),
            ("forward", "mx", given([Rdata(b"\0\1\xc0\xff")], "mx")),
            ("label", "mx", given([Rdata(b"\0\1\x7fabc\0")], "mx")),
            ("open", "mx", given([Rdata(b"\0\1\3abc")], "mx")),
            ("text", "txt", given([Rdata(b"\xffabc")], "txt"))):
        dns.answers[f"{name}.nonsense.example", kind] = packets
        got, took = ask(kind, f"{name}.nonsense.example")
        equal(name, got, f"nil dns.{kind} {name}.nonsense.example: the answer makes no sense")
        holds("in time", took < TIMEOUT + SLACK, took)


@case("aliases in a circle, and other records beside those asked for")
def aliases():
    circle = [Rdata(fake_dns.encode_name(name), 5) for name in ("b.example", "a.example", "b.example")]
    answer("a", "a.example", circle, "[]")
    answer("a", "c.example", [Rdata(fake_dns.encode_name("d.example"), 5), "192.0.2.4", Rdata(b"?" * 9, 99)], "[192.0.2.4]")


@case("silence ends at dns.timeout, and the late answer goes nowhere")
def silence():
    for name, how in (("silent", SILENCE), ("late", Slow(TIMEOUT * 1.3, ["192.0.2.66"]))):
        dns.answers[f"{name}.example", "a"] = how
        got, took = ask("a", f"{name}.example")
        equal(name, got, f"nil dns.a {name}.example: no answer within {TIMEOUT * 1000:.0f} ms")
        holds("not earlier, nor much later", TIMEOUT - 0.05 < took < TIMEOUT + SLACK, took)
    holds("it was asked more than once", len(dns.asked("silent.example", "a")) > 1)
    dns.answers["late.example", "txt"] = [b"x"]
    for _ in range(10):
        gives("txt", "late.example", "[x]")


@case("the command's deadline bounds the wait")
def deadline():
    options = {**OPTIONS, "dns.timeout": "20s", "deadline.command": "500ms"}
    with Program(rules={"ask.lua": ASK}, options=options) as short:
        dns.answers["silent.example", "a"] = SILENCE
        with short.session() as session:
            session.mail()
            began = time.monotonic()
            reply = str(session.rcpt('<"a silent.example"@example.com>'))
            took = time.monotonic() - began
            session.abort()
            session.quit()
        holds("put off or told", reply[:1] in "45", reply)
        holds("in time", took < 0.5 + SLACK, took)


@case("a server that is away is noticed, and its return too")
def away():
    answer("a", "back.example", ["192.0.2.5"], "[192.0.2.5]")
    dns.stop()
    got, took = ask("a", "back.example")
    equal("away", got, "nil dns.a back.example: the server is away")
    holds("in time", took < TIMEOUT + SLACK, took)
    dns.start()
    gives("a", "back.example", "[192.0.2.5]")
    dns.answers["back.example", "txt"] = ByTcp([b"tcp"])
    gives("txt", "back.example", "[tcp]")
    dns.stop()
    ask("txt", "back.example")
    dns.start()
    gives("txt", "back.example", "[tcp]")


@case("another server takes over")
def second_server():
    options = {**OPTIONS, "dns.timeout": "2s", "dns.servers": "127.0.0.1:1 " + dns.server}
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as deaf, Program(rules={"ask.lua": ASK}, options=options) as both:
        answer("a", "two.example", ["192.0.2.6"], "[192.0.2.6]")
        gives("a", "two.example", "[192.0.2.6]", both)
        deaf.bind(("127.0.0.1", 0))
        both.stop()
        both.options["dns.servers"] = "%s:%d,%s" % (*deaf.getsockname(), dns.server)
        both.write_config()
        both.start()
        gives("a", "two.example", "[192.0.2.6]", both)
        dns.answers["two.example", "txt"] = Rcode(fake_dns.REFUSED)
        got, _ = ask("txt", "two.example", both)
        holds("both fail", got.startswith("nil dns.txt two.example: no"), got)


@case("a server with an IPv6 address")
def server_six():
    six = FakeDns("::1")
    six.answers["six.example", "a"] = ["192.0.2.7"]
    six.answers["six.example", "txt"] = ByTcp([b"tcp"])
    with Program(rules={"ask.lua": ASK}, options={**OPTIONS, "dns.servers": six.server}) as which:
        gives("a", "six.example", "[192.0.2.7]", which)
        gives("txt", "six.example", "[tcp]", which)
    six.stop()


def many(which, count, of):
    with which.session() as session:
        return str(session.mail("<a@ext.test>", f"MANY={count}", f"OF={of}"))


def crowd(which, sessions, count, of):
    """What each of that many sessions at once was told."""
    told = [None] * sessions

    def work(i):
        told[i] = many(which, count, of)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(sessions)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return told


@case("200 questions at once, of 8 sessions")
def at_once():
    for i in range(1, 26):
        dns.answers[f"{i}.crowd.example", "a"] = [f"192.0.2.{i}"]
    for _ in range(3):
        equal("all answered", crowd(program, 8, 25, "crowd.example"), ["550 5.7.1 25 good "] * 8)
    for i in range(1, 26):
        dns.answers[f"{i}.late.example", "a"] = Slow(TIMEOUT * (0.5 + 0.05 * i), [f"192.0.2.{i}"])
    for text in crowd(program, 8, 25, "late.example"):
        holds("some in time, some late", "no answer within" in text, text)
    wait_until(lambda: ask("a", "1.crowd.example")[0] == "[192.0.2.1]", 10, "it answers as before")


@case("beyond dns.queries questions fail at once")
def too_many():
    with Program(rules={"ask.lua": ASK}, options={**OPTIONS, "dns.queries": "10"}) as narrow:
        for i in range(1, 21):
            dns.answers[f"{i}.few.example", "a"] = Slow(TIMEOUT / 4, [f"192.0.2.{i}"])
        equal("ten of twenty", many(narrow, 20, "few.example"),
              "550 5.7.1 10 good nil dns.a 20.few.example: 10 questions to the DNS are under way already")
        for i in range(1, 11):
            dns.answers[f"{i}.mute.example", "a"] = SILENCE
        holds("silence", "no answer within" in many(narrow, 10, "mute.example"))
        wait_until(lambda: ask("a", "1.few.example", narrow)[0] == "[192.0.2.1]", 10, "there is room again")


@case("what one call may take in is bounded")
def greedy():
    dns.answers["greedy.example", "txt"] = [[b"x" * 255] * 250]
    with Program(rules={"ask.lua": ASK}, options={**OPTIONS, "deadline.command": "20s"}) as fed:
        equal("deferred", fed.at_rcpt("<greedy@example.com>")[:4], "451 ")
        holds("with the reason", fed.wait_log("rule_error .*keeps too much"), fed.log)
        gives("a", "nobody.example", "[]", fed)


@case("where a rule cannot wait, the error says so")
def place():
    with program.session() as session:
        session.mail()
        equal("deferred", str(session.rcpt("<sort@example.com>"))[:4], "451 ")
        session.abort()
        session.quit()
    holds("with the place", program.wait_log(r"rule_error .*cannot wait here \(inside table.sort"))
    equal("nobody was asked", dns.asked("sorted.example", "a"), [])


@case("explain shows what was asked and answered")
def explain():
    dns.answers["shown.example", "mx"] = [(10, "mail.example"), (20, b"\x1b]0;x\x07.example")]
    dns.answers["lost.example", "a"] = Rcode(fake_dns.SERVFAIL)
    answers = []
    dns.answers["still.example", "a"] = SILENCE  # c-ares still waits when all is torn down
    for name in ("mx shown.example", "a lost.example", "a a..b", "a still.example"):
        result = subprocess.run([BINARY, "-c", str(program.config), "explain", "--json", "--from", "a@ext.test", "--rcpt",
                                 f'"{name}"@example.com'], capture_output=True, text=True, timeout=60, check=False)
        equal("refused", (result.returncode, result.stderr), (1, ""))
        answers += [answer for event in json.loads(result.stdout)["events"] for answer in event["answers"]]
    equal("functions", [answer["name"] for answer in answers], ["dns.mx", "dns.a", "dns.a", "dns.a"])
    equal("sources", {answer["source"] for answer in answers}, {"dns"})
    equal("a list", answers[0]["results"], [[{"host": "mail.example", "preference": 10},
                                             {"host": "\x1b]0;x\x07.example", "preference": 20}]])
    equal("cannot tell", answers[1]["results"], [None, "dns.a lost.example: the server fails (SERVFAIL)"])
    holds("a bad name", answers[2]["results"][1].startswith("dns.a: no name"), answers)
    equal("silence", answers[3]["results"],
          [None, f"dns.a still.example: no answer within {TIMEOUT * 1000:.0f} ms"])
    holds("and how long it took", answers[3]["ms"] > TIMEOUT * 900, answers[3])


@case("questions are counted")
def counters():
    with Program(rules={"ask.lua": ASK}, options=OPTIONS) as counted:
        dns.answers["failed.example", "a"] = Rcode(fake_dns.SERVFAIL)
        for name in ("nobody.example", "failed.example", "a..b"):
            ask("a", name, counted)
        counted.stop()
        line = counted.wait_log(r" counters ")
        holds("two asked, one failed", " dns_asked=2 dns_failed=1 " in line, line)


@case("what is no server is refused at start")
def options():
    for value in ("localhost", "192.0.2.1:0", "192.0.2.1:65536", "[192.0.2.1]:53", "[::1", "[::1]53", "192.0.2.1:5x", "::1:",
                  "1" * 90, "192.0.2.1 x"):
        result = subprocess.run([BINARY, "-c", str(program.config), "-o", f"dns.servers={value}", "config", "dns.servers"],
                                capture_output=True, text=True, timeout=60, check=False)
        holds(value, result.returncode != 0 and "no address of a server" in result.stdout + result.stderr, result)
    for value in ("::1", "[::1]", "[2001:db8::1]:5353 192.0.2.1,192.0.2.2:53", ""):
        result = subprocess.run([BINARY, "-c", str(program.config), "-o", f"dns.servers={value}", "explain", "--rcpt",
                                 '"a a..b"@example.com'], capture_output=True, text=True, timeout=60, check=False)
        equal(value, (result.returncode, result.stderr), (1, ""))


with Program(rules={"ask.lua": ASK}, options=OPTIONS) as program:
    run()
