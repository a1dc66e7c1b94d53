#!/usr/bin/env python3
"""`foregate reload` and the socket where it asks: outcomes and exit statuses, clients that misbehave, sockets left over."""

import os
import signal
import socket
import stat
import threading
import time

from cases import case, equal, holds, run
from program import VOLUME, Program, wait_until, with_alias

LIMIT = 10.0


def rule(text):
    return 'return { name = "probe", rcpt = function(session, message, recipient)\n' \
        f'if recipient.address.local_part == "probe" then return reject(550, "5.7.1", "{text}") end end }}\n'


def says(program):
    return program.at_rcpt("<probe@elsewhere.test>").removeprefix("550 5.7.1 ")


def path_of(program):
    return program.options["control"].removeprefix("unix:")


def talk(program, line, limit=LIMIT):
    """What a client that says this is told, and the seconds it took."""
    began = time.monotonic()
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(limit)
        client.connect(path_of(program))
        client.sendall(line)
        answer = b""
        while part := client.recv(4096):
            answer += part
    return answer.decode(), time.monotonic() - began


@case("0: a new generation, and what it has; 1: what is broken, and the old one stays")
def outcomes():
    with Program(rules={"probe": rule("one")}, options={"reload.watch": "no"}) as program:
        equal("mode of the socket", stat.S_IMODE(os.stat(path_of(program)).st_mode), 0o600)
        status, said = program.ask_reload()
        equal("nothing new", (status, said), (0, "generation 2; directory: 7 accounts, 12 aliases, 1 patterns, 2 domains"))
        program.write_rule("probe", rule("two"))
        program.options["quota.notice"] = "alice@example.com"
        program.options["listen.mode"] = "0600"
        program.write_config()
        status, said = program.ask_reload()
        want = f"generation 3; changed: {program.user_rules}/probe.lua; settings: quota.notice; " \
            "only with a restart: listen.mode; directory: 7 accounts"
        equal("a new rule", (status, said[:len(want)]), (0, want))
        equal("in use at once", says(program), "two")

        program.write_rule("probe", "return {")
        status, said = program.ask_reload()
        holds("a broken rule", status == 1 and "probe.lua:1:" in said and "generation 3 stays in use" in said, said)
        equal("the old one", says(program), "two")
        holds("logged", program.wait_log("rules_kept"), program.log)
        program.write_rule("probe", rule("three"))

        program.write_volume("postfix-virtual.cf", with_alias("fine@example.com alice@example.com"))
        status, said = program.ask_reload()
        holds("a broken directory", status == 1 and "postfix-virtual.cf" in said and "the last good one" in said, said)
        equal("rules by themselves", says(program), "three")
        program.write_volume("postfix-virtual.cf", VOLUME["postfix-virtual.cf"])

        config = program.config.read_text(encoding="utf-8")
        for text, want in (("nonsense\n", "this is no assignment"), ("quota.tmeout = 1s\n", "did you mean quota.timeout?"),
                           ("reload.tests_timeout = 5\n", "the unit is missing"), ("rules = nosuch\n", "rules is set twice")):
            program.config.write_text(config + text, encoding="utf-8")
            status, said = program.ask_reload()
            holds(want, status == 1 and want in said and "foregate.conf:" in said, (status, said))
        program.write_config()
        equal("mended", program.ask_reload()[0], 0)


@case("2: nobody there, not ours, no socket")
def nobody():
    with Program(options={"control": ""}) as program:
        status, said = program.ask_reload()
        holds("none", status == 2 and "control is empty" in said, said)
        missing = f"unix:{program.directory}/missing"
        status, said = program.ask_reload("-o", f"control={missing}")
        holds("missing", status == 2 and missing in said and "does the program run" in said, said)
        status, said = program.ask_reload("-o", "control=inet:1@127.0.0.1")
        holds("no unix socket", status == 2 and "write unix:/path" in said, said)
        with socket.socket(socket.AF_UNIX) as hanging:
            hanging.bind(f"{program.directory}/hanging")
            hanging.listen()

            def hang_up():
                client = hanging.accept()[0]
                client.recv(100)
                client.close()
            threading.Thread(target=hang_up, daemon=True).start()
            status, said = program.ask_reload("-o", f"control=unix:{program.directory}/hanging")
            holds("hangs up", status == 2 and "ended before it had answered" in said, said)
        status, said = program.ask_reload("-o", "nonsense")
        equal("bad usage", status, 2)


