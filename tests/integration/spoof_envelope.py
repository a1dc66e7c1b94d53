#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Which login may use which envelope sender: docker-mailserver with SPOOF_PROTECTION=1 beside Foregate, all options."""

import os
import re

from scenario import OK, Scenario, starts
from lab import PASSWORD, Session, wait_until
from spoof_volume import A, B, C, FAR, VOLUME, far_letter, message, refused, sent_as, use

DUMMY = "sales@example.com"     # Dovecot lets an alias log in, with alice's password

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
    (B, "teamsp@example.com", True, True),
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
    (B, A, False, False),
    (A, "alice+tag@example.com", False, False),
    (A, "sales+tag@example.com", False, False),
    (A, "tagt@example.com", False, True),       # Postfix compares the text of the target
    (A, "random@external.test", False, False),
    (A, "nosuch@example.com", False, False),
    (A, "ext@example.com", False, False),
    (A, FAR, False, False),
    (A, "", True, True),
    (A, "support@mail.example.test", False, False),
    (A, "root@mail.example.test", False, False),
    (A, "support", False, False),
    (A, "alice", False, False),
    ("bob@example.com*admin", B, True, True),
    ("bob@example.com*admin", A, False, False),
    ("bob@example.com*admin", "team@example.com", True, True),
    ("alice@example.com*admin", "nested@example.com", False, True),
    (DUMMY, DUMMY, True, True),
    (DUMMY, A, False, False),
    (DUMMY, "nested@example.com", True, True),
    (DUMMY, "team@example.com", False, False),
]


def envelope(scenario, lab):
    for login, sender, today, foregate in TABLE:
        title = f"{login} as <{sender}>"
        if "@" not in sender and sender:  # Postfix completes it before it speaks about it
            want_refusal = re.compile(rf"^553 5\.7\.1 <{sender}(@mail\.example\.test)?>: Sender address rejected")
        else:
            want_refusal = refused(login, sender)
        scenario.check(f"today {title}", sent_as(lab, login, sender, lab.stock_submission),
                       OK if today else want_refusal)
        scenario.check(f"foregate {title}", sent_as(lab, login, sender), OK if foregate else want_refusal)
    for what, port in (("today", lab.stock_submission), ("foregate", lab.submission)):
        dialogue = lab.submit("nested@example.com", "nested@example.com", [FAR], port=port)
        scenario.check(f"{what}: an alias of an alias cannot log in", dialogue.auth, starts("535 5.7.8"))


# settings, login, sender, allowed
OPTIONS = [
    ({"nested": "no"}, A, "nested@example.com", False),
    ({"nested": "no"}, A, "sales@example.com", True),
    ({"nested": "no"}, A, "any@catch.test", True),
    ({"catch_all": "no"}, A, "any@catch.test", False),
    ({"catch_all": "no"}, A, "re7@example.com", True),
    ({"catch_all": "no"}, A, "nested@example.com", True),
    ({"regexp": "no"}, A, "re7@example.com", False),
    ({"regexp": "no"}, A, "up7@example.com", False),
    ({"regexp": "no"}, A, "nested@example.com", True),
    ({"regexp": "no"}, A, "any@catch.test", True),
    ({"group": "no"}, A, "team@example.com", False),
    ({"group": "no"}, B, "team@example.com", False),
    ({"group": "no"}, A, "teamsp@example.com", False),
    ({"group": "no"}, A, "nested@example.com", True),
    ({"group": "no"}, B, B, True),
    ({"subaddress": "yes"}, A, "alice+tag@example.com", True),
    ({"subaddress": "yes"}, A, "sales+tag@example.com", True),
    ({"subaddress": "yes"}, A, "tagt@example.com", True),
    ({"subaddress": "yes"}, B, "alice+tag@example.com", False),
    ({"account_alias": "yes"}, A, B, True),
    ({"account_alias": "yes"}, B, B, True),
    ({"account_alias": "yes"}, C, B, False),
    ({"null_sender": "reject"}, A, "", False),
    ({"null_sender": "reject"}, A, A, True),
    ({"null_sender": "allow"}, A, "", True),
    ({"enabled": "no"}, A, "random@external.test", True),
    ({"enabled": "no", "null_sender": "reject"}, A, "", True),
]


def options(scenario, lab):
    current = {}
    for settings, login, sender, allowed in OPTIONS:
        if settings != current:
            current = settings
            use(lab, **settings)
        names = " ".join(f"{name}={value}" for name, value in settings.items())
        scenario.check(f"{names}: {login} as <{sender}>", sent_as(lab, login, sender),
                       OK if allowed else refused(login, sender))


def may_send_as(scenario, lab):
    """The file of further permissions; a change of it, or of the aliases, needs no restart."""
    path = f"{lab.folder}/may_send_as"

    def write(text):
        with open(path + ".new", "w") as file:
            file.write(text)
        os.replace(path + ".new", path)
    write(f"# newsletter\n{A}: news@victim.test\n{B}: @victim.test\n{C}: *\n")
    use(lab, may_send_as=path)
    for login, sender, allowed in ((A, "news@victim.test", True), (A, "other@victim.test", False),
                                   (B, "other@victim.test", True), (B, "other@external.test", False),
                                   (C, "any@external.test", True), (C, A, True), (A, A, True)):
        scenario.check(f"may_send_as: {login} as <{sender}>", sent_as(lab, login, sender),
                       OK if allowed else refused(login, sender))
    pid = lab.gateway.pid
    write(f"{A}: news@victim.test, other@victim.test\n")
    wait_until(lambda: sent_as(lab, A, "other@victim.test").ok, 10, "the new permission")
    scenario.check("may_send_as, changed: what went", sent_as(lab, C, "any@external.test"),
                   refused(C, "any@external.test"))
    with open(path, "w") as file:  # in place, as an editor may do it
        file.write(f"{B}: news@victim.test\n")
    wait_until(lambda: not sent_as(lab, A, "other@victim.test").ok, 10, "the permission to go")
    scenario.check("may_send_as, changed in place: what came", sent_as(lab, B, "news@victim.test"), OK)
    lab.write_volume_file("postfix-virtual.cf", f"fresh@example.com {A}\n", "a")
    wait_until(lambda: sent_as(lab, A, "fresh@example.com").ok, 10, "the new alias")
    scenario.check("a new alias: others", sent_as(lab, B, "fresh@example.com"), refused(B, "fresh@example.com"))
    scenario.check("the same process", (lab.gateway.pid, lab.gateway.running()), (pid, True))


