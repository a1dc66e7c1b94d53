#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Who may send as whom: docker-mailserver with SPOOF_PROTECTION=1 beside Foregate and its options."""

import re

from scenario import OK, Scenario, starts
from lab import PASSWORD, TRUSTED, account_lines

VOLUME = {
    "postfix-accounts.cf": account_lines("alice@example.com", "bob@example.com", "carol@example.com"),
    "postfix-virtual.cf": """\
sales@example.com       alice@example.com
team@example.com        alice@example.com,bob@example.com
teamsp@example.com      bob@example.com alice@example.com
nested@example.com      sales@example.com
@catch.test             alice@example.com
bob@example.com         alice@example.com
ext@example.com         someone@external.test
uptarget@example.com    ALICE@example.com
tagt@example.com        alice+x@example.com
""",
    "postfix-regexp.cf": "/^re[0-9]+@example\\.com$/ alice@example.com\n/^UP[0-9]+@EXAMPLE\\.COM$/ alice@example.com\n",
    "postfix-aliases.cf": "support: alice@example.com\n",
    "dovecot-masters.cf": f"admin|{{PLAIN}}{PASSWORD}\n",
}
A, B, C = "alice@example.com", "bob@example.com", "carol@example.com"

# login, sender, allowed today, allowed by Foregate's defaults
TABLE = [
    (A, A, True, True),
    (A, "ALICE@Example.COM", True, True),
    ("ALICE@example.com", A, True, True),
    (A, "sales@example.com", True, True),
    (A, "SALES@example.com", True, True),
    (A, "team@example.com", True, True),
    (A, "teamsp@example.com", True, True),
    (A, "uptarget@example.com", True, True),
    (B, "team@example.com", True, True),
    (C, "team@example.com", False, False),
    (B, "sales@example.com", False, False),
    (A, "re7@example.com", True, True),
    (A, "up7@example.com", True, True),
    (B, "re7@example.com", False, False),
    (A, "nested@example.com", False, True),
    (B, "nested@example.com", False, False),
    (A, "any@catch.test", False, True),
    (B, "any@catch.test", False, False),
    (A, B, True, False),                        # bob has an account of his own
    (B, B, True, True),
    (A, "alice+tag@example.com", False, False),
    (A, "sales+tag@example.com", False, False),
    (A, "tagt@example.com", False, True),       # Postfix compares the text of the target
    (A, "random@external.test", False, False),
    (A, "nosuch@example.com", False, False),
    (A, "ext@example.com", False, False),
    (A, "", True, True),
    (A, "support@mail.example.test", False, False),
    (A, "root@mail.example.test", False, False),
    (A, "support", False, False),
    ("bob@example.com*admin", B, True, True),
    ("bob@example.com*admin", A, False, False),
    ("sales@example.com", "sales@example.com", True, True),   # a dummy account, with alice's password
]


def name_of(login):
    """What Postfix calls a login: Dovecot folds it and hides the master user."""
    return login.partition("*")[0].lower()


def refused(login, sender):
    return starts(f"553 5.7.1 <{sender}>: Sender address rejected: not owned by user {name_of(login)}")


def sent_as(lab, login, sender, port=None):
    """First refusal of a transaction that has no content yet, or the last yes."""
    dialogue = lab.submit(login, sender, ["someone@external.test"], port=port, data=False)
    return dialogue.refusal or dialogue.rcpt[0]


def envelope(scenario, lab):
    for login, sender, today, foregate in TABLE:
        title = f"{login} as <{sender}>"
        if sender == "support":  # Postfix completes it before it speaks about it
            want_refusal = re.compile(r"^553 5\.7\.1 <support(@mail\.example\.test)?>: Sender address rejected")
        else:
            want_refusal = refused(login, sender)
        scenario.check(f"today {title}", sent_as(lab, login, sender, lab.stock_submission),
                       OK if today else want_refusal)
        scenario.check(f"foregate {title}", sent_as(lab, login, sender), OK if foregate else want_refusal)


# option, value, login, sender, allowed
OPTIONS = [
    ("spoof.nested", "no", A, "nested@example.com", False),
    ("spoof.nested", "no", A, "sales@example.com", True),
    ("spoof.catch_all", "no", A, "any@catch.test", False),
    ("spoof.catch_all", "no", A, "re7@example.com", True),
    ("spoof.subaddress", "yes", A, "alice+tag@example.com", True),
    ("spoof.subaddress", "yes", A, "sales+tag@example.com", True),
    ("spoof.subaddress", "yes", A, "tagt@example.com", True),
    ("spoof.subaddress", "yes", B, "alice+tag@example.com", False),
    ("spoof.account_alias", "yes", A, B, True),
    ("spoof.account_alias", "yes", B, B, True),
    ("spoof.account_alias", "yes", C, B, False),
    ("spoof.enabled", "no", A, "random@external.test", True),
]


def options(scenario, lab):
    defaults = {"spoof.enabled": "yes", "spoof.nested": "yes", "spoof.catch_all": "yes", "spoof.subaddress": "no",
                "spoof.account_alias": "no"}
    current = None
    for option, value, login, sender, allowed in OPTIONS:
        if current != (option, value):
            current = (option, value)
            settings = {**defaults, option: value}
            lab.gateway.restart(**{name.replace(".", "__"): text for name, text in settings.items()})
        scenario.check(f"{option}={value}: {login} as <{sender}>", sent_as(lab, login, sender),
                       OK if allowed else refused(login, sender))
    lab.gateway.restart(**{name.replace(".", "__"): text for name, text in defaults.items()})


