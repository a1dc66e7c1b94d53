#!/usr/bin/env python3
"""Rules that misbehave: `on_error` decides, the log names the line, and the next transaction works."""

import time

from cases import case, equal, holds, run
from driver import Gone, Silent
from fake_quota import FULL, FakeQuota
from program import Program

COMMAND_LIMIT = 15.0  # far below Postfix's 30 s for a command

quota = FakeQuota()
quota.answers["full@example.com"] = FULL

# The test chooses the misbehaviour by the recipient's local-part. Lines are counted: the log must name them.
PROBE = """\
local kept

local acts = {
    error = function() error("boom at rcpt") end,
    nilindex = function() local t; return t.field end,
    loop = function() while true do end end,
    stubborn = function() while true do pcall(function() while true do end end) end end,
    memory = function() local t = {} while true do t[#t + 1] = ("x"):rep(10000) .. #t end end,
    rep = function() return ("x"):rep(1 << 40) end,
    pattern = function() return (("a"):rep(30000)):find(".-.-.-.-b") end,
    recursion = function() local function f() return f() + 1 end return f() end,
    number = function() return 42 end,
    text = function() return "reject" end,
    table = function() return {} end,
    forged = function() return { verdict = "reject", code = 550, xcode = "5.7.1", text = "no" } end,
    success = function() return reject(250, "2.0.0", "fine") end,
    mixed = function() return reject(550, "4.7.1", "mixed classes") end,
    newline = function() return reject(550, "5.7.1", "two\\r\\nlines") end,
    huge = function() return reject(550, "5.7.1", ("x"):rep(5000)) end,
    notext = function() return reject(550, "5.7.1") end,
    discard = function() return discard("at the wrong stage") end,
    quarantine = function() return quarantine("at the wrong stage") end,
    gone = function() return kept.sender.raw end,
    swallowed = function() pcall(error, "swallowed") end,
    global = function() leaked = 1 end,
    freeze = function() string.upper = nil end,
    escape = function() return os.execute("true") end,
    yield = function() coroutine.yield() end,
    object = function() error({ code = 1 }) end,
    nilerror = function() error() end,
}

return {
    name = "probe",
    mail = function(session, message)
        kept = message
        message.notes.sender = message.sender.raw
        session.notes.count = (session.notes.count or 0) + 1
    end,
    rcpt = function(session, message, recipient)
        local name = recipient.address.local_part
        if name == "notes" then
            return reject(550, "5.7.1", "notes " .. tostring(message.notes.sender) .. " " .. session.notes.count)
        end
        local act = acts[name]
        if act then return act() end
    end,
    headers = function(session, message)
        if message.sender.local_part == "headers" then error("boom at headers") end
    end,
    finish = function(session, message)
        if message.sender.local_part == "finish" then error("boom at finish") end
    end,
}
"""


def line_of(text):
    return next(number for number, line in enumerate(PROBE.splitlines(), 1) if text in line)


program = None   # on_error = defer
lenient = None   # probe.on_error = continue


def works(which, what):
    holds(f"the program lives after {what}", which.alive)
    with which.session() as session:
        equal(f"a transaction after {what}", str(session.transaction(["<ok@example.com>"])),
              "mail=continue; rcpt=continue; message=continue")
        session.quit()


def act(which, name):
    """The answer to the misbehaving recipient, the seconds it took, and what was logged meanwhile."""
    position = which.log_position
    with which.session(limit=COMMAND_LIMIT) as session:
        session.mail()
        began = time.monotonic()
        reply = session.rcpt(f"<{name}@elsewhere.test>")
        took = time.monotonic() - began
        session.abort()
        session.quit()
    return str(reply), took, position


def misbehaves(name, line=None):
    for which, want in ((program, "451 4.3.0"), (lenient, "continue")):
        reply, took, position = act(which, name)
        equal(f"{name}, on_error = {'continue' if which is lenient else 'defer'}", reply[:len(want)], want)
        holds(f"{name} in time", took < COMMAND_LIMIT, took)
        pattern = rf"probe\.lua:{line}\b" if line else r"probe"
        holds(f"{name}: a log line that says {pattern}", which.wait_log(pattern, after=position, limit=5),
              "\n".join(which.lines[position:]))
        works(which, name)


