#!/usr/bin/env python3
"""The directory follows its files by itself: every file, every kind of change, what is broken, and what is logged."""

import os
import re
import subprocess
import threading
import time

from cases import case, equal, holds, run
from fake_quota import FULL, FakeQuota
from program import BINARY, VOLUME, Program, wait_until, with_alias

RELOAD_LIMIT = 15.0
SEEN_LIMIT = 3.0  # what is promised of a change in the volume

quota = FakeQuota()
quota.answers["full@example.com"] = FULL


# Files of the directory. Each test writes a text that says "abc" or "xyz", of one length, or nothing of either.

class DirectoryFile:
    """How a file is written to say a word, and whether the program has understood it."""

    def __init__(self, name, says, understood, rest=""):
        self.name = name
        self.says = says  # word -> lines
        self.understood = understood  # (program, word, lines of the log since the change) -> bool
        self.rest = rest  # what stands in the file besides

    def text(self, word):
        return self.rest + (self.says(word) if word else "")

    def path(self, program):
        return (program.directory if self.name == "may-send-as" else program.volume) / self.name

    def see(self, program, word, change):
        """Make the change and wait until the program says `word` of the file."""
        position = program.log_position
        before = time.monotonic()
        change()
        wait_until(lambda: self.understood(program, word, program.lines[position:]), RELOAD_LIMIT,
                   f"{self.name} says {word!r}")
        took = time.monotonic() - before
        holds(f"{self.name}: {word!r} is seen within {SEEN_LIMIT:g} s", took <= SEEN_LIMIT, took)


def told_by_reply(address, wanted):
    def understood(program, word, _lines):
        replies = [program.at_rcpt(address.format(word=one)) == wanted for one in ("abc", "xyz")]
        return replies == [word == "abc", word == "xyz"]
    return understood


def told_by_log(pattern, nothing):
    def understood(_program, word, lines):
        return any(re.search(pattern.format(word=word) if word else nothing, line) for line in lines)
    return understood


def told_by_sender(program, word, _lines):
    with program.session() as session:
        session.login("alice@example.com")
        replies = []
        for one in ("abc", "xyz"):
            replies.append(session.mail(f"<{one}@example.com>").accepted)
            session.abort()
        session.quit()
    return replies == [word == "abc", word == "xyz"]


DELIMITERS = {"abc": "-", "xyz": "_"}
LIMITS = {"abc": "21k", "xyz": "22k"}


def told_by_delimiter(program, word, _lines):
    replies = [program.at_rcpt(f"<full{sign}x@example.com>") == FULL for sign in "-_"]
    return replies == [word == "abc", word == "xyz"]


def told_by_dovecot(_program, word, lines):
    """Nothing said: Dovecot has its own delimiter, which is Postfix's."""
    if not word:
        return any("directory_loaded" in line for line in lines)
    return any(f"Dovecot at `{DELIMITERS[word]}`" in line for line in lines)


def told_by_counts(_program, word, lines):
    return any(re.search(r"quotas=1 quotas_(added|changed)=1" if word else r"quotas=0", line) for line in lines)


def directory_files():
    accounts = VOLUME["postfix-accounts.cf"]
    return [
        DirectoryFile("postfix-accounts.cf", lambda word: f"{word}@example.com|{{PLAIN}}x\n",
                      told_by_reply("<{word}@example.com>", "continue"), accounts),
        DirectoryFile("postfix-virtual.cf", lambda word: f"{word}@example.com full@example.com\n",
                      told_by_reply("<{word}@example.com>", FULL), VOLUME["postfix-virtual.cf"]),
        DirectoryFile("postfix-regexp.cf", lambda word: f"/^{word}@example/ full@example.com\n",
                      told_by_reply("<{word}@example.com>", FULL)),
        DirectoryFile("postfix-aliases.cf", lambda word: f"{word}: full@example.com\n",
                      told_by_reply("<{word}@mail.example.com>", FULL)),
        DirectoryFile("dovecot-quotas.cf", lambda word: f"full@example.com:{LIMITS[word]}\n", told_by_counts),
        DirectoryFile("postfix-main.cf", lambda word: f"recipient_delimiter = {DELIMITERS[word]}\n",
                      told_by_delimiter),
        DirectoryFile("dovecot.cf", lambda word: f"recipient_delimiter = {DELIMITERS[word]}\n", told_by_dovecot),
        DirectoryFile("may-send-as", lambda word: f"alice@example.com: {word}@example.com\n", told_by_sender),
    ]


