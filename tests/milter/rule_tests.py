#!/usr/bin/env python3
"""Tests that a rule names run before it is taken over: at a reload, at the start, and by `foregate check`."""

import os
import signal
import subprocess
import tempfile
from pathlib import Path

from cases import case, equal, holds, run
from program import BINARY, Failed, Program, wait_until

LIMIT = 10.0


def rule(word, tests="probe_test.lua"):
    return f'''return {{
    name = "probe", tests = "{tests}",
    rcpt = function(session, message, recipient)
        if recipient.address.local_part == "probe" then return reject(550, "5.7.1", "{word}") end
    end,
}}
'''


def wants(word):
    """A test file of one test, whose line 5 says so."""
    return f'''test("it says {word}", function(t)
    t.options{{ rules = "probe" }}
    local s = t.session{{}}
    s:mail("a@b.test")
    s:rcpt("probe@elsewhere.test"):is("reject", 550, "5.7.1", "{word}")
end)
'''


# Each test makes a world of its own: far more than fit into any limit here.
ENDLESS = 'for i = 1, 100000 do test("test " .. i, function(t) end) end\n'


def program_with(word, tests, **arguments):
    """With probe.lua, that says `word`, and its tests beside it."""
    options = {"rules": "subaddress alias recipient quota spoof probe", **arguments.pop("options", {})}
    return Program(rules={"probe": rule(word), "probe_test": tests}, options=options, **arguments)


def says(program):
    return program.at_rcpt("<probe@elsewhere.test>").removeprefix("550 5.7.1 ")


def open_files(pid):
    found = {}
    for name in os.listdir(f"/proc/{pid}/fd"):
        try:
            found[int(name)] = os.readlink(f"/proc/{pid}/fd/{name}")
        except FileNotFoundError:  # closed meanwhile
            pass
    return found


def children(program):
    found = []
    for task in Path(f"/proc/{program.process.pid}/task").iterdir():
        found += (task / "children").read_text(encoding="ascii").split()
    return found


@case("a rule whose tests fail is not taken over, by a request or by itself, and the test is named")
def failing():
    with program_with("one", wants("one"), options={"reload.tests_timeout": "1m"}) as program:
        equal("at the start", says(program), "one")
        position = program.log_position
        program.write_rule("probe", rule("two"))
        reason = r'probe\.lua: its tests probe_test\.lua fail: not ok 1 - it says one: \S+probe_test\.lua:5: verdict: got ' \
            r'reject 550 5\.7\.1 two'
        holds("by itself", program.wait_log("rules_kept.*" + reason, after=position, limit=LIMIT), program.log)
        equal("the old one", says(program), "one")
        status, said = program.ask_reload()
        holds("asked", status == 1 and "not ok 1 - it says one" in said and "generation 1 stays in use" in said, said)

        # The rule was right and its test wrong: a change of the test alone.
        program.write_rule("probe_test", wants("two"))
        wait_until(lambda: says(program) == "two", LIMIT, "the rule with its new test")
        holds("said", program.wait_log(r"rules_loaded.*tested=1", after=position, limit=1), program.log)

        for tests, want in (("test(", "probe_test.lua:1: unexpected symbol"), ("", "it has no tests")):
            program.write_rule("probe_test", tests)
            status, said = program.ask_reload()
            holds(want, status == 1 and want in said, said)
        (program.user_rules / "probe_test.lua").unlink()
        status, said = program.ask_reload()
        holds("none", status == 1 and "probe_test.lua cannot be read" in said and "correct `tests`" in said, said)
        program.write_rule("probe", rule("three", "other.lua"))
        status, said = program.ask_reload()
        holds("a bad name", status == 1 and "name files NAME_test.lua in the folder of the rule" in said, said)
        equal("still", says(program), "two")


