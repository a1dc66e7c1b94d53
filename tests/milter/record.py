#!/usr/bin/env python3
"""`record = FILE` and `foregate compare`: what is written, how the file rotates and what happens when it cannot be written; and
that a replay of the record with the same rules ends as the mail did, verdict for verdict and plan for plan."""

import json
import random
import re
import resource
import stat
import subprocess
import tempfile
from pathlib import Path

from cases import case, equal, holds, run
from driver import Milter
from fake_dns import FakeDns, Rcode
from fake_http import FakeHttp, Reply
from fake_quota import FULL, FakeQuota
from program import BINARY, Failed, Program, wait_until

# Reads, asks, notes and edits in every stage, and gives every verdict; the recipient and the Subject choose.
PROBE = r"""
local function told(text, what) return text and text:match(what .. "=(%w+)") end

return {
    name = "probe",
    connect = function(session)
        session.notes.seen = 0
        if session.name == "refused.example" then return reject(554, "5.7.1", "Not you, " .. session.id) end
    end,
    helo = function(session)
        session.notes.helo = session.helo
        if session.helo == "bad.example" then return defer(450, "4.7.1", "Say another name") end
    end,
    mail = function(session, message)
        session.notes.seen = session.notes.seen + 1
        message.notes.queue = message.queue_id or "none"
        if session.notes.seen > 3 then return defer(450, "4.7.1", "Message " .. session.notes.seen) end
        if message.sender.domain == "nomail.example" then
            local answers = all { function() return dns.mx("nomail.example") end,
                                  function() return dns.txt("broken.example") end }
            return reject(550, "5.1.8", "Sender: " .. #answers[1][1] .. " " .. tostring(answers[2][1]))
        end
    end,
    rcpt = function(session, message, recipient, settings)
        local name = recipient.address.local_part
        if name == "twice" then
            local first, second = quota.check("small@example.com", 10), quota.check("small@example.com", 10)
            return reject(550, "5.7.1", "Twice " .. first .. " " .. second)
        elseif name == "raises" then
            return quota.check("small@example.com", -1)
        elseif name == "caught" then
            local ok = pcall(quota.check, "small@example.com", -1)
            return reject(550, "5.7.1", "Caught " .. tostring(ok))
        elseif name == "queue" then
            return reject(550, "5.7.1", message.notes.queue .. " " .. tostring(message.queue_id ~= nil))
        elseif name == "web" then
            local answer = http.request { url = "http://user:s3cret@HOST/ok?key=s3cret&to=" .. name,
                                          headers = { Authorization = "Bearer s3cret" } }
            return reject(550, "5.7.1", "The web says " .. answer.body .. " at " .. clock.now())
        elseif name == "away" then
            return disconnect(421, "4.7.0", "Go away")
        elseif name == "elsewhere" then
            recipient:replace({ "bob@example.com", "carol@elsewhere.example" })
        elseif name == "sent\xff" then
            message:add_header("X-Bytes", name)
        end
        if directory.owns("alice@example.com", recipient.address) then recipient.notes.owned = true end
    end,
    data = function(session, message)
        if message.sender.local_part == "trap" then return discard("a trap") end
    end,
    headers = function(session, message)
        local subject = message:header("Subject")[1]
        if told(subject, "headers") then return reject(550, "5.7.1", "Subject " .. subject) end
        if #message:header("X-Absent") > 0 then return reject(550, "5.7.1", "X-Absent") end
        message:add_header("X-Seen", session.notes.seen .. " " .. tostring(message:header_addresses("From") ~= nil))
        if subject == "sender" then message:set_sender("other@example.com") end
        if subject == "copy" then message:add_recipient("carol@elsewhere.example") end
    end,
    finish = function(session, message)
        local subject = message:header("Subject")[1]
        if told(subject, "hold") then return quarantine("look at it") end
        if told(subject, "large") then return reject(552, "5.3.4", message.size_bytes .. " bytes") end
    end,
}
"""

