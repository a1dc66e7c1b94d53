#!/usr/bin/env python3
"""Rules and configuration follow their files by themselves; what is broken changes nothing and is said once."""

import os
import signal

from cases import case, equal, holds, run
from program import SOURCE, Program, wait_until

SEEN_LIMIT = 8.0


def rule(text, name="probe", more=""):
    return f'''return {{
    name = "{name}", {more}
    settings = {{ word = {{ "text", "none", "a word" }} }},
    rcpt = function(session, message, recipient, settings)
        if recipient.address.local_part == "{name}" then
            return reject(550, "5.7.1", "{text} " .. settings.word)
        end
    end,
}}
'''


def says(program, name="probe"):
    return program.at_rcpt(f"<{name}@elsewhere.test>").removeprefix("550 5.7.1 ")


def see(program, want, change, name="probe"):
    """Make the change; the program must say `want` without being asked to reload, and log one line `rules_loaded`,
    which is returned."""
    position = program.log_position
    change()
    wait_until(lambda: says(program, name) == want, SEEN_LIMIT, f"the rule {name} says {want!r}")
    line = program.wait_log("rules_loaded", after=position, limit=SEEN_LIMIT)
    holds("rules_loaded", line, "\n".join(program.lines[position:]))
    return line


def in_place(path, text):
    """As `cat >` does, the inode stays."""
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


@case("a rule is changed by rename, in its place, deleted and created; the log says which")
def changed():
    with Program(rules={"probe": rule("one")}) as program:
        path = program.user_rules / "probe.lua"
        equal("before", says(program), "one none")
        line = see(program, "two none", lambda: program.write_rule("probe", rule("two")))
        holds("which", f"changed={path}" in line and "generation=2" in line, line)
        see(program, "three none", lambda: in_place(path, rule("three")))

        def create_anew():
            path.unlink()
            in_place(path, rule("four"))
        see(program, "four none", create_anew)


@case("a file that is written in pieces is read when it is whole")
def in_pieces():
    with Program(rules={"probe": rule("one")}) as program:
        position = program.log_position
        text = rule("two")
        with open(program.user_rules / "probe.lua", "w", encoding="utf-8") as file:
            for at in range(0, len(text), 40):
                file.write(text[at:at + 40])
                file.flush()
                program.wait_log("rules_", after=position, limit=0.1)
        wait_until(lambda: says(program) == "two none", SEEN_LIMIT, "the whole file")
        lines = [line for line in program.lines[position:] if "rules_" in line]
        equal("one load, no complaint", [line.split()[1] for line in lines], ["rules_loaded"])


@case("a file that appears wins over the shipped one, and gives way when it is removed")
def added():
    own = 'return { name = "recipient", rcpt = function() return reject(550, "5.7.1", "mine") end }\n'
    with Program() as program:
        equal("the shipped rule", program.at_rcpt("<nobody@example.com>")[:9], "550 5.1.1")
        position = program.log_position
        program.write_rule("recipient", own)
        wait_until(lambda: program.at_rcpt("<nobody@example.com>") == "550 5.7.1 mine", SEEN_LIMIT, "it wins")
        line = program.wait_log("rules_loaded", after=position)
        holds("which", f"changed={program.user_rules}/recipient.lua" in line, line)
        position = program.log_position
        (program.user_rules / "recipient.lua").unlink()
        wait_until(lambda: program.at_rcpt("<nobody@example.com>")[:9] == "550 5.1.1", SEEN_LIMIT, "the shipped one")
        line = program.wait_log("rules_loaded", after=position)
        holds("which", f"changed={SOURCE}/rules/recipient.lua" in line, line)


@case("foregate.conf: settings, rules that come and go; what needs a restart is named")
def configuration():
    with Program(rules={"probe": rule("one")}) as program:
        shipped = program.options["rules"]

        def set_option(name, value):
            program.options[name] = value
            program.write_config()
        line = see(program, "one changed", lambda: set_option("probe.word", "changed"))
        holds("which", 'settings=probe.word' in line and "changed=" not in line, line)

        # A rule that is not there yet is looked for until it is.
        position = program.log_position
        set_option("rules", shipped + " other")
        holds("it is missing", program.wait_log(r"rules_kept.*other\.lua", after=position, limit=SEEN_LIMIT), program.log)
        line = see(program, "two none", lambda: program.write_rule("other", rule("two", "other")), "other")
        holds("which", f"added={program.user_rules}/other.lua" in line and "settings=rules" in line, line)
        position = program.log_position
        program.options.update({"quota.timeout": "2s", "trusted_networks": "192.0.2.0/24"})
        set_option("rules", shipped)
        line = program.wait_log("rules_loaded", after=position, limit=SEEN_LIMIT)
        holds("which", f"removed={program.user_rules}/other.lua" in line and "settings=rules" in line, line)
        line = program.wait_log("restart_needed", after=position, limit=SEEN_LIMIT)
        holds("a restart", line and "trusted_networks quota.timeout: changed, takes effect with a restart" in line, line)
        position = program.log_position
        set_option("probe.word", "again")
        holds("loaded", program.wait_log("rules_loaded", after=position, limit=SEEN_LIMIT), program.log)
        holds("not said again", not program.wait_log("restart_needed", after=position, limit=0.3), program.log)


