#!/usr/bin/env python3
"""The manuals against the program (the one named by FOREGATE, else build/dev/foregate): examples are run, tables compared,
links and paths looked up. tests/README.md says which blocks and tables are understood."""

import configparser
import importlib.machinery
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[2]
PROGRAM = str(Path(os.environ.get("FOREGATE") or SOURCE / "build/dev/foregate").resolve())
LIMIT = 60

sys.path.insert(0, str(SOURCE / "tests/milter"))
from driver import Milter  # noqa: E402
from fake_dns import FakeDns  # noqa: E402
from fake_http import FakeHttp, Reply  # noqa: E402
from fake_quota import FULL, FakeQuota, NoSizeAbove  # noqa: E402
from program import Program, wait_until  # noqa: E402

SHIPPED = "subaddress alias recipient quota spoof"
ROOT_NAMES = ("milter", "lua", "rules", "tests", "deploy", ".ci")
WRONG = ("broken", "slips", "wrong")  # examples of what fails
ADMIN_PATH = "/usr/sbin:/sbin"  # postconf lives there, and is not on everybody's PATH


class Block:
    def __init__(self, path, line, words, text):
        self.path, self.line, self.words, self.text = path, line, words, text

    def __str__(self):
        return f"{self.path.relative_to(SOURCE)}:{self.line}"


class Document:
    """Fenced blocks, tables and the prose outside of blocks."""

    def __init__(self, path):
        self.path = path
        self.blocks, self.tables, prose = [], [], []
        block, table = None, None
        for number, line in enumerate(path.read_text().splitlines(), 1):
            if block:
                if line.startswith("```"):
                    self.blocks.append(block)
                    block = None
                else:
                    block.text += line + "\n"
            elif line.startswith("```"):
                block = Block(path, number, line[3:].split(), "")
            else:
                prose.append(line)
                table = self._table_line(table, number, line)
        self.prose = "\n".join(prose)
        if block:
            raise AssertionError(f"{block}: the block has no end")

    def _table_line(self, table, number, line):
        if not line.startswith("|"):
            return None
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        if table is None:
            table = []
            self.tables.append(table)
        if not all(re.fullmatch(r":?-+:?", cell) for cell in cells):
            table.append((number, cells))
        return table


def documents():
    listed = [path for path in sorted(SOURCE.rglob("*.md"))
              if path.relative_to(SOURCE).parts[0] not in ("build", ".git")]
    return [Document(path) for path in listed]


DOCUMENTS = documents()


def blocks(kind):
    return [block for document in DOCUMENTS for block in document.blocks if block.words[:1] == [kind]]


def tables(*heads):
    """(document, head, rows) of the tables whose first cell is one of these words."""
    for document in DOCUMENTS:
        for table in document.tables:
            head = table[0][1][0].strip("`")
            if head in heads:
                yield document, head, table[1:]


def rules():
    return [block for block in blocks("lua") if block.words[1:2] == ["rule"]]


def code_spans(text):
    return re.findall(r"`([^`]+)`", text)