SHADOW = r"""
return {
    name = "shade",
    rcpt = function(session, message, recipient)
        if recipient.address.detail then return reject(550, "5.7.1", "No tags") end
    end,
}
"""

web = FakeHttp()
web.answers["/ok"] = Reply(200, b"yes")
PROBE = PROBE.replace("HOST", web.url.removeprefix("http://"))
dns = FakeDns()
dns.answers["nomail.example", "mx"] = [(0, ".")]
dns.answers["broken.example", "txt"] = Rcode(2)
quota = FakeQuota()
quota.answers["full@example.com"] = FULL
quota.answers["full2@example.com"] = FULL

place = Path(tempfile.mkdtemp(prefix="foregate-record-"))
OPTIONS = {"rules": "probe shade subaddress alias recipient quota spoof", "dns.servers": dns.server, "dns.timeout": "500ms", "shade.mode": "shadow", "reply.id": "yes",
           "trusted_networks": "127.0.0.0/8 192.0.2.128/25"}
RULES = {"probe.lua": PROBE, "shade.lua": SHADOW}


def records(path):
    return [json.loads(line) for line in path.read_bytes().splitlines()]


def compare(program, *arguments, status=0, **options):
    result = subprocess.run([BINARY, "-c", str(program.config), "compare", *map(str, arguments)], capture_output=True,
                            text=True, errors="surrogateescape", timeout=60, check=False, **options)
    equal(f"status; {result.stdout}{result.stderr}", result.returncode, status)
    return result.stdout if status < 2 else result.stderr


def totals(text):
    return text.splitlines()[-1]


def play(program):
    """Sessions of all kinds; returns how many records they leave when verdicts are carried out."""
    header = ("From", "Alice <alice@example.com>")
    with program.session() as session:
        session.transaction(["<ok@example.com>", "<full@example.com>", "<fine+x@example.com>", b"<\xffx@example.com>", "<>"],
                            headers=[header, ("Subject", "plain"), ("X-Unread", "private")])
        session.transaction([("<trio@example.com>", "NOTIFY=NEVER", "ORCPT=rfc822;trio@example.com"), "<loop1@example.com>",
                             "<dangle@example.com>", "<elsewhere@example.com>", "<twice@example.com>", "<raises@example.com>",
                             "<caught@example.com>", "<queue@example.com>", "<web@example.com>"], parameters=["SIZE=400", "BODY=8BITMIME"],
                            headers=[header, ("Subject", "copy")])
        session.mail(b"<\xfe\\x@remote.example>")
        session.rcpt("<ok@example.com>")
        session.abort()
        session.transaction(["<ok@example.com>"])  # the fourth: deferred at MAIL
        session.quit()
    for subject in ("headers=yes", "hold=yes", "large=yes", "sender"):
        with program.session() as session:
            session.login("alice@example.com")
            session.transaction(["<healthy@example.com>", "<\"sent\xff\"@outside.example>"], sender="<alice@example.com>",
                                headers=[header, ("Subject", subject), ("Subject", "second")], body=b"x" * 3000)
            session.quit()
    with program.session() as session:
        session.transaction(["<ok@example.com>"], sender="<trap@remote.example>")
        session.transaction(["<ok@example.com>"], sender="<x@nomail.example>")
        session.mail()
        session.rcpt("<away@example.com>")
        session.quit()
    with program.session() as session:
        session.transaction(["<pair@example.com>"], headers=[("X-Long", "x" * 900)] * 1300)
        session.quit()
    with program.session() as session:
        session.transaction(["<allfull@example.com>", "<nobody@example.com>"])
        session.quit()
    for name, helo in (("refused.example", "x"), ("client.example", "bad.example")):
        session = Milter(program.listen)
        if session.connect(name=name).accepted:
            session.helo(helo)
        session.quit()
    return 4 + 4 + 3 + 1 + 1 + 2


