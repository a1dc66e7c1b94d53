"""Cases of one test file: each prints `ok` or `FAIL` with what it got and what it wanted.

Arguments choose cases by words of their titles: `FOREGATE=build/dev/foregate tests/milter/quota.py breaker`.
"""

import sys
import time
import traceback

_cases = []


class Mismatch(Exception):
    pass


def case(title):
    """Decorator: the function is a case; run() runs them in the order of the file."""
    def add(function):
        _cases.append((title, function))
        return function
    return add


def equal(what, got, want):
    if got != want:
        raise Mismatch(f"{what}\n    got:  {got!r}\n    want: {want!r}")


def holds(what, condition, got=None):
    if not condition:
        raise Mismatch(f"{what}\n    got:  {got!r}")


def run():
    """Run all cases, or those whose title contains an argument; exit 1 when one failed."""
    chosen = [entry for entry in _cases if all(word in entry[0] for word in sys.argv[1:])]
    failed = 0
    for title, function in chosen:
        began = time.monotonic()
        try:
            function()
            print(f"ok    {title} ({time.monotonic() - began:.1f} s)", flush=True)
        except Exception as error:  # whatever went wrong, the other cases are still worth running
            failed += 1
            reason = str(error) if isinstance(error, Mismatch) else traceback.format_exc()
            print(f"FAIL  {title}\n  {reason.rstrip()}", flush=True)
    print(f"{len(chosen) - failed} of {len(chosen)} cases passed")
    sys.exit(1 if failed or not chosen else 0)
