#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""From:, Sender: and Resent-From: of authenticated mail, from the client to the copy, for reject, mark and off."""

import base64

from scenario import OK, Scenario, starts
from spoof_volume import A, B, C, FAR, MARK, VOLUME, answer, far_letter, header_names, message, refused, use

UNREADABLE = starts("550 5.7.1 Message rejected: ")


def not_owned(address, header="From"):
    return refused(A, address, f"{header} address")


# All sent by alice, as alice. Title, headers, the refusal of header_from=reject (None: alice owns them all).
HEADERS = [
    ("own", ["From: Alice <alice@example.com>"], None),
    ("alias", ["From: sales@example.com"], None),
    ("alias of an alias", ["From: nested@example.com"], None),
    ("group alias", ["From: The Team <team@example.com>"], None),
    ("upper case", ["From: <ALICE@EXAMPLE.COM>"], None),
    ("folded", ["From: Alice", "\t<alice@example.com>"], None),
    ("folded often", ["From:", " Alice", " of the", "\tSales Team", " <alice@example.com>"], None),
    ("header name in other case, blanks", ["fRoM:   <alice@example.com>  "], None),
    ("comments", ["From: (from) Alice (her name (nested)) <alice@example.com> (to you)"], None),
    ("comments and blanks inside", ["From: alice (a) @ (b) example (c) . com"], None),
    ("quoted local-part", ['From: "alice"@example.com'], None),
    ("quoted name with a comma", ['From: "Alice, Sales" <alice@example.com>'], None),
    ("quoted name with quotes", [r'From: "Alice \"the boss\" A." <alice@example.com>'], None),
    ("dots in the name", ["From: A. B. Alice <alice@example.com>"], None),
    ("encoded name", ["From: =?utf-8?q?J=C3=B6rg_Alice?= <alice@example.com>"], None),
    ("UTF-8 name", ["From: Jörg Älice <alice@example.com>"], None),
    ("Latin-1 name", [b"From: J\xf6rg <alice@example.com>"], None),
    ("obsolete route", ["From: <@relay.test,@other.relay.test:alice@example.com>"], None),
    ("group", ["From: Us: Alice <alice@example.com>, sales@example.com;"], None),
    ("several", ["From: alice@example.com, Sales <sales@example.com>", "Sender: alice@example.com"], None),
    ("obsolete empty places", ["From: ,, alice@example.com,"], None),
    ("own Sender", ["From: sales@example.com", "Sender: alice@example.com"], None),
    ("own Resent-From", ["Resent-From: alice@example.com", "From: sales@example.com"], None),
    # Postfix shows us what it will send: a line ends at its NUL, and a header at 60,000 bytes.
    ("cut before bob at a NUL", [b"From: alice@example.com\0, bob@example.com"], None),
    ("cut before bob at its limit", ["From: alice@example.com," + 9000 * "\r\n       " + "bob@example.com"], None),
    ("bob behind a line that is no header: it begins the body",
     ["From: alice@example.com", "no header", "From: bob@example.com"], None),
    ("own Resent-From over bob's",
     ["Resent-From: alice@example.com", "Resent-From: bob@example.com", "From: alice@example.com"], None),

    ("bob", ["From: bob@example.com"], not_owned(B)),
    ("bob in upper case", ["From: Bob <BOB@Example.COM>"], not_owned("BOB@Example.COM")),
    ("foreign", ["From: Boss <ceo@victim.test>"], not_owned("ceo@victim.test")),
    ("blank before the colon", ["From : bob@example.com"], not_owned(B)),
    ("bob on the line behind a NUL", [b"From: alice@example.com\0", "\t, bob@example.com"], not_owned(B)),
    ("tagged", ["From: alice+tag@example.com"], not_owned("alice+tag@example.com")),
    ("own address as a name", ['From: "alice@example.com" <bob@example.com>'], not_owned(B)),
    ("own address as a comment", ["From: (alice@example.com) bob@example.com (alice@example.com)"], not_owned(B)),
    ("own address as an encoded name", ["From: =?utf-8?q?alice=40example=2Ecom?= <bob@example.com>"], not_owned(B)),
    ("own address as a route", ["From: <@example.com,@alice.test:bob@example.com>"], not_owned(B)),
    ("folded inside, bob", ["From: Alice", "\t(alice@example.com)", " <bob@", " example.com>"], not_owned(B)),
    ("quoted local-part, bob", ['From: "b\\ob"@example.com'], not_owned(B)),
    ("comments inside, bob", ["From: bob(alice)@(x)example.com"], not_owned(B)),
    ("one of two is bob", ["From: alice@example.com, bob@example.com", "Sender: alice@example.com"], not_owned(B)),
    ("one of a group is bob", ["From: Us: alice@example.com, bob@example.com;"], not_owned(B)),
    ("two groups", ["From: Us: alice@example.com;, Them: bob@example.com;"], not_owned(B)),
    ("bob as Sender", ["From: alice@example.com", "Sender: bob@example.com"], not_owned(B, "Sender")),
    ("bob as Resent-From", ["Resent-From: bob@example.com", "From: alice@example.com"], not_owned(B, "Resent-From")),
    ("bob as topmost Resent-From",
     ["Resent-From: bob@example.com", "Resent-From: alice@example.com", "From: alice@example.com"],
     not_owned(B, "Resent-From")),
    ("own Sender, bob's From", ["From: bob@example.com", "Sender: alice@example.com"], not_owned(B)),
    ("own Resent-From, foreign From", ["Resent-From: alice@example.com", "From: ceo@victim.test"],
     not_owned("ceo@victim.test")),

    ("none", ["To: someone@external.test"], UNREADABLE),
    ("none but a Sender", ["Sender: alice@example.com"], UNREADABLE),
    ("two headers", ["From: alice@example.com", "From: bob@example.com"], UNREADABLE),
    ("two headers, both own", ["From: alice@example.com", "From: alice@example.com"], UNREADABLE),
    ("two headers in other case", ["FROM: alice@example.com", "from: bob@example.com"], UNREADABLE),
    ("two headers, a tab before the colon", ["From: alice@example.com", "From\t: bob@example.com"], UNREADABLE),
    ("bare CR", ["From: alice@example.com\rFrom: bob@example.com"], UNREADABLE),
    ("empty", ["From: "], UNREADABLE),
    ("empty group", ["From: undisclosed-recipients:;"], UNREADABLE),
    ("two Sender headers", ["From: alice@example.com", "Sender: alice@example.com", "Sender: bob@example.com"],
     UNREADABLE),
    ("no domain", ["From: alice"], UNREADABLE),
    ("two in angles", ["From: <alice@example.com> <bob@example.com>"], UNREADABLE),
    ("a bare address as a name", ["From: alice@example.com <bob@example.com>"], UNREADABLE),
    ("open quotation", ['From: "alice@example.com> <bob@example.com>'], UNREADABLE),
    ("open comment", ["From: alice@example.com (bob@example.com"], UNREADABLE),
    ("open angle", ["From: Alice <alice@example.com"], UNREADABLE),
    ("encoded as a whole", ["From: =?utf-8?q?=3Calice=40example=2Ecom=3E?="], UNREADABLE),
    ("UTF-8 in the address", ["From: älice@example.com"], not_owned("??lice@example.com")),
    ("control character", [b"From: alice\x01@example.com"], UNREADABLE),
    ("unreadable Sender", ["From: alice@example.com", "Sender: alice"], UNREADABLE),
]