class Workplace:
    """A folder with the example volume, the rules of the manuals, a quota service, a name server, an HTTP server, and
    `foregate` on the path."""

    def __init__(self):
        self.folder = Path(tempfile.mkdtemp(prefix="foregate-docs-"))
        self.volume = self.folder / "volume"
        shutil.copytree(SOURCE / "deploy/example", self.volume)
        self.rules = self.folder / "rules"
        self.rules.mkdir()
        self.play = self.folder / "play"
        self.play.mkdir()
        (self.folder / "bin").mkdir()
        (self.folder / "bin/foregate").symlink_to(PROGRAM)
        # The example has mistakes in it, to be found.
        self.sound = self.folder / "sound"
        self.sound.mkdir()
        shutil.copy(self.volume / "postfix-accounts.cf", self.sound)
        for block in blocks("lua"):
            if block.words[1:2] == ["rule"]:
                (self.rules / f"{block.words[2]}.lua").write_text(block.text)
            elif block.words[1:2] == ["auth"]:
                (self.play / f"{block.words[2]}.lua").write_text(block.text)
            elif block.words[1:2] == ["test"]:
                (self.play / f"{block.words[2]}_test.lua").write_text(block.text)
        self.quota = FakeQuota()
        self.quota.answers["full@example.com"] = FULL
        self.quota.answers["nearly@example.com"] = NoSizeAbove(11000)
        self.dns = FakeDns()
        self.dns.answers["nomail.test", "mx"] = [(0, ".")]
        self.dns.answers["nomail.test", "a"] = ["192.0.2.80"]
        self.http = FakeHttp()
        self.http.answers["/sender"] = Reply(403, b"sends spam")
        self.environment = {
            "PATH": f"{self.folder / 'bin'}:{os.environ['PATH']}:{ADMIN_PATH}",
            "FOREGATE_RULES_PATH": f"{SOURCE / 'rules'} {self.rules}",
            "FOREGATE_LUA_PATH": str(SOURCE / "lua"),
            "FOREGATE_DMS_VOLUME": str(self.volume),
            "FOREGATE_HOSTNAME": "mail.example.com",
            "FOREGATE_QUOTA_SERVICE": self.quota.service,
            "FOREGATE_DNS_SERVERS": self.dns.server,
            **{name: os.environ[name] for name in os.environ if name.endswith("SAN_OPTIONS")},
        }
        # Not the file of this machine.
        self.config = self.folder / "foregate.conf"
        self.config.write_text("")
        self.record()

    def record(self):
        """The file `record` in the folder of the consoles: two messages, as `run` records them."""
        address = f"unix:{self.folder / 'milter'}"

        def answers():
            try:
                Milter(address).quit()
                return True
            except OSError:
                return False

        gateway = subprocess.Popen(
            [PROGRAM, "-c", str(self.config), "-o", f"listen={address}", "-o", "rules=alias recipient quota",
             "-o", f"record={self.play}/record", "-o", "control=", "run"],
            stderr=subprocess.DEVNULL, env=self.environment)
        try:
            wait_until(answers, LIMIT, "a gateway to record")
            session = Milter(address).open()
            for recipient in ("<alice+shop@example.com>", "<bob@example.com>"):
                session.transaction([recipient], sender="<a@ext.test>")
            session.quit()
        finally:
            gateway.terminate()
            gateway.wait(LIMIT)

    def run(self, *command, without=(), rules=None):
        """rules: those of the manuals that are there, when not all."""
        environment = {name: value for name, value in self.environment.items()
                       if name.removeprefix("FOREGATE_") not in without}
        if rules is not None:
            folder = Path(tempfile.mkdtemp(dir=self.folder)) / "rules"
            folder.mkdir()
            for name in rules:
                if (self.rules / f"{name}.lua").exists():
                    shutil.copy(self.rules / f"{name}.lua", folder)
            environment["FOREGATE_RULES_PATH"] = f"{SOURCE / 'rules'} {folder}"
        return subprocess.run(command, capture_output=True, text=True, errors="replace", cwd=self.play, timeout=LIMIT,
                              env=environment, stdin=subprocess.DEVNULL, check=False)

    def foregate(self, *arguments):
        return self.run(PROGRAM, "-c", str(self.config), *arguments)

    def close(self):
        self.quota.stop()
        self.dns.stop()
        self.http.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