@case("a replay with the same rules ends as the mail did")
def same_rules():
    path = place / "same.jsonl"
    for options in ({}, {"rewrite.alias": "expand", "rewrite.subaddress": "strip"}, {"mode": "shadow"}):
        path.unlink(missing_ok=True)
        with Program(quota=quota, rules=RULES, options={**OPTIONS, **options, "record": path}) as program:
            count = play(program) - (2 if "mode" in options else 0)  # in shadow mode no session is refused
            program.stop()
            found = records(path)
            equal("records", len(found), count)
            want = f"{count} transactions, 0 changed, 1 uncertain, 0 lines not read"  # a call that raised
            for old in ("-", program.config, program.user_rules):
                equal(f"{options} {old}", compare(program, old, program.config, path), want + "\n")


@case("what is in the file, and what is not")
def contents():
    path = place / "contents.jsonl"
    with Program(quota=quota, rules=RULES, options={**OPTIONS, "record": path}) as program:
        play(program)
        program.stop()
        equal("record_lost", "record_lost=0" in program.log, True)
    equal("mode", stat.S_IMODE(path.stat().st_mode), 0o600)
    text = path.read_text(encoding="utf-8")
    holds("no body, and no header that nobody read", "private" not in text and "xxx" not in text)
    holds("an HTTP request without its secrets", "The web says yes at " in text and "s3cret" not in text)
    plain = records(path)[0]
    equal("headers", plain["headers"],
          {"subject": ["plain"], "x-absent": [], "from": ["Alice <alice@example.com>"]})
    equal("format", (plain["foregate"], plain["session"]["ip"], plain["session"]["port"], plain["accepted"]),
          (1, "192.0.2.7", 40000, True))
    recipients = [event for event in plain["events"] if event["stage"] == "rcpt"]
    equal("arguments", [event["arguments"][0] for event in recipients],
          ["<ok@example.com>", "<full@example.com>", "<fine+x@example.com>", "<\\xffx@example.com>", "<>"])
    equal("verdict without an id", (recipients[1]["code"], recipients[1]["text"], recipients[1]["rule"]),
          (552, "Mailbox is full", "quota"))
    answers = [answer for rule in recipients[1]["rules"] for answer in rule.get("answers", ())]
    equal("answer", answers[-1], {"function": "quota.check", "arguments": ["full@example.com", 1],
                                  "results": ["over", FULL.removeprefix("REJECT ")]})
    shadowed = [rule for event in recipients for rule in event.get("rules", ()) if rule.get("shadow")]
    equal("shadow", [(rule["rule"], rule["verdict"]) for rule in shadowed], [("shade", "reject")])


def recorded(name, **options):
    """A file of records, and the program that wrote it, which has ended."""
    path = place / f"{name}.jsonl"
    program = Program(quota=quota, rules=RULES, options={**OPTIONS, "record": path, **options})
    return path, program


def new_rules(name, **rules):
    folder = place / name
    folder.mkdir(exist_ok=True)
    for rule, text in rules.items():
        (folder / f"{rule}.lua").write_text(text)
    return folder


