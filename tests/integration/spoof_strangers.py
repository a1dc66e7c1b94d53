#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Strangers who use our domains, on port 25: own_domain, the ways around it that real mail needs, and shadow mode."""

import re

from scenario import OK, Scenario, starts
from lab import Dialogue, LabError, Session, TRUSTED
from spoof_volume import A, C, FAR, MARK, VOLUME, answer, message, sent_as, use

FOREIGN = "s@external.test"
FROM_US, FROM_THEM = "From: Alice <alice@example.com>", "From: Someone <s@external.test>"
LIST = "List-Id: Friends of post <friends.lists.test>"
SRS0, SRS1 = "SRS0=HHH=TT=external.test=s@example.com", "SRS1=HHH=hop.test==HHH=TT=external.test=s@example.com"
FORWARDER = "SRS0=HHH=TT=example.com=alice@forwarder.test"


def log_in(address, what="From"):
    return starts(f"550 5.7.1 <{address}>: {what} address rejected: log in to send from this domain")


# Title, envelope sender, headers, the refusal of own_domain=reject, marked by: "" nobody, "mark", or "both" values
CASES = [
    ("our sender", A, [FROM_THEM], log_in(A, "Sender"), "mark"),
    ("our sender in upper case", "ALICE@EXAMPLE.COM", [FROM_THEM], log_in("ALICE@EXAMPLE.COM", "Sender"), "mark"),
    ("nobody at our domain", "nosuch@example.com", [FROM_THEM], log_in("nosuch@example.com", "Sender"), "mark"),
    ("our catch-all domain", "any@catch.test", [FROM_THEM], log_in("any@catch.test", "Sender"), "mark"),
    ("our sender and From", A, [FROM_US], log_in(A, "Sender"), "mark"),
    ("our From", FOREIGN, [FROM_US], log_in(A), "mark"),
    ("our From among others", FOREIGN, ["From: s@external.test, carol@example.com"], log_in(C), "mark"),
    ("our From in a group", FOREIGN, ["From: Us: alice@example.com;"], log_in(A), "mark"),
    ("our From behind a route", FOREIGN, ["From: <@external.test:alice@example.com>"], log_in(A), "mark"),
    ("our From in the second of two headers", FOREIGN, [FROM_THEM, FROM_US], starts("550 5.7.1 "), "mark"),
    ("our domain in a From that cannot be read", FOREIGN, ["From: alice@example.com <s@external.test>"],
     starts("550 5.7.1 Message rejected: "), "mark"),
    ("our sender on a list", A, [LIST, FROM_THEM], log_in(A, "Sender"), "mark"),

    ("nothing of ours", FOREIGN, [FROM_THEM], None, ""),
    ("our domain in a name", FOREIGN, ['From: "Alice at example.com" <s@external.test>'], None, ""),
    ("subdomain", "s@sub.example.com", ["From: s@sub.example.com"], None, ""),
    ("domain that ends as ours", "s@notexample.com", ["From: s@notexample.com"], None, ""),
    ("a From that cannot be read, not ours", FOREIGN, ["From: root (Cron Daemon)"], None, ""),
    ("no From", FOREIGN, [], None, ""),
    ("a bounce", "", ["From: MAILER-DAEMON@external.test (Mail System)"], None, ""),
    ("SRS0", SRS0, [FROM_THEM], None, ""),
    ("SRS1", SRS1, [FROM_THEM], None, ""),
    ("SRS in lower case, with a plus", "srs0+hhh=tt=external.test=s@example.com", [FROM_THEM], None, ""),
    ("what only begins as SRS", "srs0@example.com", [FROM_THEM], log_in("srs0@example.com", "Sender"), "mark"),

    ("our From on a list", FOREIGN, [LIST, FROM_US], None, "both"),
    ("our From in a bounce", "", [FROM_US], None, "both"),
    ("our From, SRS0 of ours", SRS0, [FROM_US], None, "both"),
    ("our From, SRS0 of a forwarder", FORWARDER, [FROM_US], None, "both"),
]