@case("several clients at once are all told, by one generation or several")
def several():
    with Program() as program:
        answers = []
        threads = [threading.Thread(target=lambda: answers.append(program.ask_reload())) for _ in range(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(LIMIT * 3)
        equal("all", [status for status, _ in answers], [0] * 12)


@case("clients that say nothing, or nonsense, hold up nobody")
def silent():
    with Program() as program:
        for line, want in ((b"stop\n", "error there is no such command\n"), (b"\n", "error there is no such command\n"),
                           (b"x" * 64, "error the line is too long\n"), (b"reload\0now\n", "ok generation 2"),
                           (b"reload\nreload\n", "ok generation 3")):
            answer, took = talk(program, line)
            equal(f"{line[:10]!r}", answer[:len(want)], want)
            holds("at once", took < 1, took)
        silents = [socket.socket(socket.AF_UNIX) for _ in range(20)]
        for number, client in enumerate(silents):
            client.connect(path_of(program))
            if number % 2:
                client.send(b"rel")
        position = program.log_position
        program.write_volume("postfix-virtual.cf", with_alias("fresh@example.com ok@example.com"))
        status, said = program.ask_reload()
        equal(f"behind them: {said}", status, 0)
        holds("the directory goes on", program.wait_log("directory_loaded", after=position, limit=3), program.log)
        for client in silents:
            client.settimeout(LIMIT)
            equal("sent away", client.recv(100), b"")
            client.close()
        with socket.socket(socket.AF_UNIX) as gone:
            gone.connect(path_of(program))
            gone.send(b"reload\n")
        equal("after one that did not wait", program.ask_reload()[0], 0)


@case("a second instance goes on without the socket of the first")
def two_instances():
    with Program(rules={"probe": rule("first")}) as first:
        with Program(rules={"probe": rule("second")}, options={"control": first.options["control"]}) as second:
            holds("said", second.wait_log(r"warning control.*another program answers there.*goes on without", limit=5),
                  second.log)
            first.write_rule("probe", rule("changed"))
            equal("the first one is asked", first.ask_reload()[0], 0)
            equal("and has it", (says(first), says(second)), ("changed", "second"))
        equal("the second took nothing away", first.ask_reload()[0], 0)


@case("a socket left over by kill -9 is replaced; a stop removes it")
def left_over():
    with Program() as program:
        program.kill()
        holds("left over", os.path.exists(path_of(program)))
        status, said = program.ask_reload()
        holds("nobody answers", status == 2 and "Connection refused" in said, said)
        program.start()
        equal("replaced", program.ask_reload()[0], 0)
        program.stop()
        holds("removed", not os.path.exists(path_of(program)))


@case("what is no socket is left alone; a folder that is missing is made, and only that")
def other_files():
    with Program(start=False) as program:
        for name, makes in (("new/control", True), ("deep/er/control", False), ("precious", False)):
            path = program.directory / name
            if name == "precious":
                path.write_text("precious", encoding="ascii")
            program.options["control"] = f"unix:{path}"
            program.write_config()
            program.start()
            equal(name, program.ask_reload()[0], 0 if makes else 2)
            holds(f"{name}: warned", makes or program.wait_log("warning control", limit=5), program.log)
            program.stop()
        equal("precious", path.read_text(encoding="ascii"), "precious")


@case("during a stop nobody is kept waiting")
def stopping():
    with Program() as program, program.session() as session:
        session.mail()
        program.signal(signal.SIGTERM)
        holds("stopping", program.wait_log("stopping", limit=5), program.log)
        status, said = program.ask_reload()
        equal(said, status, 2)
        session.rcpt("<ok@example.com>")
        session.data()
        equal("the transaction ends", str(session.content()[0]), "continue")
        session.abort()
        session.quit()


@case("more open generations than are kept: refused, and made when there is a place")
def too_many():
    with Program(rules={"probe": rule("0")}, options={"states": "1", "reload.watch": "no"}) as program:
        sessions = []
        for number in range(1, 17):
            session = program.session()
            session.mail()
            sessions.append(session)
            program.write_rule("probe", rule(str(number)))
            equal(f"reload {number}", program.ask_reload()[0], 0)
        session = program.session()
        session.mail()
        sessions.append(session)
        program.write_rule("probe", rule("last"))
        status, said = program.ask_reload()
        holds("refused", status == 1 and "16 older generations" in said and "it is tried again" in said, said)
        equal("those in use", says(program), "16")
        equal("each has its own", [str(session.rcpt("<probe@elsewhere.test>"))[10:] for session in sessions],
              [str(number) for number in range(17)])
        sessions[5].abort()
        wait_until(lambda: says(program) == "last", LIMIT, "the reload by itself")
        for session in sessions:
            session.abort()
            session.quit()


run()