class Case(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        if not os.access(PROGRAM, os.X_OK):
            raise AssertionError(f"{PROGRAM} is missing: build it, or set FOREGATE")
        cls.place = Workplace()
        cls.addClassCleanup(cls.place.close)

    def options(self, rules=SHIPPED):
        result = self.place.foregate("-o", f"rules={rules}", "config", "--json")
        self.assertEqual(result.returncode, 0, result.stderr)
        return {option["name"]: option for option in json.loads(result.stdout)["options"]}


class Blocks(Case):
    def test_every_block_is_of_a_known_kind(self):
        known = {"lua", "console", "log", "sh", "main.cf", "dovecot.cf", "foregate.conf", "layers"}
        for document in DOCUMENTS:
            for block in document.blocks:
                with self.subTest(str(block)):
                    self.assertIn((block.words or ["nothing"])[0], known)

    def test_rules_load(self):
        found = rules()
        self.assertGreater(len(found), 5)
        for block in blocks("lua"):
            self.assertIn(block.words[1:2], (["rule"], ["test"], ["auth"]),
                          f"{block}: an example is a whole file: ```lua rule NAME, ```lua test NAME, ```lua auth NAME")
        names = [tuple(block.words[1:3]) for block in blocks("lua")]
        self.assertEqual(len(names), len(set(names)), names)
        for block in found:
            with self.subTest(str(block)):
                name = block.words[2]
                result = self.place.run(PROGRAM, "-c", str(self.place.config), "-o", f"dms.volume={self.place.sound}", "-o",
                                        f"rules={SHIPPED} {name}", "check", rules=[name])
                self.assertEqual((result.returncode, result.stderr), (1 if name in WRONG else 0, ""), result.stdout)
                self.assertEqual(".lua" in result.stdout, name in WRONG, result.stdout)

    def test_all_rules_run_together(self):
        """Each handler of each example once; those that show a failure are left out."""
        names = [block.words[2] for block in rules() if block.words[2] not in WRONG]
        message = self.place.play / "together.eml"
        message.write_text("From: alice@example.com\nSubject: x\n\nx\n")
        result = self.place.foregate(
            "-o", f"rules={SHIPPED} {' '.join(names)}", "explain", "--json", "--login", "alice@example.com", "--from",
            "alice@example.com", "--rcpt", "sales@example.com", "--rcpt", "bob+x@example.com", "--message", str(message))
        self.assertEqual((result.returncode, result.stderr), (0, ""), result.stdout)
        ran = {event["rule"] for event in json.loads(result.stdout)["events"]}
        self.assertEqual(set(names) - ran, set())

    def test_configurations(self):
        texts = [(str(block), block.text, block.words[2:3] if block.words[1:2] == ["rule"] else [])
                 for block in blocks("foregate.conf")]
        path = SOURCE / "deploy/dms/foregate.conf"
        texts.append((str(path), path.read_text(), []))
        # Options that are commented out are meant to be used as well.
        texts.append((f"{path}, uncommented", re.sub(r"(?m)^#(?=[a-z])", "", path.read_text()), []))
        file = self.place.folder / "tried.conf"
        for name, text, rules in texts:
            with self.subTest(name):
                file.write_text(text)
                result = self.place.run(PROGRAM, "-c", str(file), "config", "--json", without=("HOSTNAME", "QUOTA_SERVICE"))
                self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
                used = {option["name"] for option in json.loads(result.stdout)["options"]
                        if option["origin"].startswith(str(file))}
                self.assertEqual(used, set(re.findall(r"(?m)^([a-z][\w.]*) = ", text)))
                self.assertTrue(all(any(name.startswith(rule + ".") for name in used) for rule in rules))
                result = self.place.run(PROGRAM, "-c", str(file), "-o", f"dms.volume={self.place.sound}", "check")
                self.assertEqual(result.returncode, 0, result.stdout + result.stderr)

    def test_rule_tests_pass(self):
        """And leave out no line of the rule that they are named after."""
        found = [block.words[2] for block in blocks("lua") if block.words[1] == "test" and block.words[2] not in WRONG]
        self.assertGreater(len(found), 5)
        result = self.place.foregate("test", "--coverage", *(f"{name}_test.lua" for name in found))
        self.assertEqual((result.returncode, result.stderr), (0, ""), result.stdout)
        for name in found:
            self.assertRegex(result.stdout, rf"(?m)^# coverage \S+/{name}\.lua: (\d+) of \1 lines$")

    def test_consoles(self):
        found = [block for block in blocks("console") if block.words[1:] != ["running"]]
        self.assertGreater(len(found), 5)
        for block in found:
            for command, want in commands(block.text):
                with self.subTest(f"{block}: {command}"):
                    self.assertRegex(command, r"^(foregate|printf|echo|cat) ")
                    # -c: not the configuration of this machine.
                    line = re.sub(r"\bforegate ", f"foregate -c {self.place.config} ", command)
                    line = line.replace("http://vetting.example.com/", self.place.http.url + "/")
                    named = re.search(r"\brules=([^\"]*)\"? .*\bcheck\b", command) if " check" in command else None
                    rules = named.group(1).split() if named else [] if " check" in command else None
                    result = self.place.run("bash", "-c", line + " 2>&1" * ("2>" not in line), rules=rules)
                    self.assertTrue(matches(want, result.stdout), f"got\n{result.stdout}\nwant\n{want}")

    def test_layers(self):
        path = SOURCE / "tests/check_layers"
        loader = importlib.machinery.SourceFileLoader("check_layers", str(path))
        layers = importlib.util.module_from_spec(importlib.util.spec_from_loader("check_layers", loader))
        loader.exec_module(layers)
        found = blocks("layers")
        self.assertEqual(len(found), 1)
        told = {}
        for line in found[0].text.splitlines():
            room, _, rooms = line.partition("->")
            told[room.strip()] = {name.strip() for name in rooms.split(",") if name.strip()}
        self.assertEqual(told, {room: set(rooms) for room, rooms in layers.ALLOWED.items()})


class FirstRule(unittest.TestCase):
    """What the manual tells to do, in its order, beside a running program."""

    RULE = "leaked"

    def test_from_nothing_to_the_log(self):
        quota = FakeQuota()
        self.addCleanup(quota.stop)
        found = {tuple(block.words): block.text for kind in ("lua", "foregate.conf", "log") for block in blocks(kind)}
        with Program(quota=quota, options={"reload.watch": "no"}) as program:
            program.write_rule(self.RULE, found["lua", "rule", self.RULE])
            program.write_rule(f"{self.RULE}_test", found["lua", "test", self.RULE])
            tried = [block for block in blocks("console") if block.words[1:] == ["running"]]
            self.assertEqual(len(tried), 3)
            self.follow(program, tried.pop(0))
            program.options.update(re.findall(r"(?m)^([a-z.]+) = (.+)$", found["foregate.conf", "rule", self.RULE]))
            program.write_config()
            for block in tried:
                self.follow(program, block)
            self.assertEqual(program.at_rcpt("<alice+shop@example.com>"), "continue")
            line = program.wait_log(f"decision rule={self.RULE} ")
            self.assertTrue(matches(found["log", "running"].rstrip("\n"), line or ""), line)
            del program.options[f"{self.RULE}.mode"]
            program.write_config()
            self.assertEqual(program.ask_reload()[0], 0)
            self.assertEqual(program.at_rcpt("<alice+shop@example.com>"), "550 5.1.6 This address is no longer used")

    def follow(self, program, block):
        for command, want in commands(block.text):
            words = command.split()
            self.assertEqual(words[0], "foregate")
            result = subprocess.run([PROGRAM, "-c", str(program.config), *words[1:]], capture_output=True, text=True,
                                    cwd=program.user_rules, env=program.environment(), timeout=LIMIT, check=False)
            self.assertTrue(matches(want, result.stdout), f"{block}: got\n{result.stdout}{result.stderr}\nwant\n{want}")


def commands(text):
    """[(command, output)] of a console block."""
    found = []
    for line in text.splitlines():
        if line.startswith("$ "):
            found.append((line[2:], []))
        elif found and found[-1][0].endswith("\\") and not found[-1][1]:
            found[-1] = (found[-1][0][:-1] + line.strip(), [])
        else:
            found[-1][1].append(line)
    return [(command, "\n".join(lines)) for command, lines in found]


def matches(want, got):
    """`...` is any text; on a line of its own, any lines."""
    pattern = ""
    for line in want.rstrip("\n").split("\n"):
        if line == "...":
            pattern += r"(?:[^\n]*\n)*"
        else:
            pattern += "[^\n]*".join(re.escape(part) for part in line.split("...")) + r"\n"
    return re.fullmatch(pattern, got.rstrip("\n") + "\n") is not None


def default_of(cell):
    """A default as a table shows it; None: words that stand for one."""
    spans = code_spans(cell)
    return spans[0] if len(spans) == 1 and cell == f"`{spans[0]}`" else "" if cell == "" else None


class Tables(Case):
    # Defaults that depend on the host.
    DERIVED = {"hostname", "myorigin", "mydestination"}

    def test_options(self):
        options = self.options()
        told = {}
        for document, _, rows in tables("Setting", "Option"):
            for line, (name, kind, default, *_) in rows:
                place = f"{document.path.relative_to(SOURCE)}:{line}"
                for name in code_spans(name):
                    with self.subTest(f"{place}: {name}"):
                        self.assertNotIn(name, told, f"told twice, see {told.get(name)}")
                        told[name] = place
                        self.check_option(options, name, kind, default)
        # Told once, as RULE.mode and RULE.on_error.
        common = {f"{rule}.{field}" for rule in SHIPPED.split() for field in ("mode", "on_error")}
        self.assertEqual(set(options) - set(told) - common, set(), "not in any table")

    def check_option(self, options, name, kind, default):
        option = options.get(name.replace("RULE.", "quota."))
        self.assertIsNotNone(option, "there is no such option")
        self.assertEqual(kind.split(":")[0], option["type"])
        if option["type"] == "choice":
            self.assertEqual(" ".join(code_spans(kind)), option["accepts"].removeprefix("one of: "))
        if name in self.DERIVED or name.startswith("RULE."):
            return
        real = re.sub(r"\S+(?=/share/foregate)", "PREFIX", option["default"] or "")
        self.assertEqual(default_of(default), real)

    def test_what_a_rule_sees(self):
        """A rule reads every field and calls type() on every function that is told."""
        objects = {"session": "session", "message": "message", "recipient": "recipient", "address": "recipient.address"}
        lines = []
        for _, head, rows in tables(*objects):
            for _, (names, *_) in rows:
                for span in code_spans(names):
                    field = re.match(r"\w+", span).group()
                    kind = "function" if "(" in span else "value"
                    lines.append(f"see({objects[head]}, {field!r}, {kind!r})")
        for _, _, rows in tables("Edit"):
            for _, (name, *_) in rows:
                thing, field = re.match(r"`(\w+):(\w+)\(", name).groups()
                lines.append(f"see({thing}, {field!r}, 'function')")
        self.assertGreater(len(lines), 40)
        for _, _, rows in tables("Function", "Verdict"):
            for _, (names, *_) in rows:
                for span in code_spans(names):
                    lines.append(f"assert(type({span.partition('(')[0]}) == 'function', {span!r})")
        for _, _, rows in tables("Global"):
            for _, (names, members) in rows:
                for name in code_spans(names):
                    lines.append(f"assert({name} ~= nil)")
                    for member in (code_spans(members) or [""])[0].split():
                        lines.append(f"assert({name}.{member} ~= nil, '{name}.{member}')")
        self.try_rule("seen", """
            local function see(object, field, kind)
                local value = object[field]
                assert((type(value) == "function") == (kind == "function"), field)
            end
        """, lines)

    def test_what_is_not_there(self):
        for name in ("os", "io", "debug", "load", "require", "coroutine", "print", "setmetatable"):
            with self.subTest(name):
                self.try_rule("unseen", "", [f"assert(not pcall(function() return {name} end))"])

    def try_rule(self, name, head, lines):
        body = "\n".join(lines)
        (self.place.rules / f"{name}.lua").write_text(
            f"{head}\nreturn {{ name = '{name}', rcpt = function(session, message, recipient)\n{body}\nend }}\n")
        result = self.place.foregate("-o", f"rules=alias {name}", "explain", "--rcpt", "alice@example.com")
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)

    def test_what_a_test_sees(self):
        """Each name that is told exists: others raise an error."""
        names = [span.partition("{")[0].partition("(")[0].partition("[")[0].partition(" ")[0].replace(":", ".")
                 for _, _, found in tables("t", "s") for _, (cell, *_) in found for span in code_spans(cell)]
        self.assertGreater(len(names), 20)
        reads = "\n".join(f'assert({name}, "{name}")' for name in names)
        (self.place.play / "seen_test.lua").write_text(
            f'test("seen", function(t) local s = t.session{{}} local v = s:mail("")\n{reads}\n'
            'assert(v.is and v.plan and v.kind and v.code) assert(equal and matches and print) end)')
        result = self.place.foregate("test", "seen_test.lua")
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)

    def test_errors_are_those_of_the_source(self):
        source = "".join(path.read_text() for folder, kind in (("milter/script", "*.c"), ("milter/mail", "*.c"), ("lua", "*.lua"))
                         for path in (SOURCE / folder).glob(kind))
        told = [span for _, _, rows in tables("Error") for _, (names, *_) in rows for span in code_spans(names)]
        self.assertGreater(len(told), 10)
        self.assertEqual([text for text in told if text not in source], [])

    def test_handlers(self):
        """The handlers that are told are those a rule may have, with as many arguments."""
        told = {}
        for _, _, rows in tables("Handler"):
            for _, (signature, *_) in rows:
                name, arguments = re.match(r"`(\w+)\((.*)\)`", signature).groups()
                told[name] = len(arguments.split(","))
        self.assertEqual(len(told), 7)
        handlers = ",\n".join(f"{name} = function(...) if select('#', ...) ~= {count} then error('{name}') end end"
                              for name, count in told.items())
        (self.place.rules / "counted.lua").write_text(f"return {{ name = 'counted',\n{handlers} }}\n")
        message = self.place.play / "counted.eml"
        message.write_text("From: a@b.test\n\nx\n")
        result = self.place.foregate("-o", "rules=counted", "explain", "--json", "--rcpt", "alice@example.com", "--message",
                                     str(message))
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        self.assertEqual({event["stage"] for event in json.loads(result.stdout)["events"]}, set(told))

    def test_setting_types(self):
        told = {code_spans(name)[0] for _, _, rows in tables("Type") for _, (name, *_) in rows}
        text = (SOURCE / "milter/base/config_value.c").read_text()
        names = re.search(r"type_names\[\] = \{(.*?)\};", text, re.DOTALL).group(1)
        self.assertEqual(told, set(re.findall(r'"(\w+)"', names)))

    def test_counters_and_events(self):
        told = {code_spans(name)[0] for _, _, rows in tables("Counter") for _, (name, *_) in rows}
        text = (SOURCE / "milter/base/counter.c").read_text()
        self.assertEqual(told, set(re.findall(r'= "(\w+)"', text)))
        source = "".join(path.read_text() for path in (SOURCE / "milter").rglob("*.c"))
        events = {code_spans(name)[0] for _, _, rows in tables("Event") for _, (name, *_) in rows}
        logged = set(re.findall(r'log_begin\(&line, \w+, "(\w+)"', source))
        logged |= set(re.findall(r'log_message\(\s*[^";]*?"(\w+)"', source))
        changes = re.findall(r'log_change\(breaker, "(\w+)"', source)
        logged |= {f"{what}_{change}" for what in re.findall(r'breaker_init\([^;"]*"(\w+)"', source) for change in changes}
        self.assertEqual(events, logged)


