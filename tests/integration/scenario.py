# SPDX-License-Identifier: MIT
"""A scenario: named checks against one or more labs, each printed with what was got and what was wanted."""

import os
import re
import signal
import sys
from contextlib import contextmanager

# The lab, for the scenarios too: they import this module first.
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from lab import Lab, LdapLab, LdapRelayLab, RelayLab, Reply  # noqa: E402,F401


class TimeIsUp(Exception):
    pass


def _time_is_up(*_):
    raise TimeIsUp("the scenario's own time limit")


class Scenario:
    """`want` may be a value, or a compiled pattern (searched in the text of what was got)."""

    def __init__(self, limit_s=120):
        self.passed = self.failed = 0
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that labs are ended
        signal.signal(signal.SIGALRM, _time_is_up)
        signal.alarm(limit_s)

    def check(self, name, got, want):
        if isinstance(want, re.Pattern):
            right, wanted = bool(want.search(str(got))), f"/{want.pattern}/"
        else:
            right, wanted = str(got) == want if isinstance(got, Reply) else got == want, want
        if right:
            self.passed += 1
            print(f"ok    {name}: {got}")
        else:
            self.failed += 1
            print(f"WRONG {name}\n      got  {got}\n      want {wanted}")
        sys.stdout.flush()
        return right

    @contextmanager
    def lab(self, volume, foregate=True, kind=Lab, **options):
        """A lab that prints its logs when a check failed in it."""
        before = self.failed
        with kind(volume, foregate=foregate, **options) as lab:
            yield lab
            if self.failed > before:
                lab.print_logs()

    def end(self):
        signal.alarm(0)
        print(f"{self.passed} right, {self.failed} wrong")
        sys.exit(1 if self.failed or not self.passed else 0)


def starts(text):
    """A reply that begins so."""
    return re.compile("^" + re.escape(text))


OK = re.compile(r"^250 ")
FULL = "552 5.2.2 Mailbox is full"                   # Foregate's words
STOCK_FULL = re.compile(r"^552 5\.2\.2 <[^>]*>: Recipient address rejected: Mailbox is full$")
