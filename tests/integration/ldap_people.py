# SPDX-License-Identifier: MIT
"""What the LDAP scenarios share: who is in LDAP, and what is left in the config volume."""

from lab import account_lines
from lab.ldap_mode import forward
from lab.slapd import person

A, B, C = "alice@example.com", "bob@example.com", "carol@other.test"
FULL_BOX, FAR = "full@example.com", "far@external.test"
MAILBOXES = (A, B, C, "carl@example.com", FULL_BOX)

TEAM = {"mailGroupMember": ["team@example.com"]}
LDIF = "".join([
    person("alice", A, mailAlias=["al@example.com", "INFO@Example.com"], **TEAM),
    person("bob", B, mailAlias="@catch.test",
           mailGroupMember=["team@example.com", "mixed@example.com", "fullteam@example.com"]),
    person("carl", C, mailAlias="c@other.test", **TEAM),        # the only ones at other.test
    person("carol", "carl@example.com"),
    person("full", FULL_BOX, mailQuota="20k", mailAlias="fullalias@example.com", mailGroupMember="fullteam@example.com"),
    person("off", "off@example.com", mailEnabled="FALSE", mailAlias="offalias@example.com"),
    forward("nested", "al@example.com", mailAlias="nested@example.com"),
    forward("fullnested", "fullalias@example.com", mailAlias="fullnested@example.com"),
    forward("ext", FAR, mailAlias="ext@example.com", mailGroupMember="mixed@example.com"),
    forward("dangle", "nosuch@example.com", mailAlias="dangle@example.com"),
    forward("loop1", "loop2@example.com", mailAlias="loop1@example.com"),
    forward("loop2", "loop1@example.com", mailAlias="loop2@example.com"),
])
VOLUME = {
    "postfix-virtual.cf": "file@volume.test alice@example.com\n",
    "postfix-regexp.cf": "/^re([0-9]+)@example\\.com$/ alice+$1@example.com\n/^pat@example\\.com$/ al@example.com\n",
}
# Dovecot's, which in the lab come from a file.
USERS = {"postfix-accounts.cf": account_lines(*MAILBOXES), "dovecot-quotas.cf": f"{FULL_BOX}:20k\n"}
