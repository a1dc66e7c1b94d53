#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A relay host in front, with the files of deploy/relay: who exists is known there, aliases are expanded there, each
mailbox gets one copy, and what docker-mailserver sends passes untouched."""

from scenario import FULL, OK, RelayLab, Scenario, starts
from lab import Session, account_lines, converse, make_message
from lab.front import BACK, FRONT

MANY = [f"user{number:02}@example.com" for number in range(100)]
A, B, C, FULL_BOX = "alice@example.com", "bob@example.com", "carol@example.org", "full@example.com"
KEPT = "kept@example.com"
MAILBOXES = (A, B, C, FULL_BOX, KEPT, *MANY)
VOLUME = {
    "postfix-accounts.cf": account_lines(*MAILBOXES),
    "postfix-virtual.cf": f"""\
al@example.com          alice@example.com
nested@example.com      al@example.com
multi@example.com       alice@example.com, bob@example.com
both@example.com        multi@example.com, carol@example.org, al@example.com
twice@example.com       alice@example.com, al@example.com, nested@example.com
upper@example.com       ALICE@Example.com
group@example.com       alice@example.com, full@example.com, far@external.test
fulls@example.com       full@example.com
half@example.com        alice@example.com, nosuch@example.com
dangle@example.com      nosuch@example.com
loop1@example.com       loop2@example.com
loop2@example.com       loop1@example.com
kept@example.com        kept@example.com, kept@elsewhere.test
keptgroup@example.com   kept@example.com, alice@example.com
ext@example.com         far@external.test
abroad@example.com      both@elsewhere.test
hundred@example.com     {", ".join(MANY)}
@catch.test             carol@example.org
@domain.test            @example.com
""",
    "postfix-regexp.cf": "/^re([0-9]+)@example\\.com$/ alice+$1@example.com\n"
                         "/^both@elsewhere\\.test$/ both@elsewhere.test, alice@example.com\n",
    "dovecot-quotas.cf": "full@example.com:20k\n",
}
UNKNOWN, DENIED = starts("550 5.1.1"), starts("554 5.7.1")

# title, recipients, mailboxes that get a copy, addresses elsewhere that do
ROWS = [
    ("direct", [A], [A], []),
    ("direct, mixed case", ["ALICE@Example.Com"], [A], []),
    ("alias", ["al@example.com"], [A], []),
    ("alias, mixed case", ["AL@example.COM"], [A], []),
    ("nested", ["nested@example.com"], [A], []),
    ("several targets", ["multi@example.com"], [A, B], []),
    ("groups that overlap", ["both@example.com"], [A, B, C], []),
    ("three ways to one", ["twice@example.com"], [A], []),
    ("target in upper case", ["upper@example.com"], [A], []),
    ("a pattern", ["re42@example.com"], [A], []),
    ("catch-all", ["any.one@catch.test"], [C], []),
    ("domain alias", ["alice@domain.test"], [A], []),
    ("alias and its member", ["multi@example.com", B], [A, B], []),
    ("member and its alias", [B, "multi@example.com"], [A, B], []),
    ("alias and its member, mixed case", ["Multi@example.com", "BOB@example.com", "bob@EXAMPLE.com"], [A, B], []),
    ("two aliases of one", ["al@example.com", "nested@example.com"], [A], []),
    ("a member that nobody has", ["half@example.com"], [A], []),
    ("external", ["ext@example.com"], [], ["far@external.test"]),
    ("its own target", [KEPT], [KEPT], ["kept@elsewhere.test"]),
    ("its own target, in a group", ["keptgroup@example.com"], [KEPT, A], ["kept@elsewhere.test"]),
    ("its own target, and the group", ["keptgroup@example.com", KEPT], [KEPT, A], ["kept@elsewhere.test"]),
    ("an address elsewhere that is its own target", ["abroad@example.com"], [A], ["both@elsewhere.test"]),
    ("the same, and who is behind it", ["abroad@example.com", "al@example.com"], [A], ["both@elsewhere.test"]),
    ("source route", ["@one.test,@two.test:al@example.com"], [A], []),
    ("100 recipients", MANY, MANY, []),
    ("100 members", ["hundred@example.com"], MANY, []),
    ("100 members, and half of them", ["hundred@example.com", *MANY[::2]], MANY, []),
]


def outside(lab, subject):
    return sorted(to for letter in lab.sink.letters if letter.header("Subject") == [subject] for to in letter.recipients)


def compare(scenario, lab, subject, inside, foreign):
    copies = {box: count for box in MAILBOXES if (count := len(lab.dovecot.copies(box, subject)))}
    wrong = {box: count for box, count in copies.items() if box not in inside or count != 1}
    scenario.check(f"{subject}: mailboxes", (len(copies), wrong), (len(inside), {}))
    scenario.check(f"{subject}: sent on to", outside(lab, subject), foreign)


def refused_at_the_front(scenario, lab):
    for recipient, want in (("nosuch@example.com", UNKNOWN), ("nosuch+tag@example.com", UNKNOWN),
                            ("dangle@example.com", UNKNOWN), ("nosuch@domain.test", UNKNOWN),
                            ("loop1@example.com", starts("451 4.6.0")), (FULL_BOX, FULL), ("fulls@example.com", FULL),
                            ("someone@foreign.test", DENIED), ("someone@sub.example.com", starts("554 5.7.1 <someone@")), (f"someone@{lab.postfix.hostname}", DENIED),
                            ("alice%foreign.test@example.com", starts("554")), ("nosuch", starts("504 5.5.2")),
                            ("postmaster", OK)):
        reply = lab.send("s@external.test", recipient, data=False).rcpt[0]
        scenario.check(f"<{recipient}>", reply, want)
    scenario.check("docker-mailserver saw none of it", lab.postfix.log_text().count("NOQUEUE"), 0)


def delivered_once(scenario, lab):
    for title, recipients, *_ in ROWS:
        dialogue = lab.send("s@external.test", recipients, make_message(title))
        scenario.check(title, dialogue.refusal or dialogue.end, OK)
    lab.wait_empty(60)
    for title, _, inside, foreign in ROWS:
        compare(scenario, lab, title, inside, foreign)
    scenario.check("bounces", len(lab.sink.bounces()), 0)


def full_member(scenario, lab):
    for title, recipients, inside, foreign in (
            ("a full member", ["group@example.com"], [A], ["far@external.test"]),
            ("a full member, and another recipient", ["group@example.com", A, C], [A, C], ["far@external.test"])):
        dialogue = lab.send("s@external.test", recipients, make_message(title))
        scenario.check(title, dialogue.refusal or dialogue.end, OK)
        lab.wait_empty()
        compare(scenario, lab, title, inside, foreign)
    scenario.check("a full member: bounces", len(lab.sink.bounces()), 0)


def trace_header(scenario, lab):
    """X-Original-To with one recipient, none with several."""
    for title, recipients, want in (("trace alias", ["Nested@example.com"], ["Nested@example.com"]),
                                    ("trace group", ["multi+x@example.com"], ["multi+x@example.com"]),
                                    ("trace none, direct", [A], []),
                                    ("trace none, several", ["nested@example.com", B], []),
                                    ("trace none, two aliases", ["nested@example.com", "upper@example.com"], [])):
        lab.send("s@external.test", recipients, make_message(title))
        [copy] = lab.copies(A, title)
        scenario.check(title, copy.get_all("X-Original-To", []), want)
    lab.send("s@external.test", "al@example.com", make_message("trace forged", extra_headers=["X-Original-To: x@y.test"]))
    [copy] = lab.copies(A, "trace forged")
    scenario.check("trace forged", copy.get_all("X-Original-To"), ["al@example.com"])


def lmtp_recipients(lab, subject):
    """The envelope recipients that Dovecot was given, tag and all."""
    return [copy["Delivered-To"] for copy in lab.copies(A, subject)]


def tags(scenario, lab):
    """The tag comes through to Dovecot, where Sieve can look at it; with strip it does not."""
    for title, recipient in (("tag", "alice+News@example.com"), ("tag, alias", "nested+News@example.com")):
        lab.send("s@external.test", recipient, make_message(title))
        scenario.check(title, lmtp_recipients(lab, title), ["alice+News@example.com"])
    lab.gateway.restart(rewrite__subaddress="strip")
    for title, recipient in (("strip", "alice+News@example.com"), ("strip, alias", "nested+News@example.com")):
        lab.send("s@external.test", recipient, make_message(title))
        scenario.check(title, lmtp_recipients(lab, title), ["alice@example.com"])
        [copy] = lab.copies(A, title)
        scenario.check(f"{title}: trace", copy.get_all("X-Original-To"), [recipient])
    lab.gateway.restart(rewrite__subaddress="keep")


def outbound(scenario, lab):
    """What docker-mailserver sends: to addresses that are aliases here, and with a header that the relay would remove."""
    judged = lab.gateway.log_text()
    message = make_message("outbound", sender=A, extra_headers=["X-Original-To: untouched@example.com"])
    dialogue = lab.submit(A, A, ["friend@remote.test", "friend+tag@remote.test", "friend@sub.example.com", C],
                          message, port=lab.stock_submission)
    scenario.check("outbound: end of message", dialogue.refusal or dialogue.end, OK)
    lab.wait_empty()
    scenario.check("outbound: left", outside(lab, "outbound"),
                   ["friend+tag@remote.test", "friend@remote.test", "friend@sub.example.com"])
    scenario.check("outbound: local copy", len(lab.dovecot.copies(C, "outbound")), 1)
    [letter, *_] = lab.sink.to("friend@remote.test")
    scenario.check("outbound: header", letter.header("X-Original-To"), ["untouched@example.com"])
    scenario.check("outbound: sender", letter.sender, A)

    def through(recipient, source, host=FRONT):
        with Session(lab.front.outbound_port, source, host) as session:
            session.ehlo()
            session.mail("x@example.com")
            return session.rcpt(recipient)
    # Neither validated nor expanded: that is docker-mailserver's own business.
    scenario.check("outbound: not validated", through("nosuch@example.com", BACK), OK)
    scenario.check("outbound: from another address", through("friend@remote.test", "127.0.0.2"), DENIED)
    scenario.check("outbound: Foregate was not asked", lab.gateway.log_text() == judged, True)
    # docker-mailserver's address means nothing at the listener for the Internet.
    dialogue = converse(lab.mx, "x@example.com", ["friend@remote.test"], source=BACK, data=False)
    scenario.check("relay by the other listener", dialogue.rcpt[0], DENIED)


def no_address_mappings(scenario, lab):
    """A table of the relay's own changes nothing for mail from outside, neither before Foregate nor behind it."""
    lab.front.set("virtual_alias_maps = inline:{ {al@example.com = carol@example.org}, "
                  "{alice@example.com = bob@example.com}, {friend@remote.test = changed@remote.test} }\n")
    dialogue = lab.send("s@external.test", ["al@example.com"], make_message("mappings"))
    scenario.check("mappings: end of message", dialogue.refusal or dialogue.end, OK)
    lab.wait_empty()
    compare(scenario, lab, "mappings", [A], [])
    lab.submit(A, A, ["friend@remote.test"], make_message("mappings, outbound"), port=lab.stock_submission)
    lab.wait_empty()
    scenario.check("mappings, outbound: they are for such mail", outside(lab, "mappings, outbound"), ["changed@remote.test"])
    lab.front.set("virtual_alias_maps =\n")