@case("errors: the log has a traceback that names file and line")
def errors():
    for name, text in (("error", "boom at rcpt"), ("nilindex", "nilindex"), ("object", None), ("nilerror", None)):
        misbehaves(name, line_of(text) if text else None)
    position = program.log_position
    act(program, "error")
    holds("session= on the line", program.wait_log(r"session=", after=position, limit=5), program.lines[position:])
    holds("a traceback", program.wait_log(r"traceback|in function|in local|in field", after=position, limit=5),
          "\n".join(program.lines[position:]))


@case("endless loops, also inside pcall")
def loops():
    for name in ("loop", "stubborn"):
        misbehaves(name, line_of(f"    {name} ="))


UNHOOKED = {
    # Lua runs an error handler before it leaves the hook that raised the error, with hooks switched off.
    "the handler of xpcall": """local function loop() while true do end end
        while true do xpcall(loop, loop) end""",
    # A pattern is one C call; the time grows with the fourth power of the subject's length.
    "a pattern": 'return (("a"):rep(500)):find(".-.-.-.-b")',
    "optional parts of a pattern": 'return (("a"):rep(40)):match(("a?"):rep(40) .. ("a"):rep(40) .. "b")',
    "an iterator": "for _ in function() return 1 end do end",
    "all": "return all { function() while true do end end }",
}


@case("endless loops where the instruction hook does not reach")
def unhooked_loops():
    stuck = []
    for name, action in UNHOOKED.items():
        endless = f'return {{ name = "endless", rcpt = function(session, message) {action} end }}\n'
        with Program(rules={"endless": endless}) as other:
            try:
                with other.session(limit=COMMAND_LIMIT) as session:
                    session.mail()
                    equal(name, str(session.rcpt("<someone@elsewhere.test>"))[:9], "451 4.3.0")
            except Silent:
                stuck.append(name)
                other.kill()
    equal(f"no answer within {COMMAND_LIMIT:g} s", stuck, [])


@case("memory, endless strings, deep recursion, explosive patterns")
def greed():
    for name in ("memory", "rep", "recursion", "pattern"):
        misbehaves(name)


# What a rule does, and which limit the log and the counters must name.
EXCESSES = {
    "loop": ("while true do end", "instructions"),
    "stubborn": ("while true do pcall(function() while true do end end) end", "instructions"),
    "pattern": ('return (("a"):rep(1000)):find(".-.-.-b")', "instructions"),
    "patterns": ('while true do pcall(string.find, ("a"):rep(1000), ".-.-.-b") end', "instructions"),
    "memory": ('local t = {} while true do t[#t + 1] = ("x"):rep(10000) .. #t end', "memory"),
    "hungry": ("local t = {} while true do pcall(function() while true do t = { t } end end) end", "memory"),
    "rep": ('return ("x"):rep(1 << 40)', "size"),
    "concat": ('return table.concat({ ("x"):rep(1 << 20), "y" })', "size"),
}


@case("each limit: its line in the log, its counter, and the next message as ever")
def limits():
    greedy = "return { name = \"greedy\", rcpt = function(session, message, recipient)\n" \
        "local acts = {\n" + "".join(f"{name} = function() {text} end,\n" for name, (text, _) in EXCESSES.items()) + \
        "}\nlocal act = acts[recipient.address.local_part]\nif act then act() return end end }\n"
    options = {"states": "1", "state.memory": "16MiB", "deadline.command": "2s"}
    kinds = [kind for _, kind in EXCESSES.values()]
    with Program(rules={"greedy": greedy}, options=options) as other:
        for number, (name, (_, kind)) in enumerate(EXCESSES.items(), 3):
            reply, _, position = act(other, name)
            equal(name, reply[:9], "451 4.3.0")
            holds(f"{name}: limit={kind} and the line",
                  other.wait_log(rf"rule_error.*limit={kind} at=\S*greedy\.lua:{number}\b", after=position, limit=5),
                  "\n".join(other.lines[position:]))
            works(other, name)
        position = other.log_position
        other.reload()
        want = {kind: kinds.count(kind) for kind in ("instructions", "memory", "size")}
        pattern = " ".join([f"rule_limits={sum(want.values())}", "rule_limit_time=0"] +
                           [f"rule_limit_{kind}={count}" for kind, count in want.items()])
        holds(f"counters: {pattern}", other.wait_log(pattern, after=position, limit=5), "\n".join(other.lines[position:]))


