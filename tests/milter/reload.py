#!/usr/bin/env python3
"""Reload: rules by SIGUSR1, the directory by itself; a message under way keeps what it began with."""

from cases import case, equal, holds, run
from fake_quota import FULL, FakeQuota
from program import VOLUME, Program, wait_until, with_alias

RELOAD_LIMIT = 15.0

quota = FakeQuota()
quota.answers["full@example.com"] = FULL


def rule(text):
    return f'''return {{
    name = "probe",
    rcpt = function(session, message, recipient)
        if recipient.address.local_part == "probe" then return reject(550, "5.7.1", "{text}") end
    end,
}}
'''


def generation(program):
    """What the rule of a new message says."""
    return program.at_rcpt("<probe@elsewhere.test>").removeprefix("550 5.7.1 ")


def wait_generation(program, text):
    wait_until(lambda: generation(program) == text, RELOAD_LIMIT, f"the rule says {text!r}")


@case("SIGUSR1: a changed rule takes effect for new messages")
def changed():
    with Program(rules={"probe": rule("one")}) as program:
        equal("before", generation(program), "one")
        for text in ("two", "three"):
            program.write_rule("probe", rule(text))
            program.reload()
            wait_generation(program, text)


@case("a broken rule file keeps the old one running and says so")
def broken():
    breakages = {
        "syntax error": "return { name = ",
        "not a rule": "return 42",
        "error while loading": 'error("at load")',
        "unknown handler": 'return { name = "probe", receipt = function() end }',
        "empty file": "",
    }
    with Program(rules={"probe": rule("good")}) as program:
        for what, text in breakages.items():
            position = program.log_position
            program.write_rule("probe", text)
            program.reload()
            line = program.wait_log(r"^(error|warning).*probe\.lua", after=position, limit=RELOAD_LIMIT)
            holds(f"{what}: a line naming the file", line, "\n".join(program.lines[position:]))
            equal(f"{what}: the old rule", generation(program), "good")
        program.write_rule("probe", rule("repaired"))
        program.reload()
        wait_generation(program, "repaired")


@case("a message under way keeps its rule generation")
def under_way():
    with Program(rules={"probe": rule("old")}) as program, program.session() as session:
        session.mail()
        program.write_rule("probe", rule("new"))
        program.reload()
        wait_generation(program, "new")
        equal("this message", str(session.rcpt("<probe@elsewhere.test>")), "550 5.7.1 old")
        equal("and again", str(session.rcpt("<probe@elsewhere.test>")), "550 5.7.1 old")
        session.abort()
        session.mail()
        equal("the next message of this session", str(session.rcpt("<probe@elsewhere.test>")), "550 5.7.1 new")
        session.quit()


@case("a storm of SIGUSR1 while messages pass")
def storm():
    with Program(rules={"probe": rule("0")}) as program, program.session() as session:
        for number in range(40):
            program.write_rule("probe", rule(str(number)))
            program.reload()
            equal("transaction", str(session.transaction(["<ok@example.com>"])),
                  "mail=continue; rcpt=continue; message=continue")
        wait_generation(program, "39")
        session.quit()


@case("a changed volume is noticed without a signal, by rename and in place")
def volume_changed():
    with Program(quota=quota) as program:
        equal("before", program.at_rcpt("<fresh@example.com>")[:3], "550")
        program.write_volume("postfix-virtual.cf", with_alias("fresh@example.com ok@example.com"))
        wait_until(lambda: program.at_rcpt("<fresh@example.com>") == "continue", RELOAD_LIMIT, "fresh@ is known")
        with open(program.volume / "postfix-virtual.cf", "a", encoding="ascii") as table:  # as `setup alias add` does
            table.write("second@example.com basic@example.com\n")
        wait_until(lambda: program.at_rcpt("<second@example.com>") == FULL, RELOAD_LIMIT,
                   "second@ leads to a full mailbox")
        program.write_volume("postfix-accounts.cf", VOLUME["postfix-accounts.cf"] + "new@example.com|{PLAIN}x\n")
        wait_until(lambda: program.at_rcpt("<new@example.com>") == "continue", RELOAD_LIMIT, "new@ has an account")
        program.write_volume("postfix-virtual.cf", VOLUME["postfix-virtual.cf"])
        wait_until(lambda: program.at_rcpt("<fresh@example.com>")[:3] == "550", RELOAD_LIMIT, "fresh@ is gone")


@case("a table that does not parse keeps the last good one and says file and line")
def volume_broken():
    with Program(quota=quota) as program:
        position = program.log_position
        lines = VOLUME["postfix-virtual.cf"].count("\n")
        program.write_volume("postfix-virtual.cf", with_alias("fine@example.com alice@example.com"))
        line = program.wait_log(r"postfix-virtual\.cf", after=position, limit=RELOAD_LIMIT)
        holds("a line naming the file", line, "\n".join(program.lines[position:]))
        holds(f"and line {lines + 1}", str(lines + 1) in line, line)
        equal("the last good table", program.at_rcpt("<basic@example.com>"), FULL)
        equal("and the doubled key itself", program.at_rcpt("<fine@example.com>"), "continue")
        program.write_volume("postfix-virtual.cf", with_alias("fresh@example.com ok@example.com"))
        wait_until(lambda: program.at_rcpt("<fresh@example.com>") == "continue", RELOAD_LIMIT, "the repaired table")


@case("an open message keeps its snapshot to its end")
def open_message():
    with Program(quota=quota) as program, program.session() as session:
        session.mail()
        equal("before", str(session.rcpt("<pair@example.com>")), "continue")
        # pair@ becomes healthy and fresh@ appears, for others.
        table = VOLUME["postfix-virtual.cf"].replace("pair@example.com full@example.com,ok@example.com",
                                                     "pair@example.com ok@example.com")
        program.write_volume("postfix-virtual.cf", table + "fresh@example.com ok@example.com\n")
        wait_until(lambda: program.at_rcpt("<fresh@example.com>") == "continue", RELOAD_LIMIT, "fresh@ is known")
        equal("this message", str(session.rcpt("<fresh@example.com>"))[:3], "550")
        session.data()
        reply, _ = session.content()
        equal("plan of the old table", [edit.kind for edit in reply.edits if "rcpt" in edit.kind],
              ["delrcpt", "addrcpt_par"])
        session.abort()
        outcome = session.transaction(["<pair@example.com>", "<fresh@example.com>"])
        equal("the next message", str(outcome), "mail=continue; rcpt=continue; rcpt=continue; message=continue")
        equal("needs no edits", [edit.kind for edit in outcome.edits if "rcpt" in edit.kind], [])
        session.quit()


@case("a removed file, a removed volume: the last good directory stays")
def volume_removed():
    with Program(quota=quota) as program:
        position = program.log_position
        program.volume.rename(program.directory / "elsewhere")
        program.reload()
        program.wait_log(r"volume|postfix-accounts", after=position, limit=RELOAD_LIMIT)
        equal("still known", program.at_rcpt("<basic@example.com>"), FULL)
        (program.directory / "elsewhere").rename(program.volume)
        program.write_volume("postfix-virtual.cf", with_alias("fresh@example.com ok@example.com"))
        program.reload()
        wait_until(lambda: program.at_rcpt("<fresh@example.com>") == "continue", RELOAD_LIMIT, "the volume is back")


run()