def directory_program(**arguments):
    """With a may_send_as file beside the volume: it is not watched, only looked at."""
    program = Program(quota=quota, volume={"dovecot-quotas.cf": None, "postfix-regexp.cf": None}, start=False,
                      **arguments)
    grants = program.directory / "may-send-as"
    grants.write_text("")
    program.options.update({"spoof.enabled": "yes", "spoof.may_send_as": grants})
    program.write_config()
    program.start()
    return program


def put(path, text):
    """In place, as `>` of a shell does."""
    path.write_text(text, newline="")


def put_hidden(path, text):
    """In place, with the size and the time of change that were there."""
    before = path.stat()
    put(path, text)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    after = path.stat()
    equal("size and time", (after.st_size, after.st_mtime_ns), (before.st_size, before.st_mtime_ns))


def change_in_all_ways(program, file):
    path = file.path(program)
    file.see(program, "abc", lambda: program.replace(path, file.text("abc")))
    file.see(program, "xyz", lambda: put(path, file.text("xyz")))
    file.see(program, "abc", lambda: put_hidden(path, file.text("abc")))
    file.see(program, "xyz", lambda: put(path, file.text("xyz").replace("\n", "\r\n")))
    file.see(program, None, lambda: put(path, ""))
    file.see(program, "abc", lambda: put(path, file.text("abc").removesuffix("\n")))
    file.see(program, None, lambda: program.replace(path, file.text(None)))
    with open(path, "a", encoding="ascii") as stream:
        file.see(program, "xyz", lambda: (stream.write(file.says("xyz")), stream.flush()))


def write_in_halves(program, file):
    """Half a line, which is taken for what it is; then the other half."""
    path = file.path(program)
    text = file.text("abc")
    cut = len(file.rest) + 2 * len(file.says("abc")) // 3
    file.see(program, None, lambda: program.replace(path, file.text(None)))
    position = program.log_position
    with open(path, "w", encoding="ascii") as stream:
        stream.write(text[:cut])
        stream.flush()
        half = program.wait_log(r"directory_(loaded|kept)", after=position, limit=RELOAD_LIMIT)
        holds("half a file is noticed", half)
        file.see(program, "abc", lambda: (stream.write(text[cut:]), stream.flush()))


for each in directory_files():
    @case(f"{each.name}: every kind of change is seen within {SEEN_LIMIT:g} s")
    def every_change(file=each):
        with directory_program() as program:
            change_in_all_ways(program, file)
            write_in_halves(program, file)
            path = file.path(program)
            if file.name in ("postfix-accounts.cf", "may-send-as"):
                position = program.log_position
                path.unlink()
                line = program.wait_log("directory_kept", after=position, limit=SEEN_LIMIT)
                holds("a required file is missed", line and file.name in line, line)
                holds("and what it said stays", file.understood(program, "abc", []))
                file.see(program, "xyz", lambda: put(path, file.text("xyz")))
            else:
                file.see(program, "xyz", lambda: put(path, file.text("xyz")))
                position = program.log_position
                path.unlink()
                holds("a missing file is an empty one",
                      program.wait_log("directory_loaded", after=position, limit=SEEN_LIMIT))
                holds("nothing of it is left", file.understood(program, None, program.lines[position:]))


def loads(program, position):
    return [line for line in program.lines[position:] if "directory_loaded" in line]


def fields(line):
    return dict(re.findall(r"(\w+)=(\S+)", line))


@case("one line says what changed")
def change_is_logged():
    with Program(quota=quota) as program:
        position = program.log_position
        table = VOLUME["postfix-virtual.cf"].replace("basic@example.com full", "basic@example.com ok")
        for word in ("fine", "pair", "trio"):
            table = re.sub(rf"^{word}@.*\n", "", table, flags=re.MULTILINE)
        program.write_volume("postfix-virtual.cf", table + "new@new.test ok@example.com\n")
        program.wait_log("directory_loaded", after=position, limit=SEEN_LIMIT)
        line, = loads(program, position)
        said = fields(line)
        equal("aliases", [said.get("aliases" + what) for what in ("", "_added", "_removed", "_changed")],
              ["10", "1", "3", "1"])
        equal("domains", [said.get("domains" + what) for what in ("", "_added", "_removed")], ["3", "1", None])
        equal("accounts", [said.get("accounts" + what) for what in ("", "_added", "_changed")], ["7", None, None])
        position = program.log_position
        program.write_volume("postfix-accounts.cf", VOLUME["postfix-accounts.cf"].replace("$6$x$x", "$6$y$y") +
                             "more@example.com|{PLAIN}x\n")
        program.wait_log("directory_loaded", after=position, limit=SEEN_LIMIT)
        line, = loads(program, position)
        holds("one account more, and nothing of passwords", "accounts=8 accounts_added=1 aliases=10 " in line, line)


