# SPDX-License-Identifier: MIT
"""What docker-mailserver derives from its config volume: vhost, vmailbox, Dovecot's userdb.

Its shell scripts are imitated with their looseness (unanchored searches, continuation lines taken for aliases),
because stock answers are only worth comparing with if they come from the same tables.
"""

import os

FILES = ("postfix-accounts.cf", "postfix-virtual.cf", "postfix-regexp.cf", "postfix-aliases.cf",
         "dovecot-quotas.cf", "dovecot-masters.cf")
PASSWORD = "secret"


def account_lines(*addresses):
    """postfix-accounts.cf for these addresses; the password is PASSWORD."""
    return "".join(f"{address}|{{PLAIN}}{PASSWORD}\n" for address in addresses)


def write_volume(folder, source):
    """Fills folder from another folder, or from a dict {file name: text}."""
    os.makedirs(folder, exist_ok=True)
    if not isinstance(source, dict):
        source = {name: _read(os.path.join(source, name))
                  for name in FILES if os.path.exists(os.path.join(source, name))}
    for name, text in source.items():
        with open(os.path.join(folder, name), "w") as file:
            file.write(text)


def _read(path):
    try:
        with open(path) as file:
            return file.read()
    except FileNotFoundError:
        return ""


def _lines(text):
    return [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]


def managed_domains(logins, aliases):
    """`cut -d @ -f 2` of each login, and of each alias's first word unless it is the same as `-f 1`."""
    def field(name, number):
        fields = name.split("@")
        return fields[number] if len(fields) > 1 else name
    found = {field(name, 1) for name in logins}
    found |= {field(name, 1) for name in aliases if field(name, 0) != field(name, 1)}
    return sorted(found)


class Volume:
    """One reading of a config volume."""

    def __init__(self, folder):
        def text_of(name):
            return _read(os.path.join(folder, name))
        self.virtual = text_of("postfix-virtual.cf")
        self.regexp = text_of("postfix-regexp.cf")
        self.has_regexp = os.path.exists(os.path.join(folder, "postfix-regexp.cf"))
        self.aliases = text_of("postfix-aliases.cf")
        self.quota_text = text_of("dovecot-quotas.cf")
        self.masters = [line.split("|", 1) for line in _lines(text_of("dovecot-masters.cf"))]
        self.accounts = [line.split("|", 2) for line in _lines(text_of("postfix-accounts.cf"))]
        # (first word, rest of the line), which is how the scripts see a virtual alias
        self.alias_words = [(words[0], words[1].strip() if len(words) > 1 else "")
                            for words in (line.split(None, 1) for line in _lines(self.virtual))]

    def domains(self):
        return managed_domains([account[0] for account in self.accounts], [first for first, _ in self.alias_words])

    def vmailbox(self):
        return "".join(f"{name} {name.partition('@')[2]}/{name.partition('@')[0]}/\n"
                       for name, *_ in self.accounts)

    def masterdb(self):
        return "".join(f"{name}:{hash}\n" for name, hash in self.masters)

    def _quota_rule(self, name):
        for line in self.quota_text.splitlines():  # commented lines count as well: that is how DMS greps
            if f"{name}:".lower() in line.lower():
                fields = line.split(":")
                return f"userdb_quota_rule=*:bytes={fields[1].strip()}" if len(fields) == 2 else ""
        return ""

    def userdb(self, mail_root, uid, gid):
        entries = {}

        def add(name, account, home_of):
            user, _, domain = home_of.partition("@")
            extra = " ".join(filter(None, [account[2] if len(account) > 2 else "", self._quota_rule(name)]))
            entries.setdefault(name, f"{name}:{account[1]}:{uid}:{gid}::{mail_root}/{domain}/{user}/home::{extra}\n")

        for account in self.accounts:
            add(account[0], account, account[0])
        for alias, rest in self.alias_words:  # the dummy accounts
            found = next((a for a in self.accounts if rest in "|".join(a)), None)
            if "@" in alias and found:
                add(alias, found, rest)
        return "".join(entries.values())
