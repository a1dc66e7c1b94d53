"""Starts the real program on a config volume of its own and sees that it ends well.

    with Program(quota=fake) as program:
        program.session().transaction(["<ok@example.com>"])

The program is the one named by FOREGATE, else build/dev/foregate. Its stderr is collected; at the end it gets
SIGTERM and must exit 0 with no sanitizer report, or `Failed` is raised.
"""

import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from pathlib import Path

from driver import Gone, Milter, Silent

SOURCE = Path(__file__).resolve().parents[2]
BINARY = os.environ.get("FOREGATE") or str(SOURCE / "build/dev/foregate")
SANITIZER = re.compile(r"(AddressSanitizer|LeakSanitizer|ThreadSanitizer|UndefinedBehaviorSanitizer|runtime error:)")

# A long jump out of Debian's Lua, as every wait of a rule makes, leaves frames on the thread sanitizer's shadow stack:
# thousands of waits on one thread cost it gigabytes.
THREAD_SANITIZER = Path(BINARY).is_file() and b"__tsan_init" in Path(BINARY).read_bytes()

START_LIMIT = 30.0
MEMORY_LIMIT_KIB = 3 << 20  # the program is killed before the machine suffers
STOP_LIMIT = 30.0  # the promise of SIGTERM

ACCOUNTS = ("full", "full2", "ok", "alice", "bob", "carol", "small")
VOLUME = {
    "postfix-accounts.cf": "".join(f"{name}@example.com|{{SHA512-CRYPT}}$6$x$x\n" for name in ACCOUNTS),
    "postfix-virtual.cf": """\
basic@example.com full@example.com
nested@example.com basic@example.com
fine@example.com ok@example.com
pair@example.com full@example.com,ok@example.com
trio@example.com full@example.com,ok@example.com,alice@example.com
allfull@example.com full@example.com,full2@example.com
healthy@example.com alice@example.com,bob@example.com
outside@example.com someone@external.test
loop1@example.com loop2@example.com
loop2@example.com loop1@example.com
dangle@example.com nosuch@example.com
@catch.test full@example.com
""",
    "postfix-regexp.cf": r"/^re[0-9]+@example\.com$/ full@example.com" + "\n",
    "dovecot-quotas.cf": "full@example.com:20k\n",
}


def with_alias(line):
    """postfix-virtual.cf with one alias more."""
    return VOLUME["postfix-virtual.cf"] + line + "\n"


class Failed(Exception):
    """The program did not start, did not stop, or reported a bug of its own."""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_until(true, limit, what):
    """Poll `true` until it holds. For events that nobody announces."""
    end = time.monotonic() + limit
    pause = threading.Event()
    while True:
        value = true()
        if value:
            return value
        if time.monotonic() > end:
            raise Failed(f"not within {limit:g} s: {what}")
        pause.wait(0.02)