def sizes(scenario, lab):
    """What the relay takes, docker-mailserver takes too: it is a bit larger there."""
    message = make_message("large")
    message += (b"x" * 68 + b"\r\n") * ((10_190_000 - len(message)) // 70)
    dialogue = lab.send("s@external.test", A, message)
    scenario.check("large: end of message", dialogue.refusal or dialogue.end, OK)
    scenario.check("large: copies", len(lab.copies(A, "large")), 1)
    dialogue = lab.send("s@external.test", A, mail_parameters=["SIZE=10230000"], data=False)
    scenario.check("too large", dialogue.mail, starts("552 5.3.4"))


def domains(scenario, lab):
    """A domain that comes, and one that goes while Postfix still has it."""
    scenario.check("new domain: before", lab.send("s@x.test", "dave@new.test", data=False).rcpt[0], DENIED)
    virtual = VOLUME["postfix-virtual.cf"]
    lab.change_volume({"postfix-virtual.cf": virtual + "dave@new.test alice@example.com\n"})
    scenario.check("new domain", lab.send("s@x.test", "dave@new.test", data=False).rcpt[0], OK)
    with open(f"{lab.front_volume}/relay_domains") as file:
        scenario.check("relay_domains", file.read().split(),
                       ["catch.test", "domain.test", "example.com", "example.org", "new.test"])
    lab.front.set("relay_domains = example.com, new.test\n")
    lab.change_volume({"postfix-virtual.cf": virtual})
    scenario.check("domain that went", lab.send("s@x.test", "dave@new.test", data=False).rcpt[0],
                   starts("554 5.7.1 Relay access denied"))
    with open(f"{lab.front_volume}/postfix-accounts.cf") as file:
        scenario.check("no password at the relay", "secret" in file.read(), False)


def main():
    scenario = Scenario(limit_s=240)
    with scenario.lab(VOLUME, kind=RelayLab) as lab:
        lab.fill(FULL_BOX, 21000)
        refused_at_the_front(scenario, lab)
        delivered_once(scenario, lab)
        full_member(scenario, lab)
        trace_header(scenario, lab)
        tags(scenario, lab)
        outbound(scenario, lab)
        no_address_mappings(scenario, lab)
        sizes(scenario, lab)
        domains(scenario, lab)
    scenario.end()


main()
