#!/usr/bin/env python3
"""`record = FILE` and `foregate compare`: what is written, how the file rotates and what happens when it cannot be written; and
that a replay of the record with the same rules ends as the mail did, verdict for verdict and plan for plan."""

import json
import os
import resource
import stat
import subprocess
import tempfile
from pathlib import Path

from cases import case, equal, holds, run
from driver import Milter
from fake_dns import FakeDns, Rcode
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
                             "<caught@example.com>", "<queue@example.com>"], parameters=["SIZE=400", "BODY=8BITMIME"],
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


if __name__ == "__main__":
    run()