@case("time: a rule that goes on waiting ends with the deadline of the stage")
def deadline():
    rule = 'return { name = "late", rcpt = function(session, message, recipient)\n' \
        'if recipient.address.local_part == "ok" then return end\n' \
        'while true do pcall(function() while true do end end) end end }\n'
    options = {"rule.instructions": "100000000000", "deadline.command": "1s"}
    with Program(rules={"late": rule}, options=options) as other:
        reply, took, position = act(other, "someone")
        equal("answer", reply[:9], "451 4.3.0")
        holds("about a second", 0.9 < took < 5, took)
        holds("limit=time and the line", other.wait_log(r"rule_error.*limit=time at=\S*late\.lua:3\b", after=position,
                                                        limit=5), "\n".join(other.lines[position:]))
        works(other, "a late rule")


HOARDERS = {
    "recipient:replace": "recipient:replace(list)",
    "recipient.expansion": "recipient.expansion = list",
    "notes": "message.notes.list = list",
    "directory.resolve": 'directory.resolve("pair@example.com")',
    "add_recipient": 'message:add_recipient("someone@elsewhere.test")',
    "set_sender": 'message:set_sender("someone@elsewhere.test")',
    "add_header": 'message:add_header("X-Test", "value")',
}
PEAK_LIMIT_KIB = 600 * 1024  # a Lua state has 64 MiB; the sanitizers need their share
KILL_LIMIT_KIB = 1200 * 1024  # before the machine suffers


@case("memory that a rule makes the program keep outside of Lua is capped as well")
def hoarding():
    over = []
    for name, action in HOARDERS.items():
        hoard = f"""return {{ name = "hoard", rcpt = function(session, message, recipient)
            local list = {{}}
            for i = 1, 1000 do list[i] = "user" .. i .. "@elsewhere.test" end
            while true do {action} end
        end }}"""
        with Program(rules={"hoard": hoard}, memory_limit_kib=KILL_LIMIT_KIB) as other:
            try:
                with other.session(limit=30) as session:
                    session.mail()
                    reply = str(session.rcpt("<someone@elsewhere.test>"))
            except Gone:
                reply = "killed"
            peak = other.peak_kib
            print(f"      {name}: {reply[:9]}, peak {peak // 1024 if peak else '?'} MiB")
            if not reply.startswith("451 4.3.0") or not peak or peak > PEAK_LIMIT_KIB:
                over.append(name)
            if reply == "killed":
                other.kill()
    equal(f"above {PEAK_LIMIT_KIB // 1024} MiB, or not deferred", over, [])


@case("memory that a rule keeps for good: its state is replaced")
def keeping():
    keep = """local kept
        return { name = "keep", rcpt = function(session, message, recipient)
            if recipient.address.local_part == "greedy" then
                while true do kept = { kept } end
            end
            local text = ("x"):rep(100000)
        end }"""
    with Program(rules={"keep": keep}, options={"states": "1", "rule.instructions": "100000000"}) as other:
        with other.session(limit=COMMAND_LIMIT) as session:
            session.mail()
            equal("the greedy call", str(session.rcpt("<greedy@elsewhere.test>"))[:9], "451 4.3.0")
        holds("rules are loaded anew", other.wait_log(r"rules_spent", limit=10))
        holds("and in use", other.wait_log(r"rules_loaded", limit=10))
        works(other, "keeping memory")


@case("nonsense returned")
def nonsense():
    for name in ("number", "text", "table", "forged"):
        misbehaves(name)


@case("verdicts libmilter would drop in silence")
def impossible_replies():
    for name in ("success", "mixed", "newline", "huge", "notext"):
        misbehaves(name, line_of(f"    {name} ="))


@case("verdicts at the wrong stage")
def wrong_stage():
    for name in ("discard", "quarantine"):
        misbehaves(name)


@case("a handle kept over callbacks: message is gone")
def kept_handle():
    # With several Lua states MAIL and RCPT may run in different ones, where nothing was kept.
    for _ in range(30):
        reply, _, position = act(program, "gone")
        equal("answer", reply[:9], "451 4.3.0")
        if program.wait_log(r"message is gone", after=position, limit=1):
            break
    else:
        holds("the log says: message is gone", False, program.log[-2000:])
    works(program, "a kept handle")


@case("a swallowed error is no error")
def swallowed():
    equal("answer", act(program, "swallowed")[0], "continue")


