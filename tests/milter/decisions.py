#!/usr/bin/env python3
"""What the log tells of a decision, and `reply.id`: the id in a reply finds the line that says why."""

import re

from cases import case, equal, holds, run
from fake_quota import FULL, FakeQuota
from program import Program

# By the local-part of the recipient, or of the sender.
PROBE = """\
return {
    name = "probe",
    rcpt = function(session, message, recipient)
        local name = recipient.address.local_part
        if name == "long" then
            return reject(550, "5.7.1", ("x"):rep(450))
        elseif name == "percent" then
            return reject(550, "5.7.1", "100% full")
        elseif name == "error" then
            error("boom")
        elseif name == "many" then
            for i = 1, 300 do message.notes[i] = "value number " .. i end
            quota.check("full@example.com", 1000)
            return defer(450, "4.7.1", "Later")
        end
    end,
    data = function(session, message)
        if message.sender.local_part == "data" then return reject(554, "5.7.1", "No data") end
    end,
    finish = function(session, message)
        if message.sender.local_part == "plan" then
            message:set_sender("x@ext.test")
            for _, recipient in ipairs(message.recipients) do recipient:drop("all") end
        elseif message.sender.local_part == "finish" then
            return reject(554, "5.7.1", "No finish")
        end
    end,
}
"""
ID = r"[2-9A-HJKMNP-Z]{8}"
SIGNED = re.compile(rf"^(\d{{3}}) (\d\.\d+\.\d+) (.*) \(id ({ID})\)$")

quota = FakeQuota()
quota.answers["full@example.com"] = FULL
program = None  # reply.id = yes, log.level = debug
plain = None    # neither
shadow = None


def signed(what, reply, start):
    """The id of a refusal that begins so."""
    match = SIGNED.match(str(reply))
    holds(f"{what}: {reply}", match and str(reply).startswith(start), str(reply))
    return match.group(4)


def only(event, which, number):
    """The one line of that event with the id."""
    holds("logged", which.wait_log(rf"^\w+ {event} .*\bid={number}\b"), number)
    found = [line for line in which.lines if f" id={number} " in line and line.split(" ")[1] == event]
    equal(f"{event} with id={number}", len(found), 1)
    return found[0]


@case("the id in a reply of a rule finds its decision")
def of_rules():
    for recipient, start, rule in (("full@example.com", "552 5.2.2 ", "quota"), ("nosuch@example.com", "550 5.1.1 ", "recipient"),
                                   ("percent@elsewhere.test", "550 5.7.1 100%% full (id", "probe"),
                                   ("error@elsewhere.test", "451 4.3.0 ", "probe")):
        number = signed(recipient, program.at_rcpt(f"<{recipient}>"), start)
        line = only("decision", program, number)
        for part in (f" rule={rule} ", " stage=rcpt ", f" recipient={recipient} ", " generation=1 "):
            holds(f"{part} of {recipient}", part in line, line)
    holds("of an error the failure too", " at=" in only("rule_error", program, number), number)


@case("refusals of our own have an id, and a line that says so")
def of_our_own():
    number = signed("syntax", program.at_rcpt("<>"), "501 5.1.3 Bad recipient address syntax")
    line = only("decision", program, number)
    holds("no rule", " rule=" not in line and " code=501 " in line and " stage=rcpt " in line, line)
    with program.session() as session:
        message = session.transaction(["<ok@example.com>"], sender="<plan@ext.test>").message
        number = signed("plan", message, "451 4.3.0 The message cannot be rewritten now")
        session.quit()
    for event in ("decision", "plan_error", "message"):
        only(event, program, number)


@case("the summary of a refused message has the id of the decision")
def of_messages():
    for sender, stage, text in (("data", "data", "No data"), ("finish", "finish", "No finish")):
        with program.session() as session:
            message = session.transaction(["<ok@example.com>"], sender=f"<{sender}@ext.test>").message
            number = signed(sender, message, f"554 5.7.1 {text} (id ")
            session.quit()
        holds(f"{stage} in the decision", f" stage={stage} " in only("decision", program, number), number)
        holds("in the summary", " verdict=reject code=554 rule=probe " in only("message", program, number), number)


@case("a long text makes room for the id")
def long_text():
    reply = program.at_rcpt("<long@elsewhere.test>")
    signed("long", reply, "550 5.7.1 xxx")
    equal("length", len(str(reply)), len("550 5.7.1 ") + 450)


@case("ids are random and few look alike")
def many_ids():
    found = [signed("many", program.at_rcpt("<percent@elsewhere.test>"), "550") for _ in range(50)]
    equal("distinct", len(set(found)), 50)


@case("without reply.id the text is the rule's, and the log has the id all the same")
def off():
    equal("reply", str(plain.at_rcpt("<percent@elsewhere.test>")), "550 5.7.1 100%% full")  # as libmilter wants it
    holds("an id", plain.wait_log(rf"decision rule=probe .* id={ID} generation=1 text=\"100% full\""), plain.log)
    holds("no rule_call", not any(line.startswith("debug ") for line in plain.lines), plain.log)


@case("what would be refused has an id")
def in_shadow():
    equal("reply", str(shadow.at_rcpt("<percent@elsewhere.test>")), "continue")
    holds("an id", shadow.wait_log(rf"decision rule=probe .* would=reject code=550 xcode=5.7.1 id={ID} generation=1 "), shadow.log)


@case("at debug each call of a rule tells what explain does")
def debug():
    number = signed("many", program.at_rcpt("<many@elsewhere.test>"), "450 4.7.1 Later")
    session = re.search(r"session=(\w+)", only("rule_call", program, number)).group(1)
    holds("all of it", program.wait_log(rf"rule_call rule=probe .*{session}.* observed\.302="), session)
    calls = [line for line in program.lines if line.startswith("debug rule_call rule=probe ") and session in line]
    equal("the first has the id", f" id={number} " in calls[0], True)
    holds("it goes on in further lines", len(calls) > 2, len(calls))
    observed = [text for line in calls for text in re.findall(r'observed\.\d+="((?:[^"\\]|\\.)*)"', line)]
    equal("all in order", (observed[0], observed[1], observed[300]),
          ("input recipient.address = many@elsewhere.test", r'note message.notes.1 = \"value number 1\"',
           r'note message.notes.300 = \"value number 300\"'))
    holds("an answer", re.match(r"answer quota\.check\(full@example\.com, 1000\) = over, .*\(asked: .* ms\)$", observed[301]),
          observed[301])
    holds("bounded", all(len(line) < 4096 for line in calls), max(map(len, calls)))
    others = [line for line in program.lines if f"session={session}" in line and "rule_call rule=alias " in line]
    holds("of a rule without objection as well", others and " verdict=continue generation=1 snapshot=" in others[0], others)


with Program(quota=quota, rules={"probe": PROBE}, options={"rules": "alias recipient quota probe", "reply.id": "yes",
                                                           "log.level": "debug"}) as program, \
        Program(quota=quota, rules={"probe": PROBE}) as plain, \
        Program(quota=quota, rules={"probe": PROBE}, options={"mode": "shadow"}) as shadow:
    run()