@case("what is broken is said once, keeps the old rules, and is mended without a word more")
def broken():
    with Program(rules={"probe": rule("good")}) as program:
        position = program.log_position
        program.write_rule("probe", "return { name = ")
        holds("said", program.wait_log(r"error rules_kept.*probe\.lua:1", after=position, limit=SEEN_LIMIT), program.log)
        equal("the old rule", says(program), "good none")
        # Two further looks at all files.
        program.write_volume("postfix-virtual.cf", "some@example.com ok@example.com\n")
        holds("time goes on", program.wait_log("directory_loaded", after=position, limit=SEEN_LIMIT), program.log)
        equal("said once", sum("rules_kept" in line for line in program.lines[position:]), 1)
        see(program, "mended none", lambda: program.write_rule("probe", rule("mended")))

        position = program.log_position
        in_place(program.config, program.config.read_text(encoding="utf-8") + "no assignment\n")
        holds("the configuration", program.wait_log(r"rules_kept.*foregate\.conf:\d+: this is no assignment",
                                                    after=position, limit=SEEN_LIMIT), program.log)
        see(program, "mended none", program.write_config)


@case("mode: rules and rewriting change together, and not in the middle of a message")
def mode():
    with Program(options={"mode": "shadow", "rewrite.alias": "expand", "reload.watch": "no"}) as program:
        def plan(session):
            session.data()
            return [edit.kind for edit in session.content()[0].edits if "rcpt" in edit.kind]

        with program.session() as session:
            session.mail()
            session.rcpt("<fine@example.com>")
            program.options["mode"] = "enforce"
            program.write_config()
            equal("taken over", program.ask_reload()[0], 0)
            equal("begun in shadow mode", plan(session), [])
            session.mail()
            session.rcpt("<fine@example.com>")
            equal("begun behind it", plan(session), ["delrcpt", "addrcpt_par"])
            session.quit()


@case("a message under way keeps its generation, the next one has the new")
def under_way():
    with Program(rules={"probe": rule("old")}) as program, program.session() as session:
        session.mail()
        see(program, "new none", lambda: program.write_rule("probe", rule("new")))
        equal("this message", str(session.rcpt("<probe@elsewhere.test>")), "550 5.7.1 old none")
        session.abort()
        session.mail()
        equal("the next", str(session.rcpt("<probe@elsewhere.test>")), "550 5.7.1 new none")
        session.quit()


@case("reload.watch = no: only when asked; and the option itself follows a reload")
def not_watched():
    with Program(rules={"probe": rule("one")}, options={"reload.watch": "no"}) as program:
        position = program.log_position
        program.write_rule("probe", rule("two"))
        program.write_volume("postfix-virtual.cf", "some@example.com ok@example.com\n")
        holds("the directory is", program.wait_log("directory_loaded", after=position, limit=SEEN_LIMIT), program.log)
        equal("the rule is not", says(program), "one none")
        program.signal(signal.SIGUSR1)
        wait_until(lambda: says(program) == "two none", SEEN_LIMIT, "the rule after SIGUSR1")
        program.options["reload.watch"] = "yes"
        program.write_config()
        program.signal(signal.SIGUSR1)
        holds("watched now", program.wait_log("settings=reload.watch", after=position, limit=SEEN_LIMIT), program.log)
        see(program, "three none", lambda: program.write_rule("probe", rule("three")))


@case("a folder that is a link to another one, as configuration maps are mounted")
def linked():
    with Program(rules={"probe": rule("one")}) as program:
        for name, text in (("first", "linked"), ("second", "switched")):
            (program.directory / name).mkdir()
            in_place(program.directory / name / "probe.lua", rule(text))
        link = program.directory / "maps"
        link.symlink_to("first")
        program.options["rules.path"] += f" {link}"
        see(program, "linked none", program.write_config)

        def switch():
            fresh = program.directory / "fresh"
            fresh.symlink_to("second")
            os.replace(fresh, link)
        see(program, "switched none", switch)


run()