def transaction(lab, sender, letter, client=None):
    """`client`: XCLIENT attributes, for a client with a name."""
    if client is None:
        return lab.send(sender, C, letter)
    dialogue = Dialogue()
    with Session(lab.mx) as session:
        session.ehlo()
        played = session.command(f"XCLIENT {client}")
        if not played.ok:
            raise LabError(f"XCLIENT {client}: {played}")
        session.ehlo()
        dialogue.mail = session.mail(sender)
        if dialogue.mail.ok:
            dialogue.rcpt = [session.rcpt(C)]
            dialogue.data = session.data()
            dialogue.end = session.content(letter) if dialogue.data.ok else None
        session.quit()
    return dialogue


def marks_of(lab, subject):
    """The marks on the one copy that carol got."""
    copies = lab.copies(C, subject)
    return copies[0].get_all(MARK, []) if len(copies) == 1 else f"{len(copies)} copies"


def check_marks(scenario, lab, subject, marked):
    marks = marks_of(lab, subject)
    right = len(marks) == 1 and "forged" not in marks[0] if marked else marks == []
    scenario.check(f"{subject}: {'one mark' if marked else 'no mark'}: {marks}", right, True)


def own_domain(scenario, lab):
    for title, sender, headers, refusal, marked in CASES:
        stock = lab.send(sender, C, message(f"today: {title}", *headers), port=lab.stock_mx)
        scenario.check(f"today: {title}", answer(stock), OK)
    for value in ("reject", "mark", "off"):
        use(lab, own_domain=value)
        wanted = []
        for title, sender, headers, refusal, marked in CASES:
            subject = f"own_domain={value}: {title}"
            dialogue = transaction(lab, sender, message(subject, f"{MARK}: forged", *headers))
            refusal = refusal if value == "reject" else None
            scenario.check(subject, answer(dialogue), refusal or OK)
            if refusal and "Sender" in refusal.pattern:
                scenario.check(f"{subject}, seen at MAIL", dialogue.mail, refusal)
            if not refusal:
                wanted.append((subject, marked == "both" and value != "off" or marked == value))
        for subject, is_marked in wanted:
            if value != "off":  # then the rule does not run, and what a client brings is nothing of its
                check_marks(scenario, lab, subject, is_marked)


NETWORKS = {"exempt_networks": "192.0.2.0/28 [2001:db8::]/32"}
CLIENTS = {"exempt_clients": "mail.partner.test .group.test"}
SENDERS = {"exempt_senders": "news@provider.test @bulk.test shop@example.com"}
# Settings, sender, From, client (XCLIENT), taken
EXEMPT = [
    (NETWORKS, A, FROM_US, "NAME=[UNAVAILABLE] ADDR=192.0.2.7", True),
    (NETWORKS, FOREIGN, FROM_US, "NAME=[UNAVAILABLE] ADDR=192.0.2.7", True),
    (NETWORKS, A, FROM_US, "NAME=[UNAVAILABLE] ADDR=IPV6:2001:db8::1", True),
    (NETWORKS, A, FROM_US, "NAME=[UNAVAILABLE] ADDR=192.0.2.17", False),
    (CLIENTS, A, FROM_US, "NAME=mail.partner.test ADDR=192.0.2.7", True),
    (CLIENTS, FOREIGN, FROM_US, "NAME=Mail.Partner.Test ADDR=192.0.2.7", True),
    (CLIENTS, A, FROM_US, "NAME=mx.a.group.test ADDR=192.0.2.7", True),
    (CLIENTS, A, FROM_US, "NAME=other.partner.test ADDR=192.0.2.7", False),
    (CLIENTS, A, FROM_US, "NAME=x.mail.partner.test ADDR=192.0.2.7", False),
    (CLIENTS, A, FROM_US, "NAME=mygroup.test ADDR=192.0.2.7", False),
    (CLIENTS, FOREIGN, FROM_US, "NAME=[UNAVAILABLE] ADDR=192.0.2.7", False),
    # A name that the client only claims (HELO, a PTR record that its A record does not confirm) is none.
    (CLIENTS, A, FROM_US,
     "NAME=[UNAVAILABLE] REVERSE_NAME=mail.partner.test HELO=mail.partner.test ADDR=192.0.2.7", False),
    (SENDERS, "news@provider.test", FROM_US, None, True),
    (SENDERS, "any@bulk.test", FROM_US, None, True),
    (SENDERS, "NEWS@Provider.TEST", FROM_US, None, True),
    (SENDERS, "shop@example.com", FROM_US, None, True),
    (SENDERS, "other@provider.test", FROM_US, None, False),
    (SENDERS, "any@sub.bulk.test", FROM_US, None, False),
    (SENDERS, A, FROM_US, None, False),
]


