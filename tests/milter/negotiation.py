#!/usr/bin/env python3
"""Which protocol steps, actions and macros are negotiated, and strangers on the milter socket."""

import os
import random
import struct

import driver
from cases import case, equal, holds, run
from driver import Gone, Malformed, Milter, Silent, packet
from fake_quota import FULL, FakeQuota
from program import Program, wait_until

program = None


def works(what):
    """A whole transaction on a new session still gets the right answers."""
    holds(f"the program lives after {what}", program.alive)
    with program.session() as session:
        outcome = session.transaction(["<ok@example.com>"])
        equal(f"a transaction after {what}", str(outcome), "mail=continue; rcpt=continue; message=continue")
        session.quit()


@case("the offer of Postfix 3.7: version, actions and steps")
def offer():
    with Milter(program.listen) as session:
        equal("version", session.version, 6)
        for name, bit, want in (
                ("DATA is taken and answered (declining it costs 40 ms over TCP)", driver.NO_DATA, 0),
                ("DATA reply", driver.NR_DATA, 0),
                ("headers are taken", driver.NO_HEADERS, 0),
                ("headers get no reply", driver.NR_HEADER, driver.NR_HEADER),
                ("body may be skipped", driver.SKIP, driver.SKIP),
                ("body is taken (its bytes count)", driver.NO_BODY, 0),
                ("MAIL is answered", driver.NO_MAIL | driver.NR_MAIL, 0),
                ("RCPT is answered", driver.NO_RCPT | driver.NR_RCPT, 0),
                ("unknown commands are not asked for", driver.NO_UNKNOWN, driver.NO_UNKNOWN)):
            equal(name, session.steps & bit, want)
        needed = driver.ADD_RCPT_PAR | driver.DELETE_RCPT | driver.ADD_HEADERS
        equal("actions of the plan", session.actions & needed, needed)
        equal("the body is never replaced", session.actions & driver.CHANGE_BODY, 0)


@case("macros are asked for at the stage where they are true")
def macros():
    with Milter(program.listen) as session:
        asked = {stage: [name.strip("{}") for name in names] for stage, names in session.asked_macros.items()}
        mail = asked.get("mail", [])
        for name in ("auth_authen", "auth_type", "mail_addr"):
            holds(f"{name} at MAIL", name in mail, mail)
        holds("the queue id late: at RCPT, DATA or later",
              any("i" in asked.get(stage, ["i"]) for stage in ("rcpt", "data", "eoh", "eom")), asked)
        holds("auth_author is never asked for: anybody can forge it",
              not any("auth_author" in names for names in asked.values()), asked)


@case("every session negotiates the same steps")
def same_steps():
    seen = set()
    for _ in range(5):
        with Milter(program.listen) as session:
            seen.add((session.version, session.actions, session.steps))
    equal("distinct answers", len(seen), 1)


def lesser_peer(what, **offer):
    """Either a subset of the offer is taken or the session ends at once, with a line in the log."""
    position = program.log_position
    try:
        with Milter(program.listen, limit=5, **offer) as session:
            print(f"      {what}: negotiated version {session.version} actions {session.actions:#x} "
                  f"steps {session.steps:#x}")
            session.open()
            equal(f"{what}: a transaction", str(session.transaction(["<ok@example.com>"])),
                  "mail=continue; rcpt=continue; message=continue")
            outcome = session.transaction(["<pair@example.com>"])
            if session.actions & driver.DELETE_RCPT and session.actions & driver.ADD_RCPT_PAR:
                equal(f"{what}: a group with a full member", outcome.edits[0].kind, "delrcpt")
            else:
                equal(f"{what}: a group with a full member, which cannot be left out", str(outcome.message)[:1], "4")
            session.quit()
    except Gone:
        line = program.wait_log(r"^(warning|error)", after=position, limit=5)
        print(f"      {what}: closed; logged: {line}")
        holds(f"{what}: closed with a warning in the log", line)
    works(what)


@case("a peer of milter version 2 with fewer steps")
def old_version():
    lesser_peer("version 2", version=2, actions=0x3F, steps=0x7F)


@case("a peer without recipient edits")
def no_recipient_edits():
    lesser_peer("no recipient edits", actions=driver.ADD_HEADERS | driver.CHANGE_HEADERS)