# login, sender, allowed with login_domain: not set, example.com, other.test
BARE = [
    ("alice", A, True, True, False),
    ("ALICE", A, True, True, False),
    ("alice", "sales@example.com", True, True, False),
    ("alice", "nested@example.com", True, True, False),
    ("alice", "team@example.com", True, True, False),
    ("alice", B, False, False, False),
    ("alice", "random@external.test", False, False, False),
    ("carol", C, False, True, False),                       # carol@example.com or carol@other.test?
    ("carol", "carol@other.test", False, False, True),
    ("nobody", A, False, False, False),
    ("sales", "sales@example.com", False, True, False),     # an alias is no account
    (A, A, True, True, True),
    (C, C, True, True, True),
]


def bare_logins(scenario, lab):
    """Logins without a domain, as LDAP's uid. Postfix compares them with addresses, so today they own nothing."""
    for login, sender, *_ in BARE[:8]:
        scenario.check(f"today {login} as <{sender}>", sent_as(lab, login, sender, lab.stock_submission),
                       refused(login, sender))
    for column, settings in enumerate(({}, {"login_domain": "example.com"}, {"login_domain": "other.test"})):
        use(lab, **settings)
        for login, sender, *allowed in BARE:
            scenario.check(f"login_domain={settings.get('login_domain', '')}: {login} as <{sender}>",
                           sent_as(lab, login, sender), OK if allowed[column] else refused(login, sender))


def delays(scenario, lab, delay_reject):
    """At which command a client learns that it may not use a sender; and what it may do after that."""
    def session(port):
        opened = Session(port)
        opened.ehlo()
        opened.auth(A, PASSWORD)
        return opened
    foreign = "random@external.test"
    title = f"smtpd_delay_reject={delay_reject}"
    with session(lab.stock_submission) as stock:
        at_mail = stock.mail(foreign)
        scenario.check(f"{title}, today, at MAIL", at_mail, OK if delay_reject == "yes" else refused(A, foreign))
        if at_mail.ok:
            scenario.check(f"{title}, today, at RCPT", stock.rcpt(FAR), refused(A, foreign))
    with session(lab.submission) as client:
        scenario.check(f"{title}, foregate, at MAIL", client.mail(foreign), refused(A, foreign))
        scenario.check(f"{title}, foregate, RCPT behind it", client.rcpt(FAR), starts("503 5.5.1"))
        scenario.check(f"{title}, foregate, the next MAIL", client.mail(A), OK)
        scenario.check(f"{title}, foregate, its RCPT", client.rcpt(FAR), OK)
        scenario.check(f"{title}, foregate, its DATA", client.data(), starts("354"))
        subject = f"after a refusal, {delay_reject}"
        scenario.check(f"{title}, foregate, its end", client.content(message(subject, f"From: {A}")), OK)
        scenario.check(f"{title}, foregate, MAIL refused once more", client.mail(B), refused(A, B))
        client.command("RSET")
        scenario.check(f"{title}, foregate, MAIL after RSET", client.mail("sales@example.com"), OK)
    lab.postfix.wait_empty()
    letter = far_letter(lab, subject)
    scenario.check(f"{title}, foregate: what left", letter and (letter.sender, letter.recipients), (A, [FAR]))


def pipelined(scenario, lab):
    """Clients that pipeline send RCPT and DATA before they have read the answer to MAIL."""
    with Session(lab.submission) as client:
        client.ehlo()
        client.auth(A, PASSWORD)
        client.send_raw(f"MAIL FROM:<{B}>\r\nRCPT TO:<{FAR}>\r\nDATA\r\n".encode())
        scenario.check("pipelined: MAIL", client.read_reply(), refused(A, B))
        scenario.check("pipelined: RCPT", client.read_reply(), starts("503 5.5.1"))
        scenario.check("pipelined: DATA", client.read_reply(), starts("503 5.5.1"))
        scenario.check("pipelined: the next MAIL", client.mail(A), OK)


def main():
    scenario = Scenario()
    switched_on = {"spoof.enabled": "yes"}
    bare = sorted({row[0].lower() for row in BARE if "@" not in row[0]})
    with scenario.lab(VOLUME, options=switched_on, bare_logins=bare) as lab:
        envelope(scenario, lab)
        delays(scenario, lab, "yes")
        pipelined(scenario, lab)
        may_send_as(scenario, lab)
        options(scenario, lab)
        bare_logins(scenario, lab)
    # docker-mailserver's client restrictions would then refuse everybody before he can log in.
    main_cf = "smtpd_delay_reject = no\nmua_client_restrictions =\n"
    with scenario.lab(VOLUME, options=switched_on, main_cf=main_cf) as lab:
        delays(scenario, lab, "no")
    scenario.end()


main()