@case("the sandbox: no new globals, no changed tables, no os, no coroutine")
def sandbox():
    for name in ("global", "freeze", "escape", "yield"):
        misbehaves(name, line_of(f"    {name} ="))


@case("errors at headers and at end of message")
def content_stages():
    for sender in ("<headers@remote.example>", "<finish@remote.example>"):
        for which, want in ((program, "451 4.3.0"), (lenient, "continue")):
            with which.session() as session:
                outcome = session.transaction(["<ok@example.com>"], sender=sender)
                equal(f"{sender}", str(outcome.message)[:len(want)], want)
                session.quit()
            works(which, sender)


@case("notes live from stage to stage, and end with the message or session")
def notes():
    with program.session() as session:
        for turn in (1, 2, 3):
            sender = f"<from{turn}@remote.example>"
            session.mail(sender)
            equal(f"message {turn}", str(session.rcpt("<notes@elsewhere.test>")), f"550 5.7.1 notes {sender} {turn}")
            session.abort()
        session.quit()
    with program.session() as session:
        session.mail("<new@remote.example>")
        equal("a new session", str(session.rcpt("<notes@elsewhere.test>")), "550 5.7.1 notes <new@remote.example> 1")
        session.quit()


@case("many failures side by side do not disturb others")
def side_by_side():
    sessions = [program.session() for _ in range(10)]
    for number, session in enumerate(sessions):
        session.mail()
    for number, session in enumerate(sessions):
        name = ("error", "ok", "number", "notes", "recursion")[number % 5]
        reply = str(session.rcpt(f"<{name}@elsewhere.test>"))
        equal(name, reply[:3], {"ok": "con", "notes": "550"}.get(name, "451"))
    for session in sessions:
        session.quit()


@case("mode = shadow: nothing is refused or changed, the log says would=")
def shadow():
    with Program(quota=quota, options={"mode": "shadow"}) as other, other.session() as session:
        position = other.log_position
        outcome = session.transaction(["<full@example.com>", "<pair@example.com>", "<nobody@example.com>"])
        equal("answers", str(outcome), "mail=continue; rcpt=continue; rcpt=continue; rcpt=continue; message=continue")
        equal("edits", outcome.edits, [])
        for recipient in ("full", "nobody"):
            holds(f"would= for {recipient}",
                  other.wait_log(rf"{recipient}@example\.com.*would=|would=.*{recipient}@example\.com",
                                                            after=position, limit=5), "\n".join(other.lines[position:]))
        holds("what the rule says that it does is marked", other.wait_log(r"rule=quota mode=shadow .*left out",
                                                                         after=position, limit=5))
        session.quit()


@case("quota.mode = shadow: only that rule")
def shadow_one():
    with Program(quota=quota, options={"quota.mode": "shadow"}) as other, other.session() as session:
        outcome = session.transaction(["<full@example.com>", "<nobody@example.com>"])
        equal("answers", [str(reply)[:9] for reply in outcome.recipients], ["continue", "550 5.1.1"])
        session.quit()


@case("a user's rule file wins over the shipped one of its name")
def user_file_wins():
    own = 'return { name = "quota", rcpt = function() return reject(550, "5.7.1", "my own quota rule") end }\n'
    with Program(quota=quota, rules={"quota": own}, options={
            "rules": "subaddress alias recipient quota"}) as other, other.session() as session:
        session.mail()
        equal("RCPT", str(session.rcpt("<ok@example.com>")), "550 5.7.1 my own quota rule")
        session.quit()


@case("skip() ends the stage, the next stage runs its rules")
def skip():
    first = 'return { name = "first", rcpt = function() return skip() end }\n'
    second = '''return { name = "second",
        rcpt = function() return reject(550, "5.7.1", "not skipped") end,
        finish = function() return reject(550, "5.7.1", "finish reached") end }\n'''
    with Program(rules={"first": first, "second": second}, options={"rules": "first second"}) as other:
        with other.session() as session:
            equal("answers", str(session.transaction(["<ok@example.com>"])),
                  "mail=continue; rcpt=continue; message=550 5.7.1 finish reached")
            session.quit()


with Program(quota=quota, rules={"probe": PROBE}) as program, \
        Program(quota=quota, rules={"probe": PROBE}, options={"probe.on_error": "continue"}) as lenient:
    run()