@case("a peer without no-reply steps")
def no_silent_headers():
    lesser_peer("no NR steps", steps=driver.ALL_STEPS & ~(driver.NR_HEADER | driver.SKIP))


@case("closed right after connect, a hundred times")
def closed_at_once():
    for _ in range(100):
        driver.dial(program.listen, 5).close()
    works("a port scan")


@case("half a negotiation, then hang-up")
def half_negotiation():
    # While they stay, each half packet holds one of libmilter's workers, and new sessions may have to wait: the socket
    # is for the MTA alone.
    peers = [driver.dial(program.listen, 5) for _ in range(20)]
    for number, peer in enumerate(peers):
        peer.sendall(packet(b"O", struct.pack("!III", 6, 0x1FF, 0x1FFFFF))[:number])
    for peer in peers:
        peer.close()
    works("twenty half negotiations cut off")


def ends(peer_bytes, *, negotiate):
    """Send raw bytes; the program may answer or hang up, but must not hang or die."""
    try:
        with Milter(program.listen, limit=5, negotiate=negotiate) as session:
            session.send(peer_bytes)
            session.peer.shutdown(1)
            while True:
                session.receive()
    except (Gone, Malformed):
        pass


# Not among them: macros of an odd number of strings. Debian's libmilter reads beyond its list then; only the MTA
# itself could send them.
GARBAGE = {
    "an HTTP request": b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "a TLS hello": bytes.fromhex("16030100f4010000f00303") + bytes(240),
    "a length of zero": struct.pack("!I", 0) * 4,
    "a length of 4 GiB": b"\xff\xff\xff\xffO" + bytes(100),
    "a packet of 1 MiB": struct.pack("!I", 1 << 20) + b"L" + b"x" * ((1 << 20) - 1),
    "an unknown command": packet(b"?", b"what"),
    "a second negotiation, cut short": packet(b"O", b"\0\0"),
    "macros without a NUL": packet(b"D", b"Mi") + packet(b"M", b"<a@b>\0"),
    "macros of no stage": packet(b"D", b"") + packet(b"D", b"?x\0y\0"),
    "CONNECT without an address": packet(b"C", b"host\0" + b"4"),
    "CONNECT of an unknown family": packet(b"C", b"host\0" + b"X" + b"\0\x19address\0"),
    "CONNECT with no strings": packet(b"C", b""),
    "MAIL before CONNECT": packet(b"M", b"<a@b>\0"),
    "RCPT before MAIL": packet(b"C", b"h\x004\0\x19192.0.2.1\0") + packet(b"R", b"<a@b>\0"),
    "end of message at once": packet(b"E"),
    "headers at once": packet(b"L", b"Subject\0x\0"),
    "abort and quit at once": packet(b"A") * 5 + packet(b"Q"),
    "quit without closing": packet(b"K") + packet(b"K"),
}


@case("garbage instead of a negotiation")
def garbage_first():
    for what, data in GARBAGE.items():
        ends(data, negotiate=False)
        works(what)


@case("garbage after a negotiation")
def garbage_later():
    for what, data in GARBAGE.items():
        ends(data, negotiate=True)
        works(what)


@case("random packets, two hundred sessions")
def random_packets():
    source = random.Random(1)
    for _ in range(200):
        data = b"".join(packet(source.choice([b"A", b"B", b"C", b"D", b"E", b"H", b"L", b"M", b"N", b"R", b"T", b"U"]),
                               source.randbytes(source.randrange(40)) + source.choice([b"", b"\0"]))
                        for _ in range(source.randrange(1, 12)))
        try:
            ends(data, negotiate=True)
        except Silent:
            pass  # libmilter ignores some commands in the wrong state, and then waits
    works("random packets")


@case("no descriptor is lost to strangers")
def descriptors():
    before = program.descriptors()
    for _ in range(50):
        ends(GARBAGE["an HTTP request"], negotiate=False)
        driver.dial(program.listen, 5).close()
    wait_until(lambda: program.descriptors() <= before + 2, 10, f"back to {before} descriptors")


quota = FakeQuota()
quota.answers["full@example.com"] = FULL

with Program(quota=quota) as program:
    run()
