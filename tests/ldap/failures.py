#!/usr/bin/env python3
"""A slapd that is stopped, hangs, comes back or is killed in the middle: each question has its answer within its limit."""

import re
import socket
import time

from scenario import ALICE, LATE_MS, Checks, lookup, slapd_and_files

from lab.process import free_port


def restarts(check, slapd, files):
    with lookup(files, timeout_ms=2000) as ours:
        check.found("at first", ours)
        slapd.stop()
        slapd.start()
        check.found("restarted while idle: the question that finds out is asked again", ours)
        slapd.stop()
        check.failed("stopped", ours, "cannot connect: Connection refused", 500)
        check.failed("still stopped", ours, "cannot connect: Connection refused", 500)
        slapd.start()
        check.found("started again", ours)


def hangs(check, slapd, files):
    with lookup(files, timeout_ms=600, jobs=20) as ours:
        check.found("before it hangs", ours)
        with slapd.frozen():
            ours.begin(*[ALICE] * 20)
            answers = [ours.take() for _ in range(20)]
            check("hanging: 20 at once", {answer[1] for answer in answers}, {"failed"})
            check("hanging: each in time", max(answer[2] for answer in answers) < 600 + LATE_MS, True)
            check("hanging: why", answers[0][3], re.compile("no answer within (599|600) ms|the server hangs"))
            check.failed("hanging, a new connection", ours, " ms while binding", 600)
        end = time.monotonic() + 10
        while ours.ask(*ALICE)[0] != "found" and time.monotonic() < end:
            pass  # the attempt that was under way may have to end first
        check.found("it goes on", ours)


def is_killed(check, slapd, files):
    with lookup(files, timeout_ms=3000, jobs=50) as ours:
        check.found("before it is killed", ours)
        with slapd.frozen():
            ours.begin(*[ALICE] * 50)
            slapd.kill()
        answers = [ours.take() for _ in range(50)]
        check("killed in the middle: all fail", {answer[1] for answer in answers}, {"failed"})
        check("killed in the middle: at once", max(answer[2] for answer in answers) < 3000, True)
        check("killed in the middle: why", answers[0][3], re.compile("closed the connection|cannot connect"))
        slapd.start()
        check.found("back", ours)


def others_serve(check, slapd, files):
    with lookup(files, timeout_ms=2000, server_host=f"ldap://127.0.0.1:{free_port()} {slapd.url}") as ours:
        check.found("nobody listens at the first server", ours)
    with lookup(files, timeout_ms=2000, server_host=f"ldap://nowhere.invalid {slapd.url}") as ours:
        check.found("the first server has no address", ours)
    with lookup(files, timeout_ms=2000, server_host="ldap://nowhere.invalid") as ours:
        check.failed("the only server has no address", ours, "cannot look up nowhere.invalid")


def a_silent_one_is_passed(check, slapd, files):
    with socket.create_server(("127.0.0.1", 0)) as silent:  # the kernel takes connections, and nobody answers
        url = f"ldap://127.0.0.1:{silent.getsockname()[1]}"
        with lookup(files, timeout_ms=300, server_host=f"{url} {slapd.url}") as ours:
            check.failed("the first server is silent", ours, " ms while binding", 300)
            end = time.monotonic() + 10
            while ours.ask(*ALICE)[0] != "found" and time.monotonic() < end:
                pass
            check.found("then the second serves", ours)


def refuses(check, slapd, files):
    with lookup(files, bind_pw="wrong-secret") as ours:
        check.failed("a wrong password", ours, r"cannot bind as cn=admin.*: Invalid credentials \(49\)")
        check("the password is told nobody", "wrong-secret" in ours.ask(*ALICE)[2], False)
    with lookup(files, search_base="ou=nowhere,dc=example,dc=test") as ours:
        check.failed("a base that is missing", ours, "there is no search_base ou=nowhere")


def many(check, files):
    questions = [("users", f"user{number % 200}@example.test") for number in range(5000)]
    with lookup(files, jobs=300) as ours:
        want = [("found", key) if number % 200 < 100 else ("not found", "") for number, (_, key) in enumerate(questions)]
        check("5,000 by 300 threads", [answer[::2][:2] for answer in ours.ask_all(questions)] == want, True)
        check("it ends", ours.end(), (0, ""))


def main():
    check = Checks()
    with slapd_and_files() as (slapd, files):
        many(check, files)
        restarts(check, slapd, files)
        hangs(check, slapd, files)
        is_killed(check, slapd, files)
        others_serve(check, slapd, files)
        a_silent_one_is_passed(check, slapd, files)
        refuses(check, slapd, files)
    check.end()


main()