@case("a changed rule: exactly what it changes")
def changed_rule():
    path, program = recorded("changed")
    with program:
        with program.session() as session:
            session.transaction(["<ok@example.com>", "<fine+x@example.com>", "<bob@example.com>"],
                                headers=[("Subject", "plain")])
            session.transaction(["<ok@example.com>"], headers=[("Subject", "hold=yes")])
            session.transaction(["<full@example.com>"])
            session.quit()
        program.stop()
        folder = new_rules("changed", probe=PROBE.replace(
            'if name == "twice" then',
            'if name == "fine+x" then return reject(550, "5.7.1", "Not fine") end\n        if name == "twice" then').replace(
            'return quarantine("look at it")', "return nil"))
        for old in ("-", program.config, program.user_rules):
            text = compare(program, old, folder, path, status=1)
            first, rcpt, would, second, finish, missing, last = text.splitlines()
            holds("head", "session " in first and "client client.example.net[192.0.2.7] login - from <sender@remote.example>"
                  in first and "queue id 4T" in first, first)
            equal("rcpt", rcpt, "  rcpt     <fine+x@example.com>  continue -> reject 550 5.7.1 Not fine (rule probe)")
            equal("would", would, "  rcpt     <fine+x@example.com>  would reject 550 5.7.1 No tags (rule shade) -> none")
            holds("second", "queue id 4T" in second, second)
            equal("finish", finish, "  finish   quarantine look at it (rule probe) -> continue")
            # The quarantine kept the rules behind it from asking.
            equal("missing", missing, "  uncertain: not recorded: quota.check(ok@example.com, 30)")
            equal("totals", last, "3 transactions, 2 changed, 1 uncertain, 0 lines not read")
        # The other way round, as JSON, from standard input.
        with path.open("rb") as stream:
            lines = [json.loads(line) for line in
                     compare(program, "--json", folder, program.config, "-", status=1, stdin=stream).splitlines()]
        equal("objects", len(lines), 3)
        equal("JSON", lines[0]["changes"][0], {
            "what": "verdict", "stage": "rcpt", "argument": "<fine+x@example.com>",
            "old": {"verdict": "reject", "code": 550, "xcode": "5.7.1", "text": "Not fine", "rule": "probe"},
            "new": {"verdict": "continue", "text": None, "rule": None}})
        equal("totals", lines[-1], {"summary": {"transactions": 3, "changed": 2, "uncertain": 1, "unreadable": 0,
                                                "unreadable_first": []}})


@case("the plan, and what follows from a refusal of MAIL")
def plan_and_mail():
    path, program = recorded("plan")
    with program:
        with program.session() as session:
            session.transaction(["<ok@example.com>", "<bob@example.com>"], headers=[("Subject", "copy")])
            session.quit()
        program.stop()
        folder = new_rules("plan", probe=PROBE.replace('"carol@elsewhere.example")', '"dora@elsewhere.example")'))
        text = compare(program, "-", folder, path, status=1).splitlines()
        equal("plan", (len(text), "add <carol@elsewhere.example>" in text[1].partition(" -> ")[0],
                       "add <dora@elsewhere.example>" in text[1].partition(" -> ")[2]), (3, True, True))
        folder = new_rules("mail", probe=PROBE.replace("if session.notes.seen > 3", "if session.notes.seen > 0"))
        text = compare(program, "-", folder, path, status=1).splitlines()
        equal("mail", [line.split()[:3] for line in text[1:-1]],
              [["mail", "<sender@remote.example>", "continue"], ["plan", "add", "<carol@elsewhere.example>,"]])


@case("what was not recorded makes a transaction uncertain")
def uncertain():
    path, program = recorded("uncertain")
    asks = """return { name = "shade", rcpt = function(session, message, recipient)
        local known, reason = %s
        if not known then return reject(550, "5.7.1", tostring(reason)) end end }"""
    looks = """return { name = "shade", headers = function(session, message)
        if not message:header("%s")[1] then return reject(550, "5.7.1", "none") end end }"""
    with program:
        with program.session() as session:
            session.transaction(["<ok@example.com>"], headers=[("Subject", "plain"), ("X-Other", "here")])
            session.quit()
        program.stop()
        dns.answers["remote.example", "a"] = ["192.0.2.9"]
        asked = len(dns.questions)
        for text, missing in ((asks % 'dns.a("remote.example")', "dns.a(remote.example)"),
                              (asks % 'quota.check("bob@example.com", 5)', "quota.check(bob@example.com, 5)"),
                              (asks % 'directory.account("bob@example.com")', None),
                              (asks % 'quota.check("ok@example.com", 1)', None),
                              (looks % "Subject", None),
                              (looks % "X-Other", "header x-other")):
            output = compare_enforced(program, text, path, missing)
            if missing:
                holds(missing, f"  uncertain: not recorded: {missing}\n" in output, output)
                holds("changed", ", 1 changed, 1 uncertain," in output, output)
                holds("reason", "none" in output or "not recorded (rule shade)" in output, output)
            else:
                equal(text, totals(output), "1 transactions, 0 changed, 0 uncertain, 0 lines not read")
        equal("nobody was asked", len(dns.questions), asked)
        # The directory is another one since.
        program.write_volume("postfix-virtual.cf", "")
        output = compare_enforced(program, asks % 'directory.account("bob@example.com")', path, None)
        equal("directory", totals(output), "1 transactions, 0 changed, 1 uncertain, 0 lines not read")