def may_send_as(scenario, lab):
    path = f"{lab.folder}/may_send_as"
    with open(path, "w") as file:
        file.write(f"# newsletter\n{A}: news@victim.test\n{B}: @victim.test\n{C}: *\n")
    lab.gateway.restart(spoof__may_send_as=path)
    for login, sender, allowed in ((A, "news@victim.test", True), (A, "other@victim.test", False),
                                   (B, "other@victim.test", True), (B, "other@external.test", False),
                                   (C, "any@external.test", True), (C, A, True), (A, A, True)):
        scenario.check(f"spoof.may_send_as: {login} as <{sender}>", sent_as(lab, login, sender),
                       OK if allowed else refused(login, sender))


def own_domain(scenario, lab):
    """Strangers, and a trusted client, with one of our addresses as sender."""
    for value, want in (("reject", starts("550 5.7.1")), ("mark", OK), ("off", OK)):
        lab.gateway.restart(spoof__own_domain=value)
        dialogue = lab.send(A, C, with_headers(f"own_domain {value}", "From: alice@example.com"))
        scenario.check(f"spoof.own_domain={value}: a stranger", dialogue.refusal or dialogue.end, want)
        dialogue = lab.send("s@external.test", C, data=False)
        scenario.check(f"spoof.own_domain={value}: foreign sender", dialogue.refusal or dialogue.rcpt[0], OK)
        dialogue = lab.send(A, C, source=TRUSTED, data=False)
        scenario.check(f"spoof.own_domain={value}: trusted client", dialogue.refusal or dialogue.rcpt[0], OK)
    [marked], [unmarked] = lab.copies(C, "own_domain mark"), lab.copies(C, "own_domain off")
    scenario.check("spoof.own_domain=mark: headers added", sorted(set(marked.keys()) - set(unmarked.keys())),
                   ["X-Foregate-Spoof"])


def with_headers(subject, *headers):
    return "\r\n".join([f"Subject: {subject}", "Date: Mon, 01 Jan 2024 00:00:00 +0000", *headers, "", "Hello.",
                        ""]).encode()


# title, headers, owned by alice
HEADERS = [
    ("own From", ["From: Alice <alice@example.com>"], True),
    ("alias in From", ["From: sales@example.com"], True),
    ("From in upper case", ["From: <ALICE@EXAMPLE.COM>"], True),
    ("folded From", ["From: Alice", "\t<alice@example.com>"], True),
    ("comment in From", ["From: alice@example.com (really bob@example.com)"], True),
    ("own address as a name", ['From: "alice@example.com" <bob@example.com>'], False),
    ("bob's From", ["From: bob@example.com"], False),
    ("foreign From", ["From: Boss <ceo@victim.test>"], False),
    ("one of two is bob", ["From: alice@example.com, bob@example.com", "Sender: alice@example.com"], False),
    ("two From headers", ["From: alice@example.com", "From: bob@example.com"], False),
    ("bob as Sender", ["From: alice@example.com", "Sender: bob@example.com"], False),
    ("own Sender", ["From: sales@example.com", "Sender: alice@example.com"], True),
    ("no From at all", ["To: someone@external.test"], False),
]


def end_of(lab, login, sender, message, port=None):
    dialogue = lab.submit(login, sender, ["someone@external.test"], message, port=port)
    return dialogue.end or dialogue.refusal


def headers(scenario, lab):
    for title, lines, owned in HEADERS:
        scenario.check(f"today header, {title}",
                       end_of(lab, A, A, with_headers("today", *lines), lab.stock_submission), OK)
        scenario.check(f"header_from=reject, {title}", end_of(lab, A, A, with_headers(f"reject {title}", *lines)),
                       OK if owned else starts("5"))
    # Under the null sender as well; and whoever has not logged in is not asked for anything.
    scenario.check("null sender, bob's From",
                   end_of(lab, A, "", with_headers("null", "From: bob@example.com")), starts("5"))
    stranger = lab.send("s@external.test", C, with_headers("stranger", "From: alice@example.com"))
    scenario.check("a stranger's From", stranger.end, OK)

    lab.gateway.restart(spoof__header_from="mark")
    for title, lines, _ in HEADERS:
        scenario.check(f"header_from=mark, {title}", end_of(lab, A, A, with_headers(f"mark {title}", *lines)), OK)
    lab.gateway.restart(spoof__header_from="off")
    for title, lines, _ in HEADERS:
        scenario.check(f"header_from=off, {title}", end_of(lab, A, A, with_headers(f"off {title}", *lines)), OK)
    lab.postfix.wait_empty()

    def names(subject):
        letter = next((letter for letter in lab.sink.letters if letter.header("Subject") == [subject]), None)
        if letter is None:
            return []
        head = letter.content.split(b"\r\n\r\n", 1)[0].decode()
        return sorted(re.findall(r"^([^\s:]+):", head, re.MULTILINE))
    for title, _, owned in HEADERS:
        more = len(names(f"mark {title}")) - len(names(f"off {title}"))
        scenario.check(f"header_from=mark, {title}: marked", more > 0, not owned)
        if owned:
            scenario.check(f"header_from=reject, {title}: unchanged", names(f"reject {title}"), names(f"off {title}"))


def main():
    scenario = Scenario(limit_s=240)
    with scenario.lab(VOLUME, options={"spoof.enabled": "yes"}) as lab:
        envelope(scenario, lab)
        options(scenario, lab)
        headers(scenario, lab)
        may_send_as(scenario, lab)
        own_domain(scenario, lab)
    scenario.end()


main()
