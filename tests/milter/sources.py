#!/usr/bin/env python3
"""Accounts beside the volume: a Dovecot auth script that asks a web service, behind and in front of the volume; the service
right, slow, away and back. Dovecot's userdb, too."""

import json
import subprocess
import tempfile
import threading
import time
from pathlib import Path

from cases import case, equal, holds, run
from fake_http import FakeHttp, Reply, SILENCE
from fake_quota import FakeQuota, SILENCE as QUOTA_SILENCE
from fake_userdb import FakeUserdb
from program import BINARY, Program, wait_until

SCRIPT = """
local client
function script_init()
    client = dovecot.http.client { timeout = 5000 }
    return 0
end
function auth_userdb_lookup(request)
    local answer = client:request { url = "%s/user/" .. request.user }:submit()
    if answer:status() == 404 then return dovecot.auth.USERDB_RESULT_USER_UNKNOWN, "" end
    if answer:status() ~= 200 then return dovecot.auth.USERDB_RESULT_INTERNAL_FAILURE, "status " .. answer:status() end
    return dovecot.auth.USERDB_RESULT_OK, answer:payload()
end
"""

# What a rule makes of all functions that may have to wait, also side by side.
ASK = """
return {
    name = "ask",
    mail = function(session, message)
        if message.sender.local_part == "both" then
            all {
                function() return directory.account("slow@example.com") end,
                function() return quota.check("bob@example.com", 1) end,
            }
        end
        if message.sender.local_part ~= "ask" then return end
        local got = all {
            function() return directory.account("web@example.com") end,
            function() return directory.account("carol@example.com") end,
            function() return directory.account("none@example.com") end,
            function() return directory.is_local("example.com") end,
            function() return directory.resolve("list@example.com").recipients[2].mailbox end,
            function() return directory.owns("web@example.com", "list@example.com") end,
            function() return directory.owns("bob@example.com", "web@example.com") end,
        }
        local words = {}
        for i, result in ipairs(got) do words[i] = tostring(result[1]) end
        return reject(550, "5.7.1", table.concat(words, " "))
    end,
    rcpt = function(session, message, recipient)
        if recipient.address.local_part == "replace" then recipient:replace { "web@example.com", "bob@example.com" } end
    end,
}
"""
ASKS_MORE = """
return {
    name = "ask",
    mail = function()
        local known, reason = directory.account("other@example.com")
        if not known then return reject(550, "5.7.1", tostring(reason)) end
    end,
}
"""
# Waits within waits, beside failures, where Lua cannot yield, and where no message is.
ASK_ODDLY = """
local function account(name) return function() return (directory.account(name .. "@example.com")) end end
return {
    name = "ask",
    connect = function(session) session.notes.connected = directory.account("web@example.com") end,
    mail = function(session, message)
        local nested = all { account("web"), function() return all { account("other"), account("none") }[1][1] end }
        local caught = pcall(all, { account("new1"), function() error("no") end, account("new2") })
        local sorted = { "web@example.com", "none2@example.com", "other@example.com" }
        table.sort(sorted, function(a, b) return (directory.account(a) or "z") < (directory.account(b) or "z") end)
        return reject(550, "5.7.1", table.concat({ tostring(session.notes.connected), nested[1][1], nested[2][1],
            tostring(caught), sorted[1], sorted[2], tostring((directory.account("new2@example.com"))) }, " "))
    end,
}
"""
VOLUME = {
    "postfix-accounts.cf": "bob@example.com|x\ncarol@example.com|x\n",
    "postfix-virtual.cf": "list@example.com bob@example.com,web@example.com\nreplace@example.com bob@example.com\n",
}


def rcpt(program, *recipients):
    """The answers to RCPT, in one transaction."""
    with program.session() as session:
        outcome = session.transaction([f"<{one}>" for one in recipients])
        return [str(one) for one in outcome.recipients]


class Service:
    """The web service, and a program whose script asks it."""

    def __init__(self, sources="dms lua", rule=ASK, **options):
        self.web = FakeHttp()
        self.folder = tempfile.TemporaryDirectory(prefix="foregate-")
        script = Path(self.folder.name, "auth.lua")
        script.write_text(SCRIPT % self.web.url)
        for user in ("web", "other"):
            self.knows(f"{user}@example.com")
        self.program = Program(rules={"ask.lua": rule}, volume=VOLUME, options={
            "directory.sources": sources, "lua.script": script, "quota.enabled": "no", "states": "2",
            "trusted_networks": "127.0.0.0/8", "dms.postmaster": "bob@example.com", **options})

    def knows(self, user, fields=""):
        self.web.answers[f"/user/{user}"] = Reply(200, fields.encode())

    def asked(self, user):
        return sum(one.path == f"/user/{user}" for one in self.web.asked)

    def rcpt(self, *recipients):
        return rcpt(self.program, *recipients)

    def __enter__(self):
        self.program.__enter__()
        return self

    def __exit__(self, *what):
        self.program.__exit__(*what)
        self.web.stop()
        self.folder.cleanup()


UNKNOWN = "550 5.1.1 <%s>: Recipient address rejected: User unknown"
LATER = "451 4.3.0 Temporary lookup failure"


