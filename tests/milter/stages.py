#!/usr/bin/env python3
"""The stages of a transaction: verdicts, their order, and what abort, RSET and hang-up leave behind. Over TCP."""

from cases import case, equal, holds, run
from driver import Milter, packet
from fake_quota import FULL, FakeQuota
from program import VOLUME, Program

FULL_REPLY = "552 5.2.2 Mailbox is full"
ALL_FINE = "mail=continue; rcpt=continue; message=continue"

quota = FakeQuota()
quota.answers.update({"full@example.com": FULL, "full2@example.com": FULL})

# A rule that refuses what its test asks it to refuse.
PROBE = """
return {
    name = "probe",
    mail = function(session, message)
        if message.sender.local_part == "refused" then return reject(550, "5.7.1", "Sender refused") end
        if message.sender.local_part == "later" then return defer(451, "4.7.1", "Sender deferred") end
    end,
    data = function(session, message)
        if message.sender.local_part == "data" then return reject(554, "5.7.1", "Refused at data") end
    end,
    headers = function(session, message)
        local subject = message:header("Subject")[1]
        if subject and subject:find("refuse me", 1, true) then return reject(554, "5.7.1", "Refused 100% by header") end
    end,
    finish = function(session, message)
        if message.sender.local_part == "finish" then return defer(451, "4.7.1", "Later") end
        if message.sender.local_part == "throwaway" then return discard("asked for") end
        if message.sender.local_part == "hold" then return quarantine("asked for") end
    end,
}
"""

program = None


def transaction(session, recipient="<ok@example.com>", **arguments):
    return str(session.transaction([recipient], **arguments))


@case("a normal transaction")
def normal():
    with program.session() as session:
        equal("answers", transaction(session), ALL_FINE)
        session.quit()


@case("edits of a message that nothing is done to")
def normal_edits():
    with program.session() as session:
        outcome = session.transaction(["<ok@example.com>", "<fine@example.com>", "<someone@elsewhere.test>"])
        equal("recipient edits", [edit for edit in outcome.edits if "rcpt" in edit.kind], [])
        session.quit()


@case("recipients are refused one by one")
def rcpt_verdicts():
    wants = {
        "<full@example.com>": FULL_REPLY,
        "<FULL@Example.COM>": FULL_REPLY,
        "<full+tag@example.com>": FULL_REPLY,
        "<basic@example.com>": FULL_REPLY,
        "<basic+t@example.com>": FULL_REPLY,
        "<nested@example.com>": FULL_REPLY,
        "<any@catch.test>": FULL_REPLY,
        "<re5@example.com>": FULL_REPLY,
        "<allfull@example.com>": FULL_REPLY,
        "<ok@example.com>": "continue",
        "<pair@example.com>": "continue",
        "<outside@example.com>": "continue",
        "<someone@elsewhere.test>": "continue",
    }
    with program.session() as session:
        equal("MAIL", str(session.mail()), "continue")
        got = {recipient: str(session.rcpt(recipient)) for recipient in wants}
        equal("answers", got, wants)
        session.abort()
        session.quit()


@case("unknown and dangling addresses are refused, loops deferred")
def unknown():
    with program.session() as session:
        session.mail()
        for recipient, want in (("<nobody@example.com>", "550 5.1.1"), ("<dangle@example.com>", "550 5.1.1"),
                                ("<loop1@example.com>", "451 4.6.0")):
            equal(recipient, str(session.rcpt(recipient))[:9], want)
        session.quit()


@case("several transactions on one session")
def several():
    with program.session() as session:
        for turn in range(20):
            equal(f"transaction {turn}", transaction(session), ALL_FINE)
            equal(f"refused {turn}", transaction(session, "<basic@example.com>"), f"mail=continue; rcpt={FULL_REPLY}")
        session.quit()


@case("MAIL refused, and the next MAIL comes without an abort")
def mail_refused():
    with program.session() as session:
        for _ in range(3):
            equal("refused", str(session.mail("<refused@remote.example>")), "550 5.7.1 Sender refused")
            equal("deferred", str(session.mail("<later@remote.example>")), "451 4.7.1 Sender deferred")
            equal("then", transaction(session), ALL_FINE)
        session.quit()


def walk(session, steps):
    """The first `steps` steps of a transaction."""
    walks = (lambda: session.mail(), lambda: session.rcpt("<ok@example.com>"),
             lambda: session.rcpt("<basic@example.com>"), lambda: session.rcpt("<pair@example.com>"),
             session.data, lambda: session.header("Subject", "x"), session.eoh,
             lambda: session.body(b"line\r\n" * 1000), session.eom)
    for step in walks[:steps]:
        step()
    return len(walks)


@case("abort in every state")
def abort_everywhere():
    with program.session() as session:
        for steps in range(10):
            walk(session, steps)
            for _ in range(steps % 3 + 1):  # Postfix often sends it twice, also with nothing open
                session.abort()
            equal(f"after an abort at step {steps}", transaction(session), ALL_FINE)
        session.quit()


@case("a second HELO, as after STARTTLS, in every state")
def helo_everywhere():
    with program.session() as session:
        for steps in range(10):
            walk(session, steps)
            session.abort()
            equal("HELO", str(session.helo("again.example.net")), "continue")
            equal(f"after HELO at step {steps}", transaction(session), ALL_FINE)
        session.quit()


@case("hang-up in every state")
def hang_up_everywhere():
    for steps in range(10):
        session = program.session()
        walk(session, steps)
        session.close()
        session = program.session()
        walk(session, steps)
        session.quit()
    Milter(program.listen).close()
    with program.session() as session:
        equal("afterwards", transaction(session), ALL_FINE)
        session.quit()


