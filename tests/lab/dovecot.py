# SPDX-License-Identifier: MIT
"""A private Dovecot: LMTP, SASL for Postfix, quota-status; settings of docker-mailserver v15."""

import email
import os
import signal
from contextlib import contextmanager

from .process import Child, LabError, accepts, children, free_port, frozen, run, wait_until
from .smtp import make_message
from .volume import PASSWORD, Volume

VMAIL = 5000  # uid and gid of the mail storage; no such user need exist

DOVECOT_CONF = """\
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {log}
protocols = lmtp
listen = 127.0.0.1
ssl = no
disable_plaintext_auth = no
auth_mechanisms = plain login
recipient_delimiter = {delimiter}
mail_location = maildir:{mail}/%d/%n
mail_plugins = quota
lda_mailbox_autocreate = yes
postmaster_address = postmaster@example.test
hostname = {hostname}
first_valid_uid = 5000
default_vsz_limit = 0

# Wrong passwords are answered at once.
auth_failure_delay = 0
service anvil {{
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}

auth_master_user_separator = *
passdb {{
  driver = passwd-file
  args = {masterdb}
  master = yes
  result_success = continue
}}
passdb {{
  driver = passwd-file
  args = scheme=SHA512-CRYPT username_format=%u {userdb}
}}
userdb {{
  driver = passwd-file
  args = username_format=%u {userdb}
  default_fields = uid={vmail} gid={vmail}
}}
service auth {{
  unix_listener {auth} {{
    mode = 0660
    user = postfix
    group = postfix
  }}
  unix_listener {userdb_socket} {{
    mode = 0600
  }}
}}
service lmtp {{
  unix_listener {lmtp} {{
    mode = 0660
    user = postfix
    group = postfix
  }}
}}
service quota-status {{
  executable = quota-status -p postfix
  client_limit = 1
  inet_listener {{
    address = 127.0.0.1
    port = {quota_port}
  }}
  unix_listener {quota_socket} {{
    mode = 0666
  }}
}}
plugin {{
  quota = count:User quota
  quota_vsizes = yes
  quota_rule = *:storage=0
  quota_rule2 = Trash:storage=+50M
  quota_grace = 10%%
  quota_max_mail_size = 10M
  quota_status_success = DUNNO
  quota_status_nouser = DUNNO
  quota_status_overquota = "552 5.2.2 Mailbox is full"
}}
"""

# docker-mailserver has Sieve always on; here only where a test has a script for everybody.
SIEVE_CONF = """\
protocol lmtp {{
  mail_plugins = quota sieve
}}
plugin {{
  sieve_before = {script}
}}
"""


class Dovecot:
    def __init__(self, folder, volume_folder, *, auth, hostname, delimiter="+", bare_logins=(), sieve=None):
        self.folder = folder
        self.bare_logins = bare_logins
        self.volume_folder = volume_folder
        self.mail = os.path.join(folder, "mail")
        self.log = os.path.join(folder, "dovecot.log")
        self.config = os.path.join(folder, "dovecot.conf")
        self.userdb = os.path.join(folder, "userdb")
        self.masterdb = os.path.join(folder, "masterdb")
        self.lmtp = os.path.join(folder, "lmtp")
        self.quota_socket = os.path.join(folder, "quota-status")
        # Everybody may connect to the second one, as with docker-mailserver's own; little is told there.
        self.userdb_socket = os.path.join(folder, "auth-gw-userdb")
        self.open_userdb_socket = os.path.join(folder, "run", "auth-userdb")
        self.quota_port = free_port()
        self._child = None
        os.makedirs(self.mail)
        os.chown(self.mail, VMAIL, VMAIL)
        with open(self.config, "w") as file:
            file.write(DOVECOT_CONF.format(
                folder=folder, log=self.log, mail=self.mail, userdb=self.userdb,
                masterdb=self.masterdb, lmtp=self.lmtp,
                auth=auth, quota_port=self.quota_port, quota_socket=self.quota_socket,
                userdb_socket=self.userdb_socket, vmail=VMAIL, hostname=hostname,
                delimiter=delimiter))
            if sieve:
                file.write(SIEVE_CONF.format(script=self._write_sieve(sieve)))

    def _write_sieve(self, script):
        path = os.path.join(self.folder, "before.sieve")
        with open(path, "w") as file:
            file.write(script)
        os.chmod(path, 0o644)
        run(["sievec", path])
        return path

    def start(self):
        self.write_users()
        self._child = Child("dovecot", ["dovecot", "-F", "-c", self.config], os.path.join(self.folder, "dovecot.out"))
        wait_until(lambda: self._alive() and os.path.exists(self.lmtp) and accepts(self.quota_port),
                   15, "Dovecot listening")

    def _alive(self):
        if not self._child.running():
            raise LabError("Dovecot did not start, see " + self.log)
        return True

    def quota_processes(self):
        return children(self._child.pid, "quota-status")

    def frozen_quota(self):
        """A block during which quota-status hangs. Dovecot itself makes new processes, which do not."""
        return frozen(self.quota_processes())

    def auth_processes(self):
        return children(self._child.pid, "auth")

    def frozen_auth(self):
        """A block during which the auth process hangs."""
        return frozen(self.auth_processes())

    def reload(self):
        """As `doveadm reload`: new processes, by the configuration as it is now."""
        self._child.signal(signal.SIGHUP)

    @contextmanager
    def frozen(self):
        """A block during which quota-status hangs, and nobody makes new processes."""
        with frozen([self._child.pid]), self.frozen_quota():
            yield

    def write_users(self):
        """passwd-file is read again by Dovecot itself when it has changed."""
        volume = Volume(self.volume_folder)
        with open(self.userdb, "w") as file:
            file.write(volume.userdb(self.mail, VMAIL, VMAIL))
            # No line of docker-mailserver's: what its LDAP mode makes of a login by uid.
            file.writelines(f"{login}:{{PLAIN}}{PASSWORD}:{VMAIL}:{VMAIL}::{self.mail}/bare/{login}::\n"
                            for login in self.bare_logins)
        with open(self.masterdb, "w") as file:
            file.write(volume.masterdb())

    def fill(self, mailbox, usage_bytes):
        """Adds one message so that the mailbox uses exactly usage_bytes (quota is not asked)."""
        missing = usage_bytes - self.usage(mailbox)
        if missing:
            run(["doveadm", "-c", self.config, "-o", "mail_plugins=", "save", "-u", mailbox],
                input=make_message("filler", size=missing))
        if self.usage(mailbox) != usage_bytes:
            raise LabError(f"{mailbox} uses {self.usage(mailbox)} bytes, not {usage_bytes}")

    def usage(self, mailbox):
        """Bytes as the quota counts them."""
        output = run(["doveadm", "-c", self.config, "-f", "tab", "fetch", "-u", mailbox, "size.virtual", "ALL"])
        return sum(int(line) for line in output.splitlines()[1:])

    def copies(self, mailbox, subject=None, folder=""):
        """What was delivered to INBOX or another folder: email.message.Message objects (fillers left out)."""
        user, _, domain = mailbox.lower().partition("@")
        maildir = os.path.join(self.mail, domain, user, "." + folder if folder else "")
        found = []
        for box in ("new", "cur"):
            folder = os.path.join(maildir, box)
            for name in sorted(os.listdir(folder)) if os.path.isdir(folder) else ():
                with open(os.path.join(folder, name), "rb") as file:
                    message = email.message_from_binary_file(file)
                if message["Subject"] != "filler" and subject in (None, message["Subject"]):
                    found.append(message)
        return found

    def stop(self):
        if self._child:
            self._child.stop()