@case("accounts of the script are there, through aliases of the volume too; the volume's do not ask it")
def accounts():
    with Service() as service:
        equal("answers", service.rcpt("web@example.com", "web+tag@example.com", "bob@example.com", "list@example.com"),
              ["continue"] * 4)
        equal("asked for bob", service.asked("bob@example.com"), 0)
        equal("nobody", service.rcpt("none@example.com"), [UNKNOWN % "none@example.com"])
        equal("not ours", service.rcpt("web@elsewhere.test"), ["continue"])


@case("one message asks once, whatever it asks for")
def once():
    with Service(**{"lua.cache": "0s", "rewrite.alias": "expand"}) as service:
        service.web.forget()
        equal("answers", service.rcpt("web@example.com", "list@example.com", "web@example.com"), ["continue"] * 3)
        equal("asked", service.asked("web@example.com"), 1)
        service.rcpt("web@example.com")
        equal("asked by the next", service.asked("web@example.com"), 2)


@case("all functions of rules wait, side by side too, and edits")
def rules():
    with Service() as service, service.program.session() as session:
        outcome = session.transaction(["<bob@example.com>"], sender="<ask@example.com>")
        equal("refusal", str(outcome.mail),
              "550 5.7.1 web@example.com carol@example.com false true web@example.com true false")
        outcome = session.transaction(["<replace@example.com>"])
        edits = sorted(str(edit.arguments[0]) for edit in outcome.edits)
        equal("edits", edits, ["<bob@example.com>", "<replace@example.com>", "<web@example.com>"])


@case("rules wait within waits, beside failures, while they sort, and at connect; also in shadow")
def oddly():
    want = "web@example.com web@example.com other@example.com false other@example.com web@example.com false"
    with Service(rule=ASK_ODDLY) as service, service.program.session() as session:
        equal("refusal", str(session.transaction([], sender="<bob@example.com>").mail), f"550 5.7.1 {want}")
    with Service(rule=ASK, **{"ask.mode": "shadow"}) as service, service.program.session() as session:
        outcome = session.transaction(["<replace@example.com>"])
        equal("edits", outcome.edits, [])


@case("a service that fails is no unknown user; known answers serve meanwhile; it is back by itself")
def away():
    with Service(**{"lua.cache": "0s"}) as service:
        equal("known", service.rcpt("web@example.com"), ["continue"])
        equal("unknown", service.rcpt("none@example.com"), [UNKNOWN % "none@example.com"])
        service.web.stop()
        equal("stale", service.rcpt("web@example.com"), ["continue"])
        equal("never seen", service.rcpt("other@example.com"), [LATER])
        equal("unknown before", service.rcpt("none@example.com"), [LATER])
        equal("volume", service.rcpt("bob@example.com"), ["continue"])
        holds("said once", service.program.wait_log(r"source_away service=lua"), service.program.log)
        service.web.start()
        wait_until(lambda: service.rcpt("other@example.com") == ["continue"], 20, "the service is asked again")
        holds("said", service.program.wait_log(r"source_back service=lua"), service.program.log)
        equal("unknown again", service.rcpt("none@example.com"), [UNKNOWN % "none@example.com"])


@case("without stale answers all is deferred; with continue only what nobody else knows")
def policies():
    with Service("lua dms", **{"lua.stale": "0s", "lua.cache": "0s"}) as service:
        service.rcpt("web@example.com")
        service.web.stop()
        equal("deferred", service.rcpt("web@example.com", "bob@example.com"), [LATER, LATER])
    with Service("lua dms", **{"lua.stale": "0s", "lua.cache": "0s", "lua.on_failure": "continue"}) as service:
        service.web.stop()
        equal("volume goes on", service.rcpt("bob@example.com", "web@example.com", "list@example.com"),
              ["continue", LATER, LATER])


@case("a slow service holds no Lua state: others are judged meanwhile")
def slow():
    with Service(**{"lua.timeout": "20s", "deadline.command": "25s"}) as service:
        service.web.answers["/user/slow@example.com"] = SILENCE
        waiting = [threading.Thread(target=service.rcpt, args=("slow@example.com",)) for _ in range(6)]
        for thread in waiting:
            thread.start()
        wait_until(lambda: service.asked("slow@example.com") == 6, 10, "all six ask")
        # Three times as many as there are states wait; these need a state each.
        equal("others", [service.rcpt("bob@example.com") for _ in range(5)], [["continue"]] * 5)
        service.web.stop()
        for thread in waiting:
            thread.join(30)
        holds("all have ended", not any(thread.is_alive() for thread in waiting))


@case("a script ends in time with its command, however long it may take by itself")
def in_time():
    with Service(**{"lua.timeout": "20s", "deadline.command": "500ms"}) as service:
        service.web.answers["/user/slow@example.com"] = SILENCE
        begin = time.monotonic()
        holds("deferred", service.rcpt("slow@example.com")[0].startswith("451 4.3.0 "))
        took = time.monotonic() - begin
        holds(f"took {took:.1f} s", took < 10)


