#!/usr/bin/env python3
"""Accounts beside the volume: a Dovecot auth script that asks a web service, behind and in front of the volume; the service
right, slow, away and back. Dovecot's userdb, too."""

import subprocess
import tempfile
import threading
from pathlib import Path

from cases import case, equal, holds, run
from fake_http import FakeHttp, Reply, SILENCE
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

    def __init__(self, sources="dms lua", **options):
        self.web = FakeHttp()
        self.folder = tempfile.TemporaryDirectory(prefix="foregate-")
        script = Path(self.folder.name, "auth.lua")
        script.write_text(SCRIPT % self.web.url)
        for user in ("web", "other"):
            self.knows(f"{user}@example.com")
        self.program = Program(rules={"ask.lua": ASK}, volume=VOLUME, options={
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
