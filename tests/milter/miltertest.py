#!/usr/bin/env python3
"""The dialogues of miltertest/*.lua, played by Debian's miltertest: an MTA side that is not ours."""

import shutil
import subprocess

from cases import case, equal, holds, run
from fake_quota import FULL, FakeQuota
from program import SOURCE, Program

LIMIT = 60

quota = FakeQuota()
quota.answers["full@example.com"] = FULL


def play(script, program):
    @case(script.name)
    def _():
        tool = shutil.which("miltertest")
        holds("miltertest is installed (package miltertest)", tool, tool)
        result = subprocess.run([tool, "-D", f"socket={program.listen}", "-s", script], capture_output=True, text=True,
                                timeout=LIMIT, stdin=subprocess.DEVNULL)
        equal(f"exit status\n{result.stdout}{result.stderr}", result.returncode, 0)


with Program(quota=quota, tcp=True) as program:
    for script in sorted((SOURCE / "tests/milter/miltertest").glob("*.lua")):
        play(script, program)
    run()