class Findings(unittest.TestCase):
    """The codes that `foregate check` can print, with their severities, as they stand in the source."""

    CALLS = (r'\b(finding_add|finding_add_format|fail|complain|warn|ldap_settings_warn|break_setting|fault->code =)'
             r'[\s(]([^;"]*?)"([a-z-]+)"')

    def codes(self, *patterns):
        found = {}
        for path in (path for pattern in patterns for path in sorted((SOURCE / "milter").glob(pattern))):
            for call, between, code in re.findall(self.CALLS, path.read_text()):
                severities = {word.lower() for word in re.findall(r"FINDING_(ERROR|WARNING)", between)}
                found.setdefault(code, set()).update(severities or {"warning" if call.endswith("warn") else "error"})
        return found

    def test_told_once_with_severity(self):
        told = {}
        for document, _, rows in tables("Finding"):
            for line, (names, severity, *_) in rows:
                for code in code_spans(names):
                    self.assertNotIn(code, told, f"{document.path.relative_to(SOURCE)}:{line}")
                    told[code] = set(severity.split(", "))
        found = self.codes("directory/*.c", "command/check*.c", "base/config_*.c", "script/lint*.c", "authscript/lint.c",
                           "ldap/*.c")
        of_rules = (SOURCE / "lua/lint/report.lua").read_text()
        for code, severities in re.findall(r'\["([a-z-]+)"\] = "([a-z, ]+)"', of_rules):
            found[code] = set(severities.split(", "))
        self.assertEqual(told, found)

    def test_each_has_a_case(self):
        cases = (SOURCE / "tests/unit/data/lint.cases").read_text()
        in_c = (SOURCE / "tests/unit/test_lint.c").read_text()
        tried = set(re.findall(r"(?m)^finding: ([a-z-]+) ", cases)) | set(re.findall(r'"([a-z-]+)", &found', in_c))
        self.assertEqual(set(self.codes("directory/*.c")) - tried, set())