class Program:
    def __init__(self, *, quota=None, tcp=False, options=None, rules=None, volume=None, start=True, listen=None,
                 memory_limit_kib=MEMORY_LIMIT_KIB):
        """`options` are lines of foregate.conf; `rules` are rule files of the test, `volume` replaces files of the
        config volume (None: no such file). Names in `rules` are also put into the order, after the shipped ones,
        unless `options` has an order of its own."""
        self.directory = Path(tempfile.mkdtemp(prefix="foregate-"))
        self.directory.chmod(0o755)
        self.volume = self.directory / "volume"
        self.user_rules = self.directory / "rules"
        self.volume.mkdir()
        self.user_rules.mkdir()
        for name, text in {**VOLUME, **(volume or {})}.items():
            if text is not None:
                self.write_volume(name, text)
        for name, text in (rules or {}).items():
            self.write_rule(name, text)
        self.listen = listen or (f"inet:{free_port()}@127.0.0.1" if tcp else f"unix:{self.directory}/milter")
        self.options = {
            "listen": self.listen,
            "control": f"unix:{self.directory}/control",
            "hostname": "mail.example.com",
            "dms.volume": self.volume,
            "rules.path": f"{SOURCE}/rules {self.user_rules}",
            "lua.path": f"{SOURCE}/lua",
            "quota.service": quota.service if quota else "inet:127.0.0.1:1",
            "quota.timeout": "300ms",
            # So that every question reaches the fake service, with nothing added.
            "quota.lease": "0", "quota.refusal_time": "0s", "quota.settle_time": "0s", "quota.overhead": "0",
        }
        if rules:
            self.options["rules"] = " ".join(["subaddress alias recipient quota spoof"] +
                                             [name.removesuffix(".lua") for name in rules])
        self.options.update(options or {})
        self.config = self.directory / "foregate.conf"
        self.write_config()
        self.process = None
        self.end_checked = False
        self.memory_limit_kib = memory_limit_kib
        self.lines = []
        self.logged = threading.Condition()
        if start:
            try:
                self.start()
            except Failed:
                shutil.rmtree(self.directory, ignore_errors=True)
                raise

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        try:
            if self.process and self.process.poll() is None:
                self.stop()
            elif self.process and not self.end_checked and kind in (None, SystemExit):
                self.check_end()
        finally:
            if self.process and self.process.poll() is None:
                self.process.kill()
                self.process.wait()
            shutil.rmtree(self.directory, ignore_errors=True)

    # Files.

    def write_config(self):
        self.config.write_text("".join(f"{name} = {value}\n" for name, value in self.options.items()))

    def write_volume(self, name, text):
        """Replaced by rename, as editors and `sed -i` do."""
        self.replace(self.volume / name, text)

    def write_rule(self, name, text):
        self.replace(self.user_rules / (name if name.endswith(".lua") else name + ".lua"), text)

    @staticmethod
    def replace(path, text):
        fresh = path.with_name(path.name + ".lock")
        fresh.write_text(text)
        fresh.replace(path)

    # The process.

    @staticmethod
    def environment():
        keep = ("PATH", "HOME", "LANG", "TMPDIR", "ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS", "TSAN_OPTIONS")
        return {name: os.environ[name] for name in keep if name in os.environ}

    def spawn(self):
        if not os.access(BINARY, os.X_OK):
            raise Failed(f"{BINARY} is missing: build it, or set FOREGATE")
        self.end_checked = False
        self.process = subprocess.Popen(
            [BINARY, "-c", str(self.config), "run"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE, text=True, errors="replace", env=self.environment())
        self.reader = threading.Thread(target=self._collect, args=(self.process.stderr,), daemon=True)
        self.reader.start()
        threading.Thread(target=self._guard_memory, args=(self.process,), daemon=True).start()

    def _guard_memory(self, process):
        pause = threading.Event()
        while process.poll() is None:
            if (self.peak_kib or 0) > self.memory_limit_kib:
                process.kill()
            pause.wait(0.02)

    @property
    def peak_kib(self):
        """Peak resident memory; None when the process is gone."""
        try:
            status = Path(f"/proc/{self.process.pid}/status").read_text(encoding="ascii", errors="replace")
        except OSError:
            return None
        peak = re.search(r"^VmHWM:\s+(\d+)", status, re.MULTILINE)
        return int(peak.group(1)) if peak else None

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def start(self):
        """Returns once a milter session can be negotiated."""
        self.spawn()
        try:
            wait_until(self._answers, START_LIMIT, "listening on " + self.listen)
        except Failed as failure:
            self.process.kill()
            self.process.wait()
            raise Failed(f"{failure}\n{self.log}") from None

    def _answers(self):
        if self.process.poll() is not None:
            self.reader.join(5)
            raise Failed(f"exit {self.process.returncode} at start")
        try:
            Milter(self.listen, limit=5).quit()
            return True
        except (OSError, Gone, Silent):
            return False

    def _collect(self, stream):
        for line in stream:
            with self.logged:
                self.lines.append(line.rstrip("\n"))
                self.logged.notify_all()

    def session(self, **arguments):
        """A milter connection after CONNECT and HELO."""
        return Milter(self.listen, **arguments).open()

    def at_rcpt(self, recipient):
        """What a new session is told."""
        with self.session() as session:
            session.mail()
            reply = str(session.rcpt(recipient))
            session.abort()
            session.quit()
        return reply

    def signal(self, number):
        self.process.send_signal(number)

    def reload(self):
        self.signal(signal.SIGUSR1)

    def ask_reload(self, *options, limit=60):
        """`foregate reload`: exit status, and what it printed on either stream."""
        result = subprocess.run([BINARY, "-c", str(self.config), *options, "reload"], capture_output=True, text=True,
                                timeout=limit, env=self.environment(), check=False)
        return result.returncode, (result.stdout + result.stderr).strip()

    @property
    def alive(self):
        return self.process.poll() is None

    # The log.

    @property
    def log(self):
        with self.logged:
            return "\n".join(self.lines)

    def wait_log(self, pattern, limit=10.0, after=0):
        """The first line from number `after` on that matches, or None when the limit has passed."""
        expression = re.compile(pattern)

        def find():
            return next((line for line in self.lines[after:] if expression.search(line)), None)

        with self.logged:
            self.logged.wait_for(find, limit)
            return find()

    @property
    def log_position(self):
        with self.logged:
            return len(self.lines)

    # The end.

    def stop(self, limit=STOP_LIMIT):
        """SIGTERM; returns the seconds it took."""
        began = time.monotonic()
        self.signal(signal.SIGTERM)
        self.wait_end(limit)
        self.check_end()
        return time.monotonic() - began

    def kill(self):
        """For a program that is past helping: no check of its end."""
        self.process.kill()
        self.process.wait()
        self.end_checked = True

    def wait_end(self, limit=STOP_LIMIT):
        try:
            self.process.wait(limit)
        except subprocess.TimeoutExpired:
            raise Failed(f"still running {limit:g} s after SIGTERM\n{self._tail()}") from None
        self.reader.join(5)
        return self.process.returncode

    def check_end(self, status=0):
        self.end_checked = True
        self.reader.join(5)
        if SANITIZER.search(self.log):
            start = next(n for n, line in enumerate(self.lines) if SANITIZER.search(line))
            raise Failed("sanitizer report:\n" + "\n".join(self.lines[start:start + 60]))
        if self.process.returncode != status:
            raise Failed(f"exit status {self.process.returncode}, want {status}\n{self._tail()}")

    def _tail(self):
        return "\n".join(self.lines[-20:])