@case("nothing of one message is seen in the next")
def no_leftovers():
    with program.session() as session:
        session.mail("<one@remote.example>")
        session.rcpt("<pair@example.com>")
        session.abort()
        outcome = session.transaction(["<ok@example.com>"])
        equal("recipient edits of the next message", [e for e in outcome.edits if "rcpt" in e.kind], [])
        session.quit()


@case("a verdict of the data stage is given at end of headers or message")
def data_verdict():
    with program.session() as session:
        for _ in range(2):
            session.mail("<data@remote.example>")
            session.rcpt("<ok@example.com>")
            equal("DATA itself", str(session.data()), "continue")
            equal("the message", str(session.content()[0]), "554 5.7.1 Refused at data")
            session.abort()
            equal("then", transaction(session), ALL_FINE)
        session.quit()


@case("a verdict by header; its percent sign survives")
def header_verdict():
    with program.session() as session:
        outcome = session.transaction(["<ok@example.com>"], headers=[("From", "a@b"), ("Subject", "please refuse me")])
        # `%%` on the wire is one `%` for the SMTP client.
        equal("message", str(outcome.message), "554 5.7.1 Refused 100%% by header")
        session.quit()


@case("verdicts at end of message: defer, discard, quarantine")
def finish_verdicts():
    with program.session() as session:
        outcome = session.transaction(["<ok@example.com>"], sender="<finish@remote.example>")
        equal("defer", str(outcome.message), "451 4.7.1 Later")
        outcome = session.transaction(["<ok@example.com>"], sender="<throwaway@remote.example>")
        equal("discard", str(outcome.message), "discard")
        outcome = session.transaction(["<ok@example.com>"], sender="<hold@remote.example>")
        equal("quarantine", (str(outcome.message), [e.kind for e in outcome.edits if e.kind == "quarantine"]),
              ("continue", ["quarantine"]))
        equal("then", transaction(session), ALL_FINE)
        session.quit()


@case("mail from sendmail(1) is never refused at RCPT")
def local_submission():
    for address in ("127.0.0.1", "::1"):
        with Milter(program.listen).open("localhost", address, 0) as session:
            session.mail("root@mail.example.com")
            for recipient in ("full@example.com", "basic@example.com", "nobody@example.com", "dangle@example.com",
                              "loop1@example.com", "ok@example.com", ""):
                equal(f"{recipient} from {address}", str(session.rcpt(recipient)), "continue")
            session.data()
            reply, _ = session.content()
            holds("an answer at end of message", reply.kind in ("continue", "reply", "tempfail", "reject"), str(reply))
            session.quit()


@case("no memory for more recipients: 452, and for mail from sendmail(1) the message is deferred")
def many_recipients():
    big = "big@example.com " + ",".join(f"member{i}@elsewhere.test" for i in range(900)) + "\n"
    mixed = "mixed@example.com ok@example.com,nosuch@example.com\n"
    volume = {"postfix-virtual.cf": VOLUME["postfix-virtual.cf"] + big + mixed}
    with Program(volume=volume, options={"messages.memory": "1MiB"}) as other:
        with other.session() as session:
            session.mail()
            replies = [str(session.rcpt(f"<big+{i}@example.com>"))[:9] for i in range(20)]
            equal("a stranger's", (replies[0], replies[-1]), ("continue", "452 4.5.3"))
            session.abort()
            equal("the memory is free again", transaction(session), ALL_FINE)
            session.quit()
        with Milter(other.listen).open("localhost", "127.0.0.1", 0) as session:
            session.mail("root@mail.example.com")
            equal("a group that is edited", str(session.rcpt("mixed@example.com")), "continue")
            for i in range(20):
                equal(f"recipient {i}", str(session.rcpt(f"big+{i}@example.com")), "continue")
            session.data()
            reply, _ = session.content()
            equal("the message", str(reply)[:9], "452 4.5.3")
            session.quit()


@case("a client at 127.0.0.1 with a port is no sendmail(1)")
def loopback_client():
    with Milter(program.listen).open("localhost", "127.0.0.1", 41000) as session:
        session.mail()
        equal("RCPT", str(session.rcpt("<full@example.com>")), FULL_REPLY)
        session.quit()


@case("null sender, address literal, IPv6 client, unknown client")
def odd_clients():
    with Milter(program.listen).open("[2001:db8::7]", "2001:db8::7") as session:
        equal("IPv6", transaction(session, sender="<>"), ALL_FINE)
        session.quit()
    with Milter(program.listen) as session:
        session._send_macros("connect")
        session.send(packet(b"C", b"unknown\0U"))
        equal("family unknown", str(session.answer()), "continue")
        session.helo("[192.0.2.7]")
        equal("transaction", transaction(session), ALL_FINE)
        session.quit()


@case("the queue id comes late and stands on the message's log line")
def queue_id():
    with program.session() as session:
        for recipients in (["<ok@example.com>"], ["<ok@example.com>", "<fine@example.com>"],
                           ["<full@example.com>", "<ok@example.com>"]):
            position = program.log_position
            session.transaction(recipients)
            queue_id = session.macros["i"]
            line = program.wait_log(f"qid={queue_id}\\b", after=position, limit=5)
            holds(f"a line with qid={queue_id}", line, "\n".join(program.lines[position:]))
            holds("and session=", "session=" in line, line)
        session.quit()


@case("a refusal is logged with session=, recipient and reply")
def refusal_logged():
    position = program.log_position
    with program.session() as session:
        session.transaction(["<basic@example.com>"])
        session.quit()
    line = program.wait_log(r"session=.*basic@example\.com", after=position, limit=5)
    holds("a line naming session and recipient", line, "\n".join(program.lines[position:]))


with Program(quota=quota, tcp=True, rules={"probe": PROBE}) as program:
    run()
