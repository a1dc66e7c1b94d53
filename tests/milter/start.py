#!/usr/bin/env python3
"""What it cannot start with: exit 2, and an error that names file, line and remedy."""

import os
import re
import signal
import socket
import subprocess

from cases import case, equal, holds, run
from program import BINARY, SANITIZER, VOLUME, Program, free_port

LIMIT = 30.0


def fails(what, *patterns, listen=None, prepare=None, **arguments):
    """The program must exit 2 by itself; every pattern must be in what it says."""
    with Program(start=False, listen=listen, **arguments) as program:
        if prepare:
            prepare(program)
        program.spawn()
        try:
            program.process.wait(LIMIT)
        except subprocess.TimeoutExpired:
            program.process.kill()
            program.process.wait()
            holds(f"{what}: it ends", False, program.log)
        program.end_checked = True
        program.reader.join(5)
        said = program.log
        equal(f"{what}: exit status\n{said}", program.process.returncode, 2)
        holds(f"{what}: no sanitizer report", not SANITIZER.search(said), said)
        for pattern in patterns:
            holds(f"{what}: says {pattern!r}", re.search(pattern, said), said)
        print(f"      {what}: {said.splitlines()[0][:150] if said else '(nothing)'}")


@case("socket directory missing")
def no_directory():
    fails("unix socket", r"/nonexistent/", listen="unix:/nonexistent/foregate/milter")


@case("unix socket of a live program")
def occupied():
    with Program() as first:
        fails("occupied", re.escape(first.listen.removeprefix("unix:")), listen=first.listen)
        with first.session() as session:
            equal("the first program still answers", str(session.transaction(["<ok@example.com>"])),
                  "mail=continue; rcpt=continue; message=continue")
            session.quit()


@case("a stale unix socket is replaced")
def stale():
    with Program(start=False) as program:
        path = program.listen.removeprefix("unix:")
        with socket.socket(socket.AF_UNIX) as left_over:
            left_over.bind(path)
        program.start()
        with program.session() as session:
            equal("transaction", str(session.transaction(["<ok@example.com>"])),
                  "mail=continue; rcpt=continue; message=continue")
            session.quit()


@case("killed, and started again on its socket")
def killed():
    with Program() as program:
        program.signal(signal.SIGKILL)
        program.process.wait(LIMIT)
        program.start()


@case("a file where the unix socket should be is not removed")
def plain_file():
    with Program(start=False) as program:
        path = program.listen.removeprefix("unix:")
        with open(path, "w", encoding="ascii") as precious:
            precious.write("precious")
        fails("plain file", re.escape(path), listen=program.listen)
        with open(path, encoding="ascii") as precious:
            equal("its content", precious.read(), "precious")


@case("port in use")
def port_in_use():
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen(1)
        port = other.getsockname()[1]
        fails("port", str(port), listen=f"inet:{port}@127.0.0.1")


@case("a listen address that is none")
def bad_listen():
    for listen in ("nonsense", "inet:", "inet:99999@127.0.0.1", "unix:", "inet:25x@127.0.0.1", "unix:/" + "x" * 300):
        fails(f"listen = {listen[:30]}", r"listen", listen=listen)


@case("unknown option, with the nearest known name")
def unknown_option():
    fails("quota.timeot", r"foregate\.conf:\d+", r"quota\.timeot", r"quota\.timeout", options={"quota.timeot": "1s"})


@case("bad unit, out of range, bad choice, bad reply, bad network")
def bad_values():
    for name, value in (("quota.timeout", "1parsec"), ("quota.timeout", "-1s"), ("quota.timeout", "7"),
                        ("quota.group", "some"), ("mode", "off"), ("quota.reply", "250 2.0.0 fine"),
                        ("quota.reply", "552 4.2.2 mixed"),
                        ("on_error", "panic"), ("trusted_networks", "10.0.0.0/40"), ("quota.service", "nowhere"),
                        ("spoof.enabled", "perhaps"), ("log.level", "loud")):
        fails(f"{name} = {value}", r"foregate\.conf:\d+", re.escape(name), options={name: value})


