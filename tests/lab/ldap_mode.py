# SPDX-License-Identifier: MIT
"""docker-mailserver with ACCOUNT_PROVISIONER=LDAP: Postfix asks a slapd of the lab's own for accounts, aliases, groups,
domains and senders, by ldap-*.cf files that Foregate reads as well. Of the config volume the patterns, the local aliases
and the domains of postfix-virtual.cf are left."""

import os

from .front import RelayLab
from .lab import Lab
from .postfix import override
from .slapd import BASE, PEOPLE, Slapd, entry
from .volume import write_volume

# What docker-mailserver's LDAP mode changes (setup.d/ldap.sh, helpers/postfix.sh). $mydomain stands in its vhost file.
MAIN_CF = """\
mydestination = localhost.$mydomain, localhost
virtual_mailbox_domains = $config_directory/vhost, $mydomain, ldap:$config_directory/ldap-domains.cf
virtual_mailbox_maps = ldap:$config_directory/ldap-users.cf
virtual_alias_maps = ldap:$config_directory/ldap-aliases.cf, ldap:$config_directory/ldap-groups.cf
smtpd_sender_login_maps = ldap:$config_directory/ldap-senders.cf
"""
WITH_PATTERNS = "virtual_alias_maps = ldap:$config_directory/ldap-aliases.cf, ldap:$config_directory/ldap-groups.cf" \
    " pcre:$config_directory/regexp\n"

# Entries that only forward have `mail` too: as shipped, docker-mailserver's filters take an address elsewhere for a mailbox
# and its domain for one of ours. Who has such entries narrows the filters.
ACCOUNT = "(objectClass=PostfixBookMailAccount)"
NARROW = {
    "users": f"query_filter = (&(mail=%s)(mailEnabled=TRUE){ACCOUNT})\nresult_attribute = mail\n",
    "domains": f"query_filter = (&(|(&(mail=*@%s){ACCOUNT})(mailAlias=*@%s))(mailEnabled=TRUE))\nresult_attribute = mail\n",
}


def forward(uid, mail, **attributes):
    """An entry that is nobody's account: mail for its aliases goes on to `mail`."""
    return entry(f"uid={uid},{PEOPLE}", ["inetOrgPerson", "PostfixBookMailForward", "extensibleObject"], uid=uid, cn=uid,
                 sn=uid, mail=mail, **{"mailEnabled": "TRUE", "mailAlias": f"{uid}@forward.invalid", **attributes})


class _LdapMode:
    """ldif    the people, without the folders they are in
    users    the volume that Dovecot takes its users and their quotas from
    tables   ldap-*.cf in place of the shipped ones {users: text}"""

    def __init__(self, volume, foregate=True, options=None, *, ldif, users, tables=None, main_cf="", **more):
        mode = override(MAIN_CF, WITH_PATTERNS) if "postfix-regexp.cf" in volume else MAIN_CF
        super().__init__(volume, foregate, options, main_cf=override(mode, main_cf), **more)
        try:
            self.dovecot.volume_folder = os.path.join(self.folder, "users")
            write_volume(self.dovecot.volume_folder, users)
            self.slapd = Slapd(self.folder, ldif)
            self.slapd.write_files(self.postfix.config, **{**NARROW, **(tables or {})})
            if self.gateway:
                self.gateway.configure({"ldap.path": self.postfix.config, **self.mode_options, **(options or {})})
        except BaseException:
            self._stop_servers()
            self._remove()
            raise

    slapd = None

    def start(self):
        self.slapd.start()
        return super().start()

    def _stop_servers(self):
        super()._stop_servers()
        if self.slapd:
            self.slapd.stop()


class LdapLab(_LdapMode, Lab):
    """Foregate beside docker-mailserver, with its provisioner."""
    mode_options = {"dms.provisioner": "LDAP"}


class LdapRelayLab(_LdapMode, RelayLab):
    """A relay host that asks the LDAP servers of docker-mailserver behind it, and has no copy of the config volume."""
    mode_options = {"dms.provisioner": "LDAP", "directory.sources": "ldap"}

    def __init__(self, volume, foregate=True, options=None, **more):
        super().__init__(volume, foregate, options, copy=False, **more)
