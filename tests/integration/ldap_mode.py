#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""docker-mailserver in LDAP mode: who gets mail and who is refused while the client waits, who may send as whom, and what
the commands say of it."""

import json
import re

from scenario import FULL, OK, LdapLab, Scenario, starts
from lab import make_message
from ldap_people import A, B, C, FAR, FULL_BOX, LDIF, MAILBOXES, USERS, VOLUME
from spoof_volume import message, refused, sent_as

UNKNOWN, LOOP, RELAY = starts("550 5.1.1"), starts("451 4.6.0"), starts("554 5.7.1")

# title, recipients, the envelope recipients that LMTP gets, recipients outside
DELIVERED = [
    ("mailbox", [A], [A], []),
    ("mailbox, upper case", ["ALICE@EXAMPLE.COM"], [A], []),
    ("mailbox whose uid has another name", [C], [C], []),
    ("tag", ["alice+News@example.com"], ["alice+News@example.com"], []),
    ("alias", ["al@example.com"], [A], []),
    ("alias, tagged", ["al+x@example.com"], ["alice+x@example.com"], []),
    ("alias of an alias", ["nested@example.com"], [A], []),
    ("alias by pattern", ["re42@example.com"], ["alice+42@example.com"], []),
    ("pattern that leads to an alias", ["pat@example.com"], [A], []),
    ("group", ["team@example.com"], [A, B, C], []),
    ("group and its member", ["team@example.com", B], [A, B, B, C], []),    # twice to Dovecot, which keeps one
    ("group with a member elsewhere", ["mixed@example.com"], [B], [FAR]),
    ("elsewhere", ["ext@example.com"], [], [FAR]),
    ("catch-all", ["anybody@catch.test"], [B], []),
    ("alias of a domain that only LDAP knows", ["c@other.test"], [C], []),
]

# recipient, what strangers are told, what people who are logged in are told
REFUSED = [
    ("nosuch@example.com", UNKNOWN, UNKNOWN),
    ("nosuch+tag@example.com", UNKNOWN, UNKNOWN),
    ("nosuch@other.test", UNKNOWN, UNKNOWN),
    ("off@example.com", UNKNOWN, UNKNOWN),              # mailEnabled=FALSE
    ("offalias@example.com", UNKNOWN, UNKNOWN),
    ("dangle@example.com", UNKNOWN, UNKNOWN),
    ("file@volume.test", UNKNOWN, UNKNOWN),             # of postfix-virtual.cf the domains alone count
    ("bob", RELAY, OK),                                 # completed by the host's name, which is no domain of ours then
    ("bob@mail.example.test", RELAY, OK),
    ("nobody@example.test", UNKNOWN, UNKNOWN),          # the host's own domain
    ("loop1@example.com", LOOP, LOOP),
    (FULL_BOX, starts(FULL), starts(FULL)),
    ("full+tag@example.com", starts(FULL), starts(FULL)),
    ("fullalias@example.com", starts(FULL), starts(FULL)),
    ("fullnested@example.com", starts(FULL), starts(FULL)),
    ("somebody@foreign.test", RELAY, OK),
]

# login, sender, by Postfix's own check with ldap-senders.cf, by Foregate. A bare name is a uid; carl is carol@other.test,
# and carol carl@example.com.
SENDERS = [
    (A, A, True, True),
    (A, "ALICE@Example.COM", True, True),
    ("alice", A, True, True),
    ("ALICE", A, True, True),
    ("carl", C, True, True),
    (C, C, True, True),
    ("carl", "carl@example.com", False, False),
    ("carol", "carl@example.com", True, True),
    ("carol", C, False, False),
    ("alice", B, False, False),
    (A, B, False, False),
    (A, "al@example.com", False, True),
    ("alice", "al@example.com", False, True),
    ("alice", "nested@example.com", False, True),
    (A, "nested@example.com", False, True),
    (A, "team@example.com", False, True),
    ("carl", "team@example.com", False, True),
    ("bob", "mixed@example.com", False, True),
    ("alice", "mixed@example.com", False, False),
    ("bob", "anybody@catch.test", False, True),
    ("alice", "re7@example.com", False, True),
    ("bob", "re7@example.com", False, False),
    (A, "alice+tag@example.com", True, False),          # spoof.subaddress
    (A, "nosuch@example.com", False, False),
    (A, FAR, False, False),
    ("alice", "random@external.test", False, False),
    ("ghost", A, False, False),                         # Dovecot lets it in, and LDAP lists it nowhere
    ("ghost", "ghost@example.com", False, False),
]


def fold(address):
    user, _, domain = address.partition("@")
    base, plus, tag = user.partition("+")
    return f"{base.lower()}{plus}{tag}@{domain.lower()}"


def outcome(scenario, lab, title, dialogue, inside, foreign):
    """Once the queue is empty."""
    envelope = [fold(to) for kind, to, status in lab.postfix.deliveries(dialogue.queue_id)
                if kind == "lmtp" and status == "sent"]
    scenario.check(f"{title}: to mailboxes", sorted(envelope), sorted(inside))
    owners = {re.sub(r"\+[^@]*", "", address) for address in inside}
    scenario.check(f"{title}: copies", {box: len(lab.dovecot.copies(box, title)) for box in MAILBOXES},
                   {box: int(box in owners) for box in MAILBOXES})
    sent = [to for letter in lab.sink.letters if letter.header("Subject") == [title] for to in letter.recipients]
    scenario.check(f"{title}: sent on to", sorted(sent), sorted(foreign))


def delivered(scenario, lab):
    dialogues = {}
    for title, recipients, *_ in DELIVERED:
        dialogues[title] = lab.send("s@external.test", recipients, make_message(title))
        scenario.check(title, dialogues[title].refusal or dialogues[title].end, OK)
    title = "group with a full member"
    dialogues[title] = lab.send("s@external.test", "fullteam@example.com", make_message(title))
    scenario.check(title, dialogues[title].refusal or dialogues[title].end, OK)
    lab.postfix.wait_empty()
    for name, _, inside, foreign in [*DELIVERED, (title, [], [B], [])]:
        outcome(scenario, lab, name, dialogues[name], inside, foreign)
    scenario.check("bounces", len(lab.sink.bounces()), 0)


def refusals(scenario, lab):
    for recipient, stranger, user in REFUSED:
        scenario.check(f"stranger to <{recipient}>", lab.send("s@external.test", recipient, data=False).rcpt[0], stranger)
        told = lab.submit(A, A, [recipient], data=False)
        scenario.check(f"logged in, to <{recipient}>", told.refusal or told.rcpt[0], user)
    lab.postfix.wait_empty()
    scenario.check("refused: bounces", len(lab.sink.bounces()), 0)


def senders(scenario, lab):
    for login, sender, today, foregate in SENDERS:
        for side, port, allowed in (("today", lab.stock_submission, today), ("foregate", lab.submission, foregate)):
            scenario.check(f"{side} {login} as <{sender}>", sent_as(lab, login, sender, port),
                           OK if allowed else refused(login, sender))


def authors(scenario, lab):
    for login, author, allowed in (("alice", A, True), ("alice", "nested@example.com", True), ("alice", B, False),
                                   (A, "team@example.com", True), ("carl", "carl@example.com", False)):
        sender = C if login == "carl" else A
        dialogue = lab.submit(login, sender, [FAR], message(f"{login} by {author}", f"From: <{author}>"))
        scenario.check(f"{login} writes From: {author}", dialogue.refusal or dialogue.end,
                       OK if allowed else refused(login, author, "From address"))


def resolve(lab, *addresses):
    return {said["address"]: said for said in
            map(json.loads, lab.gateway.command("resolve", "--json", *addresses).stdout.splitlines())}


def commands(scenario, lab):
    said = resolve(lab, "nested@example.com", "team@example.com", C, "pat@example.com", FULL_BOX, "nosuch@example.com",
                   "user@mail.example.test", "nobody@example.test", "x@volume.test")
    for address, want in (("nested@example.com", [["ldap aliases", "ldap aliases", "ldap users"]]),
                          ("team@example.com", [["ldap groups", "ldap users"]] * 3), (C, [["ldap users"]])):
        scenario.check(f"resolve {address}: sources", [one["sources"] for one in said[address]["recipients"]], want)
    scenario.check("resolve pat: sources", said["pat@example.com"]["recipients"][0]["sources"][1:],
                   ["ldap aliases", "ldap users"])
    for address, status in (("nosuch@example.com", "unknown"), ("user@mail.example.test", "relay"),
                            ("nobody@example.test", "unknown"), ("x@volume.test", "unknown")):
        scenario.check(f"resolve {address}: status", said[address]["status"], status)
    text = lab.gateway.command("resolve", "al@example.com", FULL_BOX).stdout
    scenario.check("resolve: the alias, as text", text, re.compile(r"al@example\.com: .*ldap aliases"))
    scenario.check("resolve: the limit of LDAP", text, re.compile(r"full@example\.com in ldap users.*20k", re.S | re.I))
    text = lab.gateway.command("explain", "--login", "alice", "--from", "nested@example.com", "--rcpt",
                               "al@example.com").stdout
    scenario.check("explain: alias and mailbox", text, re.compile("ldap aliases.*ldap users", re.S))
    scenario.check("explain: who owns the sender", text, re.compile(r"owns\(alice, nested@.* = true.*ldap aliases"))
    text += lab.gateway.command("explain", "--login", "alice", "--from", A, "--rcpt", FAR).stdout
    scenario.check("explain: by the table of senders", text, re.compile(r'owns\(alice, alice@.* = true, "alice \(ldap senders\)"'))
    checked = lab.gateway.command("-o", f"directory.sample={A}", "check")
    scenario.check("check: the account", checked.stdout, re.compile(rf"source ldap: account {A}: found"))
    scenario.check("check: the domain", checked.stdout, re.compile(r"source ldap: domain example\.com: found \("))
    scenario.check("check: findings", checked.stdout, re.compile("errors: 0"))
    password = "geheim"
    scenario.check("the bind password is told nobody", password in checked.stdout + text + lab.gateway.log_text(), False)


def main():
    scenario = Scenario()
    options = {"spoof.enabled": "yes", "ldap.timeout": "10s", "quota.timeout": "10s"}   # the machine may be busy
    with scenario.lab(VOLUME, kind=LdapLab, options=options, ldif=LDIF, users=USERS,
                      bare_logins=("alice", "bob", "carl", "carol", "ghost")) as lab:
        lab.fill(FULL_BOX, 21000)
        delivered(scenario, lab)
        refusals(scenario, lab)
        senders(scenario, lab)
        authors(scenario, lab)
        commands(scenario, lab)
    scenario.end()


main()