def exempt(scenario, lab):
    current, subjects = None, []
    for number, (settings, sender, header, client, taken) in enumerate(EXEMPT):
        if settings != current:
            current = settings
            use(lab, own_domain="reject", **settings)
        [(name, value)] = settings.items()
        subject = f"exempt {number}"
        dialogue = transaction(lab, sender, message(subject, header), client)
        scenario.check(f"{subject}, {name}={value}: <{sender}> of {client}", answer(dialogue),
                       OK if taken else starts("550 5.7.1 "))
        subjects += [subject] if taken else []
    for subject in subjects:
        check_marks(scenario, lab, subject, False)


def not_judged(scenario, lab):
    """Trusted networks, sendmail(1) and logins."""
    use(lab, own_domain="reject")
    dialogue = lab.send(A, C, message("trusted", FROM_US), source=TRUSTED)
    scenario.check("trusted network", answer(dialogue), OK)
    check_marks(scenario, lab, "trusted", False)
    lab.postfix.sendmail(["-f", A, C], f"Subject: sendmail\n{FROM_US}\n\nHello.\n".encode())
    check_marks(scenario, lab, "sendmail", False)
    dialogue = lab.submit(A, A, [C], message("login", FROM_US))
    scenario.check("login", answer(dialogue), OK)
    check_marks(scenario, lab, "login", False)
    scenario.check("login, a sender it does not own, spoof.enabled=no", sent_as(lab, A, C), OK)
    use(lab, own_domain="reject", enabled="yes")
    scenario.check("login, the same, spoof.enabled=yes", sent_as(lab, A, C), starts("553 5.7.1 "))
    dialogue = lab.send(FOREIGN, C, message("both switched on", FROM_US))
    scenario.check("stranger, both switched on", answer(dialogue), log_in(A))


def shadow(scenario, lab):
    """What an operator watches for a week before turning own_domain on."""
    use(lab, own_domain="reject", enabled="yes", mode="shadow")
    passes = [("our sender", A, FROM_THEM, rf"\b{A}\b.* log in to send from this domain"),
              ("our From", FOREIGN, FROM_US, rf"\b{A}\b.* log in to send from this domain"),
              ("our From on a list", FOREIGN, FROM_US, None)]
    for number, (title, sender, header, reason) in enumerate(passes):
        subject, client = f"shadow: {title}", f"192.0.2.{number + 50}"
        before = len(lab.gateway.log_text())
        dialogue = transaction(lab, sender, message(subject, header, *[LIST][:not reason]),
                               f"NAME=mx{number}.partner.test ADDR={client}")
        scenario.check(subject, answer(dialogue), OK)
        check_marks(scenario, lab, subject, False)
        lines = [line for line in lab.gateway.log_text()[before:].splitlines() if "would=reject" in line]
        if reason is None:
            scenario.check(f"{subject}: lines that would reject", lines, [])
            continue
        scenario.check(f"{subject}: number of lines that would reject", len(lines), 1)
        line = lines[0] if lines else ""
        scenario.check(f"{subject}: the rule", line, re.compile(r" rule=spoof "))
        scenario.check(f"{subject}: the reason", line, re.compile(reason))
        scenario.check(f"{subject}: the client", line, re.compile(rf"={re.escape(client)}\b"))
        scenario.check(f"{subject}: the envelope sender", line, re.compile(rf"sender=\"?<?{sender}\b"))
    scenario.check("shadow: login, a sender it does not own", sent_as(lab, A, C), OK)
    dialogue = lab.submit(A, A, [FAR], message("shadow: login", f"From: {C}"))
    scenario.check("shadow: login, a From it does not own", answer(dialogue), OK)
    lines = re.findall(r"would=reject.*not owned by user alice@example\.com", lab.gateway.log_text())
    scenario.check("shadow: lines about the login", len(lines), 2)


def main():
    scenario = Scenario()
    main_cf = "smtpd_authorized_xclient_hosts = 127.0.0.2\ninet_protocols = all\n"  # clients that are played
    with scenario.lab(VOLUME, main_cf=main_cf) as lab:
        not_judged(scenario, lab)
        shadow(scenario, lab)
        own_domain(scenario, lab)
        exempt(scenario, lab)
    scenario.end()


main()