def compare_enforced(program, rule, path, changes):
    folder = new_rules("uncertain", shade=rule)
    result = subprocess.run([BINARY, "-c", str(program.config), "-o", "shade.mode=enforce", "compare", "-", str(folder),
                             str(path)], capture_output=True, text=True, timeout=60, check=False)
    equal(f"status; {result.stdout}{result.stderr}", result.returncode, 1 if changes else 0)
    return result.stdout


@case("rules, files and lines that cannot be used")
def cannot():
    path, program = recorded("cannot")
    with program:
        program.at_rcpt("<ok@example.com>")
        program.stop()
        good = path.read_bytes()
        broken = new_rules("broken", probe="return {\n    name = \"probe\",\n    rcpt = function( end,\n}\n")
        for old, new, side in ((broken, program.config, "OLD"), (program.config, broken, "NEW")):
            error = compare(program, old, new, path, status=2)
            holds(side, f"{side}: {broken}: " in error and "probe.lua:3:" in error, error)
        (place / "none").mkdir()
        holds("a folder without a rule that runs", "none of the rules that run is in this folder" in
              compare(program, "-", place / "none", path, status=2))
        holds("what happened as NEW", "can only be OLD" in compare(program, program.config, "-", path, status=2))
        compare(program, "-", program.config, "/dev/null", status=2)
        holds("no such rules", "NEW: /no/such: No such file" in compare(program, "-", "/no/such", path, status=2))
        holds("no such record", "/no/such: cannot read it" in compare(program, "-", program.config, "/no/such", status=2))
        holds("usage", "takes OLD, NEW and at least one RECORD" in compare(program, "-", program.config, status=2))
        mixed = place / "mixed.jsonl"
        mixed.write_bytes(b"nonsense\n" + good + b"\n" + good[:100] + b"\n" + b"x" * 3000000 + b"\n\xff\0\n{}\n5\n[]\n" + good[:-9])
        output = compare(program, "-", program.config, mixed)
        equal("mixed", totals(output), "1 transactions, 0 changed, 0 uncertain, 8 lines not read")
        holds("places", f"{mixed}:1: not read: no JSON" in output and f"{mixed}:5: not read: longer" in output, output)
        equal("only the first five", output.count(": not read: "), 5)
        newer = place / "newer.jsonl"
        newer.write_bytes(good + good.replace(b'{"foregate":1,', b'{"foregate":2,'))
        holds("newer", f"{newer}:2: format 2, written by a newer foregate" in
              compare(program, "-", program.config, newer, status=2))
        nothing = place / "nothing.jsonl"
        nothing.write_bytes(b"nonsense\n")
        compare_nothing = subprocess.run([BINARY, "-c", str(program.config), "compare", "-", str(program.config), str(nothing)],
                                         capture_output=True, text=True, timeout=60, check=False)
        equal("nothing but nonsense", compare_nothing.returncode, 2)