@case("a rule that does not exist, or does not load")
def bad_rules():
    fails("missing", r"nosuchrule", options={"rules": "subaddress nosuchrule"})
    fails("syntax error", r"probe\.lua:\d", rules={"probe": "return { name = \n"})
    fails("no table", r"probe", rules={"probe": "return 42\n"})
    fails("unknown handler", r"receipt", rules={"probe": 'return { name = "probe", receipt = function() end }\n'})


@case("a configuration file that is not there")
def no_config():
    result = subprocess.run([BINARY, "-c", "/nonexistent/foregate.conf", "run"], capture_output=True, text=True,
                            timeout=LIMIT)
    equal(f"exit status\n{result.stderr}", result.returncode, 2)
    holds("the file", "/nonexistent/foregate.conf" in result.stderr, result.stderr)


@case("a line that is no option")
def no_option_line():
    def prepare(program):
        program.config.write_text(program.config.read_text() + "what is this\n")
    fails("no =", r"foregate\.conf:\d+", prepare=prepare)


@case("the volume is missing, a file, or without accounts to read")
def unreadable_volume():
    fails("missing", r"/nonexistent/volume", options={"dms.volume": "/nonexistent/volume"})
    fails("a file", r"/etc/passwd", options={"dms.volume": "/etc/passwd"})

    def directory_for_file(program):
        (program.volume / "postfix-virtual.cf").mkdir()
    fails("a directory for a table", r"postfix-virtual\.cf", volume={"postfix-virtual.cf": None},
          prepare=directory_for_file)


@case("malformed tables: file and line")
def malformed_tables():
    lines = VOLUME["postfix-virtual.cf"].count("\n")
    fails("a key twice", rf"postfix-virtual\.cf.* line {lines + 1}\b",
          volume={"postfix-virtual.cf": VOLUME["postfix-virtual.cf"] + "fine@example.com alice@example.com\n"})
    # As in Postfix, a bad pattern costs that rule only.
    with Program(volume={"postfix-regexp.cf": "/fine/ ok@example.com\n/([/ ok@example.com\n"}) as program:
        line = program.wait_log(r"postfix-regexp\.cf.*\bline\W2\b", limit=5)
        holds("a bad pattern is told with its line", line, program.log)


@case("bad usage")
def usage():
    for arguments in ([], ["walk"], ["-o"], ["-o", "nonsense", "run"], ["--nonsense"], ["run", "extra"]):
        result = subprocess.run([BINARY, *arguments], capture_output=True, text=True, timeout=LIMIT,
                                env={"PATH": os.environ["PATH"]})
        equal(f"{arguments}: exit status\n{result.stderr}", result.returncode, 2)
        holds(f"{arguments}: says something", result.stderr.strip(), result.stderr)
    for arguments in (["--help"], ["--version"]):
        result = subprocess.run([BINARY, *arguments], capture_output=True, text=True, timeout=LIMIT)
        equal(f"{arguments}: exit status", result.returncode, 0)
        holds(f"{arguments}: says something", result.stdout.strip(), result.stdout)


@case("precedence: -o over environment over file")
def precedence():
    port, other = free_port(), free_port()
    with Program(start=False, tcp=True) as program:
        result = subprocess.run(
            [BINARY, "-c", str(program.config), "-o", f"listen=inet:{port}@127.0.0.1", "config"],
            capture_output=True, text=True,
            timeout=LIMIT, env={"PATH": os.environ["PATH"], "FOREGATE_LISTEN": f"inet:{other}@127.0.0.1",
                                "FOREGATE_QUOTA_TIMEOUT": "777ms"})
        equal(f"exit status\n{result.stderr}", result.returncode, 0)
        for pattern in (rf"listen\b.*{port}", r"quota\.timeout\b.*777ms"):
            holds(f"config says {pattern}", re.search(pattern, result.stdout), result.stdout[:3000])


run()