# With sender_header=yes: title, headers, refusal
SENDER_HEADERS = [
    ("own Sender, bob's From", ["From: bob@example.com", "Sender: Alice <alice@example.com>"], None),
    ("own Sender, foreign From", ["From: ceo@victim.test", "Sender: sales@example.com"], None),
    ("own Sender, two From addresses", ["From: bob@example.com, ceo@victim.test", "Sender: alice@example.com"], None),
    ("own Resent-From, foreign From", ["Resent-From: alice@example.com", "From: ceo@victim.test"], None),
    ("own From, no Sender", ["From: alice@example.com"], None),
    ("bob's From, no Sender", ["From: bob@example.com"], not_owned(B)),
    ("own From, bob's Sender", ["From: alice@example.com", "Sender: bob@example.com"], not_owned(B, "Sender")),
    ("bob's From, older own Resent-From",
     ["Resent-From: bob@example.com", "Resent-From: alice@example.com", "From: bob@example.com"],
     starts("553 5.7.1 <bob@example.com>: ")),
    ("bob's From, two own Senders", ["From: bob@example.com", "Sender: alice@example.com", "Sender: alice@example.com"],
     UNREADABLE),
    ("no From", ["Sender: alice@example.com"], UNREADABLE),
    ("two From headers", ["From: alice@example.com", "From: bob@example.com", "Sender: alice@example.com"], UNREADABLE),
]


def b_word(text):
    return f"=?utf-8?B?{base64.b64encode(text.encode()).decode()}?="


# Address in what a mail client shows beside an owned From: title, headers, the address that is not alice's
NAMES = [
    ("carol quoted", ['From: "carol@example.com" <alice@example.com>'], "carol@example.com"),
    ("carol in a longer name", ['From: "Carol <carol@example.com> (Payroll)" <alice@example.com>'],
     "carol@example.com"),
    ("carol in a comment", ["From: alice@example.com (really carol@example.com)"], "carol@example.com"),
    ("carol in upper case", ['From: "CAROL@EXAMPLE.COM" <alice@example.com>'], "CAROL@EXAMPLE.COM"),
    ("carol, Q-encoded", ["From: =?utf-8?q?carol=40example=2Ecom?= <alice@example.com>"], "carol@example.com"),
    ("carol, B-encoded", [f"From: {b_word('Carol <carol@example.com>')} <alice@example.com>"], "carol@example.com"),
    ("carol, in two encoded words",
     [f"From: {b_word('carol@exam')}", f" {b_word('ple.com')} <alice@example.com>"], "carol@example.com"),
    ("carol, encoded within quotes", ['From: "=?utf-8?q?carol=40example=2Ecom?=" <alice@example.com>'],
     "carol@example.com"),
    ("nobody at our domain", ['From: "payroll@example.com" <alice@example.com>'], "payroll@example.com"),
    ("the second of two", ['From: alice@example.com, "carol@example.com" <sales@example.com>'], "carol@example.com"),
    ("own alias", ['From: "sales@example.com" <alice@example.com>'], None),
    ("own address", ['From: "alice@example.com" <alice@example.com>'], None),
    ("foreign address", ['From: "ceo@victim.test" <alice@example.com>'], None),
    ("no address", ['From: "carol @ the office" <alice@example.com>'], None),
]