@case("a burst of writes ends in few reloads")
def burst():
    with Program(quota=quota) as program:
        position = program.log_position
        for number in range(50):
            put(program.volume / "postfix-virtual.cf", with_alias(f"burst{number}@example.com full@example.com"))
        wait_until(lambda: program.at_rcpt("<burst49@example.com>") == FULL, RELOAD_LIMIT, "the last write")
        holds("few reloads", len(loads(program, position)) <= 3, loads(program, position))


@case("half a file, and the rest a moment later: nobody is missing meanwhile")
def written_in_two_parts():
    """The pauses are longer than a few ticks, and shorter than what is waited for."""
    text = VOLUME["postfix-accounts.cf"]
    more = "".join(f"more{number}@example.com|{{PLAIN}}x\n" for number in range(3))
    # Behind a line; within one; with nothing in it yet.
    for cut, pause in ((text.index("alice@"), 1.2), (text.index("alice@") + 3, 1.1), (0, 1.1)):
        with Program(quota=quota) as program:
            position = program.log_position
            with open(program.volume / "postfix-accounts.cf", "w", encoding="ascii") as stream:
                stream.write(text[:cut])
                stream.flush()
                time.sleep(pause)
                stream.write(text[cut:] + more)
            line = program.wait_log("directory_loaded", after=position, limit=SEEN_LIMIT)
            holds("only the whole file was loaded", line and "accounts=10 accounts_added=3 " in line, line)


@case("a reload that leaves no account is a warning")
def all_accounts_gone():
    with Program(quota=quota) as program:
        position = program.log_position
        put(program.volume / "postfix-accounts.cf", "")
        holds("a warning", program.wait_log("^warning directory_empty", after=position, limit=SEEN_LIMIT))
        position = program.log_position
        put(program.volume / "postfix-accounts.cf", VOLUME["postfix-accounts.cf"])
        holds("accounts", program.wait_log("directory_loaded accounts=7", after=position, limit=SEEN_LIMIT))
        holds("no warning any more", not [line for line in program.lines[position:] if "directory_empty" in line])


@case("lock files and other files are no change")
def lock_files():
    with Program(quota=quota) as program:
        position = program.log_position
        for number in range(200):
            lock = program.volume / f"{('check-for-changes.sh', 'postfix-virtual.cf')[number % 2]}.lock"
            lock.write_text(str(number))
            if number % 3 == 0:
                lock.unlink()
        program.write_volume("user-patches.sh", "#!/bin/sh\n")
        program.write_volume("postfix-virtual.cf", with_alias("last@example.com full@example.com"))
        wait_until(lambda: program.at_rcpt("<last@example.com>") == FULL, RELOAD_LIMIT, "the real change")
        equal("reloads", len(loads(program, position)), 1)


def check(program):
    """Exit status and output of `foregate check`."""
    done = subprocess.run([BINARY, "-c", program.config, "check"], capture_output=True, text=True, timeout=60)
    return done.returncode, done.stdout + done.stderr


BROKEN = {
    "a key twice": ("postfix-virtual.cf", with_alias("fine@example.com alice@example.com"), "stands on line"),
    "no text": ("postfix-aliases.cf", "a: b\nc\0: d\n", "NUL byte"),
    "not a file": ("postfix-regexp.cf", None, "not a regular file"),
}

