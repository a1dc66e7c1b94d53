# SPDX-License-Identifier: MIT
"""Children that never outlive us, free ports, and waiting for events."""

import ctypes
import os
import random
import signal
import socket
import subprocess
import time
from contextlib import contextmanager

PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None)


class LabError(Exception):
    """The lab itself does not work (not a wrong answer of what is tested)."""


def _die_with_parent():
    # Even after SIGKILL of the test, master and dovecot end (and take their own children with them).
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


class Child:
    """A daemon in the foreground: started, watched, ended by its process id."""

    def __init__(self, name, argv, output, env=None):
        self.name = name
        self.output_path = output
        with open(output, "ab") as out:
            self.process = subprocess.Popen(
                argv, stdin=subprocess.DEVNULL, stdout=out, stderr=out, env=env,
                start_new_session=True, preexec_fn=_die_with_parent)

    @property
    def pid(self):
        return self.process.pid

    def running(self):
        return self.process.poll() is None

    def signal(self, number):
        if self.running():
            self.process.send_signal(number)

    def stop(self, limit_s=10):
        """SIGTERM, then SIGKILL when it does not obey. Returns the exit status, None if it had to be killed."""
        self.signal(signal.SIGTERM)
        try:
            return self.process.wait(limit_s)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            return None


def wait_until(condition, limit_s, what, step_s=0.02):
    """Polls until condition() gives something true, and returns that; LabError after limit_s."""
    end = time.monotonic() + limit_s
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() >= end:
            raise LabError(f"waited {limit_s} s in vain for: {what}")
        time.sleep(step_s)


def children(pid, name):
    """Process ids of the children of one process that have this name."""
    found = []
    for entry in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{entry}/stat") as file:
                head, _, rest = file.read().rpartition(")")
        except OSError:
            continue  # ended meanwhile
        if head.partition("(")[2] == name and int(rest.split()[1]) == pid:
            found.append(int(entry))
    return found


@contextmanager
def frozen(pids):
    """These processes are stopped (SIGSTOP) for as long as the block lasts."""
    stopped = []
    try:
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
            stopped.append(pid)
        yield
    finally:
        for pid in stopped:
            try:
                os.kill(pid, signal.SIGCONT)
            except ProcessLookupError:
                pass


def accepts(port, host="127.0.0.1"):
    try:
        socket.create_connection((host, port), timeout=1).close()
        return True
    except OSError:
        return False


def accepts_unix(path):
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(path)
            return True
        except OSError:
            return False


_given = set()


def free_port():
    """A port below the ephemeral range, so that no outgoing connection takes it before its server binds it."""
    while True:
        port = random.randrange(10000, 30000)
        if port in _given:
            continue
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        _given.add(port)
        return port


def run(argv, **options):
    """A command that must succeed; returns its output."""
    done = subprocess.run(argv, capture_output=True, timeout=30, **options)
    if done.returncode != 0:
        raise LabError(f"{' '.join(argv)}: exit {done.returncode}: {done.stderr.decode(errors='replace').strip()}")
    return done.stdout.decode(errors="replace")


def tail(path, lines=40):
    try:
        with open(path, errors="replace") as file:
            return "".join(file.readlines()[-lines:])
    except OSError as problem:
        return f"({problem})\n"
