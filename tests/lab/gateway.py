# SPDX-License-Identifier: MIT
"""`foregate run` as a child, and its other commands."""

import os
import subprocess

from .process import Child, LabError, accepts, accepts_unix, free_port, wait_until

SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def program():
    """The binary under test: $FOREGATE, or the development build."""
    return os.environ.get("FOREGATE") or os.path.join(SOURCE, "build", "dev", "foregate")


class Gateway:
    def __init__(self, path, folder, options):
        self.path = path
        self.folder = folder
        self.port = free_port()
        self.log = os.path.join(folder, "foregate.log")
        self.config = os.path.join(folder, "foregate.conf")
        self._options = {
            "listen": f"inet:{self.port}@127.0.0.1",
            "control": f"unix:{os.path.join(folder, 'control')}",
            "rules.path": os.path.join(SOURCE, "rules"),
            "lua.path": os.path.join(SOURCE, "lua"),
            **options,
        }
        self._first_options = dict(self._options)
        self._child = None
        self._write_config()

    def configure(self, options):
        """More options, before start()."""
        for known in (self._options, self._first_options):
            known.update(options)
        self._write_config()

    def _write_config(self):
        with open(self.config, "w") as file:
            for name, value in self._options.items():
                file.write(f"{name} = {value}\n")

    @property
    def milter(self):
        """The same socket, as Postfix writes it."""
        listen = self._options["listen"]
        if listen.startswith("inet:"):
            port, _, host = listen[len("inet:"):].partition("@")
            return f"inet:{host}:{port}"
        return listen

    @property
    def pid(self):
        return self._child.pid

    def start(self):
        if not os.access(self.path, os.X_OK):
            raise LabError(f"no program at {self.path}: build it first, or set FOREGATE")
        self._child = Child("foregate", [self.path, "-c", self.config, "run"], self.log)
        wait_until(self._ready, 15, "Foregate listening")

    def _ready(self):
        if not self._child.running():
            raise LabError(f"foregate run ended with status {self._child.process.returncode}, see its log")
        kind, _, rest = self.milter.partition(":")
        return accepts_unix(rest) if kind == "unix" else accepts(int(rest.rpartition(":")[2]))

    def restart(self, **options):
        """The same volume and socket, other options (a dot in a name is written as two underscores)."""
        self.stop()
        self._options.update({name.replace("__", "."): value for name, value in options.items()})
        self._write_config()
        self.start()

    def restart_as_first(self, **options):
        """With the options it was made with and these, those of earlier restarts forgotten."""
        self._options = dict(self._first_options)
        self.restart(**options)

    def running(self):
        return self._child is not None and self._child.running()

    def signal(self, number):
        self._child.signal(number)

    def kill(self):
        """SIGKILL, and until it is gone; nothing is said of its end."""
        self._child.process.kill()
        self._child.process.wait()

    def wait_exit(self, limit_s):
        return self._child.process.wait(limit_s)

    def command(self, *arguments, limit_s=20, input=None):
        """Another command with the same configuration; a subprocess.CompletedProcess with text output."""
        return subprocess.run([self.path, "-c", self.config, *arguments], capture_output=True, text=True,
                              timeout=limit_s, input=input)

    def log_text(self):
        with open(self.log, errors="replace") as file:
            return file.read()

    def stop(self):
        """Asks it to end; anything but exit status 0 within 30 s is a defect (sanitizers exit otherwise)."""
        if self._child is None:
            return
        ended_before = not self._child.running()
        status = self._child.stop(limit_s=30)
        if status is None:
            raise LabError("Foregate did not end within 30 s of SIGTERM")
        if status != 0:
            when = "by itself" if ended_before else "after SIGTERM"
            raise LabError(f"Foregate ended {when} with status {status}")