@case("files that change while the tests run are read again: what was tested is what runs")
def changed_meanwhile():
    # Each round of tests takes a while; the change comes in the middle of the first.
    slow = wants("two") + 'for i = 1, 40 do test("test " .. i, function(t) end) end\n'
    with program_with("one", wants("one"), options={"reload.watch": "no"}) as program:
        program.write_rule("probe_test", slow)
        program.write_rule("probe", rule("two"))
        position = program.log_position
        program.reload()
        child, = wait_until(lambda: children(program), LIMIT, "the tests to run")
        os.kill(int(child), signal.SIGSTOP)
        program.write_rule("probe", rule("two but for this"))
        os.kill(int(child), signal.SIGCONT)
        line = program.wait_log("rules_loaded|rules_kept", after=position, limit=LIMIT * 2)
        holds("loaded once, the last one", line and "rules_loaded" in line, program.log)
        equal("in use", says(program), "two but for this")


@case("while tests run: mail goes on, the directory too, a client waits; their time has an end")
def too_long():
    with program_with("one", wants("one"), options={"reload.tests_timeout": "3s", "reload.watch": "no"}) as program:
        program.write_rule("probe_test", ENDLESS)
        position = program.log_position
        asking = subprocess.Popen([BINARY, "-c", str(program.config), "reload"], stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT, text=True, env=program.environment())
        child, = wait_until(lambda: children(program), LIMIT, "the child")
        equal("mail", says(program), "one")
        ours, its = open_files(program.process.pid), open_files(child)
        shared = {path for path in ours.values() if path.startswith("socket:")} & set(its.values())
        equal("none of our sockets, stdin is nothing", (shared, its[0]), (set(), "/dev/null"))
        status = Path(f"/proc/{child}/status").read_text(encoding="ascii")
        ignored = int(status.partition("SigIgn:")[2].split()[0], 16)
        equal("it ignores nothing that we ignore", [number for number in range(1, 32) if ignored >> number - 1 & 1], [])
        program.write_volume("postfix-virtual.cf", "fresh@example.com ok@example.com\n")
        holds("the directory", program.wait_log("directory_loaded.*aliases_removed", after=position, limit=LIMIT), program.log)
        holds("meanwhile", asking.poll() is None)
        said, _ = asking.communicate(timeout=LIMIT)
        holds("its end", asking.returncode == 1 and "do not end within reload.tests_timeout" in said, said)
        equal("no child is left", children(program), [])
        equal("the old one", says(program), "one")

        position = program.log_position
        program.reload()
        child, = wait_until(lambda: children(program), LIMIT, "the child")
        os.kill(int(child), signal.SIGKILL)
        holds("killed", program.wait_log("rules_kept.*ended by signal 9; it is tried again", after=position, limit=LIMIT),
              program.log)
        program.reload()
        child, = wait_until(lambda: children(program), LIMIT, "the child")
        program.stop()
        wait_until(lambda: not os.path.exists(f"/proc/{child}"), LIMIT, "a stop to end it")


@case("start and check: failing tests are refused; when it cannot be told, it starts with a warning")
def start():
    with program_with("one", wants("two"), start=False) as program:
        try:
            program.start()
            holds("it does not start", False)
        except Failed as failure:
            holds("refused", "start_refused" in str(failure) and "not ok 1 - it says two" in str(failure), failure)
        program.end_checked = True
        command = [BINARY, "-c", str(program.config), "check"]
        checked = subprocess.run(command, capture_output=True, text=True, env=program.environment(), check=False)
        holds("check", checked.returncode == 1 and "[rule-tests]" in checked.stdout and
              f"{program.user_rules}/probe.lua: error: its tests probe_test.lua fail" in checked.stdout, checked)
        program.write_rule("probe_test", wants("one"))
        checked = subprocess.run(command, capture_output=True, text=True, env=program.environment(), check=False)
        holds("mended", "[rule-tests]" not in checked.stdout, checked)

        program.write_rule("probe_test", ENDLESS)
        program.options["reload.tests_timeout"] = "300ms"
        program.write_config()
        program.start()
        holds("a warning", program.wait_log("warning rules_untested.*do not end within.*it starts all the same", limit=1),
              program.log)
        equal("serves", says(program), "one")
        program.signal(signal.SIGTERM)
        program.wait_end()


with tempfile.TemporaryDirectory(prefix="foregate-tests-") as temporary:
    os.environ["TMPDIR"] = tempfile.tempdir = temporary
    _left_over = case("nothing of it is left over")(
        lambda: wait_until(lambda: not os.listdir(temporary), LIMIT, "an empty folder of temporary files"))
    run()