for what_is_broken in BROKEN:
    @case(f"{what_is_broken}: said once, in the log and by check, and the last good directory stays")
    def broken_directory(what=what_is_broken):
        name, text, said = BROKEN[what]
        with Program(quota=quota) as program:
            path = program.volume / name
            position = program.log_position
            if text is None:
                path.unlink()
                path.mkdir()
            else:
                put(path, text)
            line = program.wait_log(f"^error directory_kept.*{re.escape(name)}.*{said}", after=position,
                                    limit=SEEN_LIMIT)
            holds("the log names file and reason", line, "\n".join(program.lines[position:]))
            status, output = check(program)
            equal("check: exit status", status, 1)
            holds("check: names the file and the reason", name in output and said in output, output)
            equal("the last good directory", program.at_rcpt("<basic@example.com>"), FULL)
            # Events make it look again, and time does.
            position = program.log_position
            for number in range(20):
                (program.volume / "some.lock").write_text(str(number))
            again = program.wait_log("directory_", after=position, limit=2.5)
            holds("said once", again is None, again)
            # Another change next to it does not repair it, and is said.
            position = program.log_position
            put(program.volume / "dovecot-quotas.cf", "full@example.com:30k\n")
            holds("still broken", program.wait_log("directory_kept", after=position, limit=SEEN_LIMIT))
            if text is None:
                path.rmdir()
            program.write_volume(name, VOLUME.get(name, ""))
            holds("repaired", program.wait_log("directory_loaded", after=position, limit=SEEN_LIMIT))
            equal("in use", program.at_rcpt("<re1@example.com>"), FULL)
            output = check(program)[1]  # which has other things to say about the volume of these tests
            holds("check: says nothing of it any more", said not in output, output)


@case("another folder in the volume's place: inotify is blind, and it is seen")
def volume_replaced():
    with Program(quota=quota) as program:
        other = program.directory / "other"
        other.mkdir()
        for name, text in VOLUME.items():
            (other / name).write_text(text)
        (other / "postfix-virtual.cf").write_text(with_alias("fresh@example.com full@example.com"))

        def seen(address, change):
            before = time.monotonic()
            change()
            wait_until(lambda: program.at_rcpt(address) == FULL, RELOAD_LIMIT, address)
            took = time.monotonic() - before
            holds(f"{address} is known within {SEEN_LIMIT:g} s", took <= SEEN_LIMIT, took)

        def swap():
            program.volume.rename(program.directory / "old")
            other.rename(program.volume)

        seen("<fresh@example.com>", swap)
        path = program.volume / "postfix-virtual.cf"
        seen("<later@example.com>", lambda: put(path, with_alias("later@example.com full@example.com")))
        seen("<third@example.com>", lambda: put(path, with_alias("third@example.com full@example.com")))


@case("the log says which delimiter counts when it changes")
def delimiter_is_logged():
    with directory_program() as program:
        for name, text, said in (
                ("postfix-main.cf", "recipient_delimiter = -\n", {"delimiter": "-"}),
                ("may-send-as", "alice@example.com: *, ok@example.com\n", {"grants": "1", "grants_added": "1"}),
                ("may-send-as", "alice@example.com: *, bob@example.com\n", {"grants": "1", "grants_changed": "1"}),
                ("postfix-main.cf", "", {"delimiter": "+"})):
            position = program.log_position
            put((program.directory if name == "may-send-as" else program.volume) / name, text)
            line = program.wait_log("directory_loaded", after=position, limit=SEEN_LIMIT)
            found = {key: value for key, value in fields(line or "").items()
                     if key == "delimiter" or (key.startswith("grants") and value != "0")}
            equal(f"{name}: {text!r}", {key: found.get(key) for key in said}, said)
            equal("no more than that", "delimiter" in found, "delimiter" in said)


@case("a changed delimiter is for new messages")
def delimiter_changed():
    with Program(quota=quota) as program, program.session() as session:
        session.mail()
        equal("before", str(session.rcpt("<full+x@example.com>")), FULL)
        program.write_volume("postfix-main.cf", "recipient_delimiter = -\n")
        wait_until(lambda: program.at_rcpt("<full-x@example.com>") == FULL, RELOAD_LIMIT, "the new delimiter")
        equal("this message: the old one", str(session.rcpt("<full+x@example.com>")), FULL)
        equal("this message: not the new one", str(session.rcpt("<full-x@example.com>"))[:3], "550")
        session.abort()
        session.mail()
        equal("the next message: the new one", str(session.rcpt("<full-x@example.com>")), FULL)
        equal("the next message: not the old one", str(session.rcpt("<full+x@example.com>"))[:3], "550")
        session.quit()


