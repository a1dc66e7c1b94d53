# SPDX-License-Identifier: MIT
"""stunnel in front of quota-status, with the configuration that deploy/relay shows."""

import os
import re
import signal

from .gateway import SOURCE
from .process import Child, LabError, accepts, free_port, wait_until

SHIPPED = os.path.join(SOURCE, "deploy", "relay", "stunnel.conf")


class Stunnel:
    """A context manager. `certificate` and `clients` (an authority) have files, see tests/milter/certificates.py."""

    def __init__(self, folder, quota_port, certificate, clients):
        self.port = free_port()
        self.log = os.path.join(folder, "stunnel.log")
        self.config = os.path.join(folder, "stunnel.conf")
        self.quota_port, self.clients = quota_port, clients
        self._child = None
        self.write_config(certificate)

    def write_config(self, certificate):
        """The shipped one with other places, and nothing else."""
        with open(SHIPPED) as file:
            text = file.read()
        for name, value in (("accept", f"127.0.0.1:{self.port}"), ("connect", f"127.0.0.1:{self.quota_port}"),
                            ("cert", certificate.certificate), ("key", certificate.key),
                            ("CAfile", self.clients.certificate)):
            text, count = re.subn(rf"(?m)^{name} = .*$", f"{name} = {value}", text)
            if count != 1:
                raise LabError(f"{SHIPPED} has {count} lines of {name}")
        with open(self.config, "w") as file:
            file.write(text)

    def start(self):
        self._child = Child("stunnel", ["stunnel4", self.config], self.log)
        wait_until(self._ready, 15, "stunnel listening")

    def _ready(self):
        if not self._child.running():
            raise LabError("stunnel did not start, see " + self.log)
        return accepts(self.port)

    def restart(self, certificate):
        """With another certificate; connections are cut."""
        self.stop()
        self.write_config(certificate)
        self.start()

    def reload(self, certificate):
        """Another certificate for new connections, from now or a moment later on."""
        self.write_config(certificate)
        self._child.signal(signal.SIGHUP)

    def log_text(self):
        with open(self.log, errors="replace") as file:
            return file.read()

    def stop(self):
        if self._child:
            self._child.stop()

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stop()