@case("records that no foregate wrote are played without harm")
def forged():
    path, program = recorded("forged")
    with program:
        play(program)
        program.stop()
        dice = random.Random(1)
        lines = [*path.read_text(encoding="utf-8").splitlines()]
        forged = []
        for line in lines * 20:
            record = json.loads(line)
            events = record["events"]
            for _ in range(dice.randrange(1, 4)):
                dice.choice((lambda: dice.shuffle(events), lambda: events.append(dice.choice(events)), lambda: events.pop(0),
                             lambda: record.pop(dice.choice([*record])) if len(record) > 1 else None,
                             lambda: record["session"].pop(dice.choice([*record["session"]])),
                             lambda: record.update(size=dice.choice((-5, 0, 1 << 62)), header_too_long=True)))()
                if not events or "session" not in record or "events" not in record or not record["session"]:
                    break
            forged.append(json.dumps(record))
        there = place / "forged2.jsonl"
        there.write_text("\n".join(forged), encoding="utf-8")
        result = subprocess.run([BINARY, "-c", str(program.config), "compare", str(program.user_rules), str(program.config),
                                 str(there)], capture_output=True, text=True, errors="replace", timeout=60, check=False)
        holds("played", result.returncode == 0 and "0 changed" in totals(result.stdout), result.stdout[-2000:] + result.stderr)
        holds("many", int(totals(result.stdout).split()[0]) > 200, totals(result.stdout))


@case("a file that cannot be written is refused at start")
def refused_at_start():
    for path, reason in (("/no/such/folder/file", "No such file or directory"), (place, "Is a directory"),
                         ("/dev/full", "is no regular file")):
        program = Program(start=False, options={"record": path})
        try:
            program.start()
            raise AssertionError(f"{path}: it started")
        except Failed:
            holds(f"{path}", reason in program.log and f"record: " in program.log and "start_refused" in program.log and
                  "name another file" in program.log, program.log)
            program.check_end(2)


@case("a full disk costs records, not mail, and says so")
def full_disk():
    path, program = recorded("full")
    with program:
        resource.prlimit(program.process.pid, resource.RLIMIT_FSIZE, (6000, resource.RLIM_INFINITY))
        for _ in range(12):
            with program.session() as session:
                outcome = session.transaction(["<ok@example.com>"])
                holds("accepted", outcome.message.accepted, outcome)
                session.quit()
        holds("warned", program.wait_log(r"warning record_lost lost=1 .*(File too large|only a part of a line).* remedy="), program.log)
        equal("once", program.log.count("record_lost"), 1)
        resource.prlimit(program.process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        program.at_rcpt("<ok@example.com>")
        holds("resumed", program.wait_log(r"info record_resumed .* lost=\d+"), program.log)
        program.stop()
        # The journal is behind the mail: some of the twelve may have come after the limit was lifted.
        lost = int(re.search(r"record_lost=(\d+) ", program.log).group(1))
        equal("recorded and lost", len(records(path)) + lost, 13)
        holds("some of both", 1 <= lost <= 11, lost)


@case("a crash leaves one cut line, and the next start goes on behind it")
def crash():
    path, program = recorded("crash")
    with program:
        program.at_rcpt("<ok@example.com>")
        wait_until(lambda: path.read_bytes().endswith(b"\n"), 10, "the first record")
        for _ in range(10):
            program.at_rcpt("<ok@example.com>")
        program.kill()
        written = path.read_bytes()
        holds("whole lines", written.endswith(b"\n") and len(records(path)) >= 1)
        path.write_bytes(written[:-20])  # as if the machine had died as well
        program.start()
        program.at_rcpt("<bob@example.com>")
        program.stop()
        lines = path.read_bytes().splitlines()
        output = compare(program, "-", program.config, path)
        equal("totals", totals(output), f"{len(lines) - 1} transactions, 0 changed, 0 uncertain, 1 lines not read")


@case("the file rotates, also by others")
def rotation():
    path, program = recorded("rotation", **{"record.size": "1MiB", "record.files": "2"})
    with program:
        path.write_bytes(path.read_bytes() + b"{}\n" * 349500)
        for _ in range(3):
            program.at_rcpt("<ok@example.com>")
        wait_until(lambda: (place / "rotation.jsonl.1").exists() and len(records(path)) == 3, 10, "a second file")
        path.rename(place / "aside.jsonl")
        program.at_rcpt("<ok@example.com>")
        wait_until(lambda: path.exists() and path.stat().st_size, 10, "a new file")
        program.stop()
        equal("records", len(records(path)), 1)
        holds("no third file", not (place / "rotation.jsonl.2").exists())


if __name__ == "__main__":
    run()
