"""What the scenarios of this folder share: checks by name, a slapd, and children of ldap_lookup."""

import os
import re
import sys
import tempfile
from contextlib import contextmanager

sys.dont_write_bytecode = True
TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path[:0] = [TESTS, os.path.join(TESTS, "milter")]

from lab.slapd import Lookup, Slapd, person  # noqa: E402

PROGRAM = sys.argv[1]
ALICE = ("users", "alice@example.test")
PEOPLE_LDIF = "".join(person(f"user{number}", f"user{number}@example.test") for number in range(100)) + person(
    "alice", "alice@example.test", mailAlias=["a@example.test"], mailQuota="100M")
LATE_MS = 400  # beyond its limit, on a busy machine


class Checks:
    def __init__(self):
        self.right = self.wrong = 0

    def __call__(self, name, got, want):
        """want: a value, or a pattern that is searched for."""
        ok = bool(want.search(str(got))) if isinstance(want, re.Pattern) else got == want
        self.right, self.wrong = self.right + ok, self.wrong + (not ok)
        print(f"{'ok   ' if ok else 'WRONG'} {name}: {got}" + ("" if ok else f"\n      want {want}"), flush=True)

    def found(self, name, lookup):
        self(name, lookup.ask(*ALICE)[::2], ("found", "alice@example.test"))

    def failed(self, name, lookup, reason, limit_ms=None):
        kind, took_ms, text, _ = lookup.ask(*ALICE)
        self(name, f"{kind}: {text}", re.compile(f"^failed: .*{reason}"))
        if limit_ms:
            self(f"{name}: in time", took_ms < limit_ms + LATE_MS or took_ms, True)

    def end(self):
        print(f"{self.right} right, {self.wrong} wrong")
        sys.exit(1 if self.wrong or not self.right else 0)


@contextmanager
def slapd_and_files(**options):
    with tempfile.TemporaryDirectory(prefix="foregate-ldap-") as folder, Slapd(folder, PEOPLE_LDIF, **options) as slapd:
        yield slapd, slapd.write_files(os.path.join(folder, "postfix"))


def lookup(path, **settings):
    return Lookup(PROGRAM, path=path, **settings)
