# SPDX-License-Identifier: MIT
"""The lab: everything started together, everything ended together."""

import os
import shutil
import sys
import tempfile

from . import smtp
from .dovecot import Dovecot
from .gateway import Gateway, program
from .postfix import HOSTNAME, Postfix
from .process import LabError, free_port, tail
from .sink import Sink
from .volume import PASSWORD, write_volume


class Lab:
    """A mail server of its own on loopback; a context manager.

    volume     a config volume: a folder (it is copied) or a dict {file name: text}
    foregate   path of the program, True for the one under test, None for no gateway
    options    its options, added to (and winning over) those that fit the lab; {folder} is the lab's folder
    sieve        a script that runs for everybody before delivery
    bare_logins  names without a domain that may log in beside the volume's accounts
    """

    def __init__(self, volume, foregate=None, options=None, *, delimiter="+", trusted="127.0.0.9/32",
                 spoof_protection=True, gateway_policy=False, main_cf="", bare_logins=(), sieve=None):
        if os.geteuid() != 0:
            raise LabError("the lab starts mail servers and needs root")
        self.folder = tempfile.mkdtemp(prefix="foregate-lab-")
        self.stopped = False
        self.gateway = None
        self.postfix = self.dovecot = self.sink = None
        try:
            os.chmod(self.folder, 0o755)  # postfix, dovecot and the mail storage's owner all work below it
            self.volume = os.path.join(self.folder, "volume")
            write_volume(self.volume, volume)
            self.sink = Sink(free_port())
            self.dovecot = Dovecot(self.folder, self.volume, hostname=HOSTNAME, delimiter=delimiter,
                                   bare_logins=bare_logins, sieve=sieve,
                                   auth=os.path.join(self.folder, "queue", "private", "auth"))
            self.postfix = Postfix(
                self.folder, self.volume, lmtp=self.dovecot.lmtp, quota_status=self.dovecot.quota_port,
                sink=self.sink.port, mynetworks=trusted, delimiter=delimiter, spoof_protection=spoof_protection,
                gateway_policy=gateway_policy, main_cf=main_cf)
            if foregate:
                self.gateway = Gateway(program() if foregate is True else foregate, self.folder, {
                    "hostname": HOSTNAME,
                    "dms.volume": self.volume,
                    "quota.service": f"inet:127.0.0.1:{self.dovecot.quota_port}",
                    "trusted_networks": trusted,
                    "recipient_delimiter": delimiter,
                    **{name: value.replace("{folder}", self.folder) for name, value in (options or {}).items()},
                })
                self.postfix.use_milter(self.gateway.milter)
        except BaseException:
            self._stop_servers()
            self._remove()
            raise

    # -- starting and ending

    def start(self):
        self.dovecot.start()
        if self.gateway:
            self.gateway.start()
        self.postfix.start()
        return self

    def stop(self):
        """Ends all of it; raises when Foregate did not end well."""
        if self.stopped:
            return
        self.stopped = True
        try:
            if self.gateway:
                self.gateway.stop()
        finally:
            self._stop_servers()

    def _stop_servers(self):
        for server in (self.postfix, self.dovecot, self.sink):
            if server:
                server.stop()

    def _remove(self):
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self):
        try:
            return self.start()
        except BaseException:
            self.print_logs()
            self.__exit__(None, None, None)
            raise

    def __exit__(self, kind, *_):
        failed = kind is not None
        try:
            self.stop()
        except LabError:
            failed = True
            if kind is None:
                raise
        finally:
            if failed and not self._logs_printed:
                self.print_logs()
            self._remove()

    _logs_printed = False

    def print_logs(self, lines=60):
        """The ends of all logs, for the reader of a failed test."""
        self._logs_printed = True
        for name in ("foregate.log", "mail.log", "dovecot.log", "master.out", "dovecot.out", "stunnel.log"):
            path = os.path.join(self.folder, name)
            if os.path.exists(path) and os.path.getsize(path):
                print(f"--- end of {name}\n{tail(path, lines)}", file=sys.stderr)

    # -- doors

    @property
    def mx(self):
        """Port of the listener for strangers: through Foregate, if there is one."""
        return self.postfix.gateway_mx if self.gateway else self.postfix.stock_mx

    @property
    def submission(self):
        return self.postfix.gateway_submission if self.gateway else self.postfix.stock_submission

    @property
    def stock_mx(self):
        """The same server as docker-mailserver has it today, always without Foregate."""
        return self.postfix.stock_mx

    @property
    def stock_submission(self):
        return self.postfix.stock_submission

    # -- what tests do

    def send(self, sender, recipients, message=None, port=None, **options):
        """One transaction by a stranger (or what options say, see smtp.converse)."""
        if isinstance(recipients, str):
            recipients = [recipients]
        return smtp.converse(port or self.mx, sender, recipients, message, **options)

    def submit(self, login, sender, recipients, message=None, port=None, **options):
        """One transaction by a logged-in user."""
        return self.send(sender, recipients, message, port=port or self.submission, login=login,
                         password=PASSWORD, **options)

    def write_volume_file(self, name, text, mode="w"):
        with open(os.path.join(self.volume, name), mode) as file:
            file.write(text)

    def reload_servers(self):
        """What docker-mailserver does a few seconds after the volume has changed."""
        self.dovecot.write_users()
        self.postfix.reload()

    def fill(self, mailbox, usage_bytes):
        self.dovecot.fill(mailbox, usage_bytes)

    def copies(self, mailbox, subject=None):
        """Delivered messages, after the queue has run empty."""
        self.postfix.wait_empty()
        return self.dovecot.copies(mailbox, subject)