@case("a delimiter of Foregate's own is not taken from the volume")
def delimiter_given():
    with Program(quota=quota, options={"recipient_delimiter": "+"}) as program:
        position = program.log_position
        program.write_volume("postfix-main.cf", "recipient_delimiter = -\n")
        holds("said", program.wait_log("delimiter-mismatch", after=position, limit=SEEN_LIMIT))
        equal("the old one", program.at_rcpt("<full+x@example.com>"), FULL)
        equal("not the new one", program.at_rcpt("<full-x@example.com>")[:3], "550")


def wait_for_load(program, name):
    """Wait until the program is in the middle of loading the file: in small pieces, unlike a look at its contents."""
    path = program.volume / name
    process = f"/proc/{program.process.pid}"
    size = path.stat().st_size

    def is_loaded(descriptor):
        try:
            if os.readlink(f"{process}/fd/{descriptor}") != str(path):
                return False
            with open(f"{process}/fdinfo/{descriptor}", encoding="ascii") as stream:
                place = int(stream.readline().removeprefix("pos:"))
        except FileNotFoundError:
            return False
        return 0 < place < size and place % LOOK_BYTES != 0

    end = time.monotonic() + RELOAD_LIMIT
    while not any(is_loaded(descriptor) for descriptor in os.listdir(f"{process}/fd")):  # no pause: it could be over
        holds(f"{name} is loaded", time.monotonic() < end)


LOOK_BYTES = 65536  # that a look reads at a time


def large_volume():
    """Accounts are read before postfix-virtual.cf, and postfix-aliases.cf behind it: both for long."""
    many = 60000
    return {"postfix-accounts.cf": VOLUME["postfix-accounts.cf"] +
            "".join(f"user{number}@example.com|{{PLAIN}}x\n" for number in range(many)),
            "postfix-virtual.cf": with_alias("extra@example.com full@example.com"),
            "postfix-aliases.cf": "".join(f"name{number}: ok@example.com\n" for number in range(many))}


def be_away_during_load(program):
    path = program.volume / "postfix-virtual.cf"
    aside = program.directory / "aside"
    wait_for_load(program, "postfix-accounts.cf")
    path.rename(aside)
    wait_for_load(program, "postfix-aliases.cf")
    aside.rename(path)


@case("a file that is away for a moment during a load is not missing for good")
def away_during_load():
    with Program(quota=quota, volume={**large_volume(), "postfix-virtual.cf": ""}) as program:
        program.write_volume("postfix-virtual.cf", large_volume()["postfix-virtual.cf"])
        be_away_during_load(program)
        wait_until(lambda: program.at_rcpt("<extra@example.com>") == FULL, RELOAD_LIMIT, "the alias")


@case("nor is one that is away for a moment during the start")
def away_during_start():
    with Program(quota=quota, volume=large_volume(), start=False) as program:
        starter = threading.Thread(target=program.start)
        starter.start()
        wait_until(lambda: program.process, RELOAD_LIMIT, "the process")
        be_away_during_load(program)
        starter.join()
        equal("the alias, at once", program.at_rcpt("<extra@example.com>"), FULL)


@case("changes all the time while messages pass: each message sees one state")
def changes_under_load():
    """Both of one pair of addresses exist, or both of the other; never one of each."""
    with Program(quota=quota) as program:
        stop = threading.Event()

        def write():
            number = 0
            while not stop.is_set():
                number += 1
                word = "ab"[number % 2]
                program.write_volume("postfix-virtual.cf", with_alias(
                    # The number: else looks that keep step with the writes see one and the same state.
                    f"# {number}\n{word}1@example.com full@example.com\n{word}2@example.com full@example.com"))
                stop.wait(0.05)

        position = program.log_position
        writer = threading.Thread(target=write)
        writer.start()
        try:
            with program.session() as session:
                states = set()

                def look():
                    session.mail()
                    replies = [str(session.rcpt(f"<{name}@example.com>")) == FULL for name in ("a1", "b1", "a2", "b2")]
                    session.abort()
                    equal("one state", replies[:2], replies[2:])
                    states.add(tuple(replies[:2]))
                    return len(loads(program, position)) >= 3
                wait_until(look, 60.0, "three reloads in the middle of it")
                session.quit()
        finally:
            stop.set()
            writer.join()
        holds("some state was seen", states <= {(False, False), (True, False), (False, True)}, states)


run()