@case("what waits behind a slow source, side by side, ends in time too")
def side_by_side():
    quota = FakeQuota()
    quota.answers["bob@example.com"] = QUOTA_SILENCE
    with Service(**{"lua.timeout": "20s", "quota.timeout": "20s", "quota.service": quota.service, "quota.enabled": "no",
                    "deadline.command": "2s"}) as service, service.program.session() as session:
        service.web.answers["/user/slow@example.com"] = SILENCE
        begin = time.monotonic()
        session.transaction(["<bob@example.com>"], sender="<both@example.com>")
        took = time.monotonic() - begin
        holds(f"took {took:.1f} s", took < 3.6)
    quota.stop()


@case("what a source said can be replayed; what it was not asked, and plans, are uncertain")
def replayed():
    with tempfile.TemporaryDirectory(prefix="foregate-") as folder, Service(record=Path(folder, "records")) as service:
        program, path, rules = service.program, Path(folder, "records"), Path(folder, "rules")
        rules.mkdir()
        service.rcpt("web@example.com", "list@example.com", "none@example.com")
        service.rcpt("replace@example.com")
        program.stop()

        def compare(new):
            return subprocess.run([BINARY, "-c", program.config, "compare", "-", new, path], capture_output=True, text=True,
                                  timeout=60, check=False).stdout
        asked = len(service.web.asked)
        equal("as it was", compare(program.config), "2 transactions, 0 changed, 1 uncertain, 0 lines not read\n")
        Path(rules, "ask.lua").write_text(ASKS_MORE)
        new = compare(rules)
        holds("not asked then", "uncertain: not recorded: directory.account(other@example.com)\n" in new, new)
        holds("nobody is unknown", "not recorded (rule ask)" in new, new)
        equal("nobody was asked", len(service.web.asked), asked)


@case("resolve says what is in doubt, and nothing of what is not")
def doubt():
    options = {"lua.stale": "0s", "lua.on_failure": "continue", "recipient_delimiter": "-"}
    with Service("lua dms", **options) as service:
        def resolve(*arguments):
            return subprocess.run([BINARY, "-c", service.program.config, "resolve", *arguments], capture_output=True, text=True,
                                  timeout=60, check=False).stdout
        certain = resolve("bob-tag@example.com")
        service.web.stop()
        text = resolve("bob-tag@example.com")
        holds("as before", text.startswith(certain) and "in doubt" not in certain, text)
        holds("doubt", text[len(certain):].startswith("  in doubt: lua: "), text)
        reason = json.loads(resolve("--json", "bob-tag@example.com"))["reason"]
        holds("reason", reason.startswith("lua: "), reason)


@case("a renamed user is the mailbox where Dovecot knows that name, else the address is")
def renamed():
    with Service(**{"lua.cache": "0s"}) as service:
        service.knows("alias@example.com", "user=web@example.com")
        service.knows("lost@example.com", "user=gone@example.com")
        service.rcpt("alias@example.com", "lost@example.com")
        got = subprocess.run([BINARY, "-c", service.program.config, "resolve", "alias@example.com", "lost@example.com"],
                             capture_output=True, text=True, timeout=60, check=False).stdout.splitlines()
        equal("mailboxes", [line.strip() for line in got if line.startswith("  ")],
              ["alias@example.com: mailbox web@example.com in lua", "lost@example.com: mailbox lost@example.com in lua"])


@case("relay host: no volume, domains by option")
def relay():
    with Service("lua", **{"directory.domains": "example.com", "dms.volume": "/nonexistent"}) as service:
        equal("answers", service.rcpt("web@example.com", "none@example.com", "x@elsewhere.test"),
              ["continue", UNKNOWN % "none@example.com", "continue"])
        holds("no word about watching a volume", "warning watch" not in service.program.log)


@case("Dovecot's userdb: it knows, fails, is silent, goes away and comes back")
def userdb():
    with tempfile.TemporaryDirectory(prefix="foregate-") as folder:
        dovecot = FakeUserdb(folder)
        dovecot.answers = {"web@example.com": ["USER", "web@example.com", "quota_rule=*:storage=5M"],
                           "odd@example.com": ["FAIL", "reason=broken"], "never@example.com": [""]}
        options = {"directory.sources": "dms dovecot", "dovecot.userdb": dovecot.service, "dovecot.timeout": "300ms",
                   "dovecot.cache": "0s", "quota.enabled": "no"}
        with Program(volume=VOLUME, options=options) as program:
            equal("answers", rcpt(program, "web@example.com", "list@example.com", "bob@example.com", "none@example.com"),
                  ["continue"] * 3 + [UNKNOWN % "none@example.com"])
            equal("asked for bob", dovecot.asked.count("bob@example.com"), 0)
            equal("failures", rcpt(program, "odd@example.com", "never@example.com"), [LATER, LATER])
            dovecot.stop()
            equal("away", rcpt(program, "web@example.com", "none@example.com"), ["continue", LATER])
            dovecot.start()
            wait_until(lambda: rcpt(program, "none@example.com") == [UNKNOWN % "none@example.com"], 20, "it is asked again")
        dovecot.stop()


run()