class Servers(Case):
    """What is given to Postfix, Dovecot and systemd."""

    DMS_MAIN_CF = """\
milter_default_action = accept
dkim_milter = inet:localhost:8891
dmarc_milter = inet:localhost:8893
rspamd_milter = inet:localhost:11332
smtpd_milters = $dkim_milter $dmarc_milter
"""

    def program(self, name):
        found = shutil.which(name, path=self.place.environment["PATH"])
        self.assertIsNotNone(found, f"{name} is not here: tests/run installs it")
        return found

    def test_postfix(self):
        shipped = SOURCE / "deploy/dms/postfix-main.cf"
        texts = [(str(block), block.text) for block in blocks("main.cf")] + [(str(shipped), shipped.read_text())]
        self.assertGreater(len(texts), 2)
        folder = self.place.folder / "postfix"
        folder.mkdir(exist_ok=True)
        for name, text in texts:
            with self.subTest(name):
                listener = "    -o smtpd_milters=$gateway_milters\n" if "gateway_milters" in text else ""
                (folder / "master.cf").write_text("smtp inet n - n - - smtpd\n" + listener)
                (folder / "main.cf").write_text(self.DMS_MAIN_CF + text)
                os.utime(folder / "main.cf", (0, 0))  # Postfix waits until a file is no longer fresh
                postconf = self.program("postconf")
                result = self.place.run(postconf, "-c", str(folder), "-n")
                # A later line replaces an earlier one, which is what is meant; DMS's own names need no use.
                errors = [line for line in result.stderr.splitlines()
                          if not re.search(r"overriding earlier entry|unused parameter: (dkim|dmarc|rspamd)_milter=", line)]
                self.assertEqual((result.returncode, errors), (0, []))
                result = self.place.run(postconf, "-c", str(folder), "-x",
                                        "gateway_milters" if "gateway_milters" in text else "smtpd_milters")
                value = result.stdout.partition(" = ")[2].strip()
                milters = re.findall(r"\{[^}]*\}|[^\s,]+", value)
                self.assertRegex(milters[0], r"^\{ (inet:foregate:8899|unix:/\S+), default_action=tempfail\b")

    def test_dovecot(self):
        shipped = SOURCE / "deploy/dms/dovecot.cf"
        texts = [(str(block), block.text) for block in blocks("dovecot.cf")] + [(str(shipped), shipped.read_text())]
        file = self.place.folder / "dovecot.conf"
        for name, text in texts:
            with self.subTest(name):
                file.write_text("protocols =\nssl = no\nservice quota-status {\n  executable = quota-status -p postfix\n"
                                "  inet_listener {\n    address = 127.0.0.1\n    port = 65265\n  }\n}\n" + text)
                service = re.search(r"(?m)^service (\S+) \{", text)[1]
                result = self.place.run(self.program("doveconf"), "-c", str(file), f"service/{service}")
                self.assertEqual((result.returncode, result.stderr), (0, ""))
                for word in {"quota-status": ("port = 65265", "port = 12340"),
                             "auth": ("unix_listener auth-userdb {", "unix_listener auth-foregate-userdb {", "mode = 0600")}[service]:
                    self.assertIn(word, result.stdout)

    def test_unit(self):
        unit = configparser.RawConfigParser(strict=False)
        unit.optionxform = str
        unit.read(SOURCE / "deploy/systemd/foregate.service")
        service = unit["Service"]
        self.assertEqual(service["ExecReload"], "/usr/local/sbin/foregate reload")
        self.assertEqual(service["RuntimeDirectory"], "foregate")
        self.assertNotIn("HUP", "".join(service.values()))
        self.assertGreater(int(service["TimeoutStopSec"]), 30)
        self.assertEqual(service["ExecStart"], "/usr/local/sbin/foregate run")

    def test_ports_and_names_agree(self):
        texts = {name: (SOURCE / "deploy/dms" / name).read_text()
                 for name in ("postfix-main.cf", "foregate.conf", "dovecot.cf", "compose.yaml", "Dockerfile")}
        self.assertIn("inet:foregate:8899", texts["postfix-main.cf"])
        self.assertIn("listen = inet:8899@0.0.0.0", texts["foregate.conf"])
        self.assertIn("quota.service = inet:mailserver:12340", texts["foregate.conf"])
        self.assertIn("port = 12340", texts["dovecot.cf"])
        for service in ("mailserver:", "foregate:"):
            self.assertIn(f"\n  {service}\n", texts["compose.yaml"])
        for name in re.findall(r"(?m)^COPY (?!--from)(.*) \S+$", texts["Dockerfile"]):
            for path in name.split():
                self.assertTrue((SOURCE / path).exists(), path)