class Mailbag:
    """Mails of alice; each brings marks of its own, which nobody shall see."""

    def __init__(self, scenario, lab):
        self.scenario, self.lab = scenario, lab
        self.expected = []

    def send(self, run, title, headers, refusal, marked=None, sender=A):
        """`marked`: a mark with this text is wanted on the copy."""
        subject = f"{run}: {title}"
        forged = [f"{MARK}: forged", f"{MARK.lower()} : forged too"]
        letter = message(subject, forged[0], *headers, forged[1])
        got = answer(self.lab.submit(A, sender, [FAR], letter))
        self.scenario.check(subject, got, refusal or OK)
        if not refusal:
            self.expected.append((subject, marked))

    def check_copies(self):
        self.lab.postfix.wait_empty()
        for subject, marked in self.expected:
            letter = far_letter(self.lab, subject)
            marks = letter.header(MARK) if letter else "no single copy"
            if marked is None:
                self.scenario.check(f"{subject}: marks", marks, [])
            else:
                right = len(marks) == 1 and marked.lower() in marks[0].lower() and "forged" not in marks[0]
                self.scenario.check(f"{subject}: one mark, about {marked or 'it'}: {marks}", right, True)
        self.expected = []


def address_in(refusal):
    """What the mark has to name: the address of a refusal, nothing where there is none."""
    text = refusal.pattern.replace("\\", "")
    return text[text.index("<") + 1:text.index(">")] if "<" in text else ""


def headers(scenario, lab, bag):
    today = [lab.submit(A, A, [FAR], message(f"today: {title}", *lines), port=lab.stock_submission)
             for title, lines, _ in HEADERS]
    scenario.check("today: all are taken", [str(answer(d)) for d in today if not d.queued], [])

    use(lab, header_from="reject", display_name="off")
    for title, lines, refusal in HEADERS:
        bag.send("reject", title, lines, refusal)
    bag.send("reject", "null sender, bob's From", ["From: bob@example.com"], not_owned(B), sender="")
    bag.send("reject", "null sender, own From", ["From: alice@example.com"], None, sender="")
    bag.check_copies()
    for title, _, refusal in HEADERS:
        ours, stock = (far_letter(lab, f"{run}: {title}") for run in ("reject", "today"))
        if not refusal and ours and stock:
            scenario.check(f"reject: {title}: headers as without Foregate", header_names(ours), header_names(stock))
            if title.startswith("cut before bob"):
                scenario.check(f"reject: {title}: bob in what left", b"bob@" in ours.content, False)

    use(lab, header_from="mark", display_name="off")
    for title, lines, refusal in HEADERS:
        bag.send("mark", title, lines, None, address_in(refusal) if refusal else None)
    bag.check_copies()

    use(lab, header_from="off", display_name="off")
    for title, lines, _ in HEADERS:
        bag.send("off", title, lines, None)
    bag.check_copies()


def sender_headers(bag, lab):
    use(lab, sender_header="yes")
    for title, lines, refusal in SENDER_HEADERS:
        bag.send("sender_header=yes", title, lines, refusal)
    bag.check_copies()


def display_names(bag, lab):
    for value in ("mark", "reject", "off"):
        use(lab, display_name=value)
        for title, lines, other in NAMES:
            refusal = refused(A, other, "Display name in From") if other and value == "reject" else None
            bag.send(f"display_name={value}", title, lines, refusal, other if value == "mark" else None)
        # Not owned is not owned, whatever the name says.
        bag.send(f"display_name={value}", "bob", ['From: "carol@example.com" <bob@example.com>'], not_owned(B))
    bag.check_copies()
    use(lab)
    bag.send("by default", *NAMES[0][:2], None, NAMES[0][2])
    use(lab, header_from="mark")
    bag.send("header_from=mark", "bob, and carol in the name", ['From: "carol@example.com" <bob@example.com>'], None, B)
    bag.check_copies()


def others(scenario, lab):
    """Who has not logged in owns nothing and is asked for nothing; but a mark of his own goes as well."""
    dialogue = lab.send("s@external.test", C, message("stranger", "From: alice@example.com", f"{MARK}: forged"))
    scenario.check("a stranger's From", answer(dialogue), OK)
    copies = lab.copies(C, "stranger")
    scenario.check("a stranger's mark", [copy.get_all(MARK) for copy in copies], [None])


def main():
    scenario = Scenario()
    with scenario.lab(VOLUME, options={"spoof.enabled": "yes"}) as lab:
        bag = Mailbag(scenario, lab)
        others(scenario, lab)
        headers(scenario, lab, bag)
        sender_headers(bag, lab)
        display_names(bag, lab)
    scenario.end()


main()