class Paths(unittest.TestCase):
    def test_links(self):
        for document in DOCUMENTS:
            for target in re.findall(r"\]\(([^)\s]+)\)", document.prose):
                if re.match(r"[a-z]+:", target):
                    continue
                path, _, anchor = target.partition("#")
                with self.subTest(f"{document.path.relative_to(SOURCE)}: {target}"):
                    file = (document.path.parent / path) if path else document.path
                    self.assertTrue(file.exists())
                    if anchor:
                        headings = re.findall(r"(?m)^#+ (.*)$", file.read_text())
                        self.assertIn(anchor, [slug(heading) for heading in headings])

    def test_paths(self):
        """Whatever begins like a path of this project is one. NAME, N and * stand for something."""
        for document in DOCUMENTS:
            spans = code_spans(document.prose)
            spans += [block.text for block in document.blocks if block.words[:1] == ["sh"]]
            spans += re.findall(r"(?m)^    .*$", document.prose)
            for span in spans:
                for word in re.findall(r"[\w./*-]+", span):
                    if word.split("/")[0] not in ROOT_NAMES or "/" not in word or re.search(r"[A-Z]{2}|\*", word):
                        continue
                    with self.subTest(f"{document.path.relative_to(SOURCE)}: {word}"):
                        near = [SOURCE / word, document.path.parent / word]
                        self.assertTrue(any(path.exists() for path in near))

    def test_presets(self):
        presets = json.loads((SOURCE / "CMakePresets.json").read_text())
        names = {preset["name"] for kind in ("configurePresets", "buildPresets", "testPresets") for preset in presets[kind]}
        for document in DOCUMENTS:
            for name in re.findall(r"--preset (\w+)", document.path.read_text()):
                with self.subTest(f"{document.path.relative_to(SOURCE)}: {name}"):
                    self.assertIn(name, names)


def slug(heading):
    """As GitHub makes an anchor."""
    text = re.sub(r"[^\w\- ]", "", heading.replace("`", "").lower())
    return text.replace(" ", "-")


if __name__ == "__main__":
    unittest.main()
