"""The commands of the real program (the one named by FOREGATE, else build/dev/foregate): usage, exit statuses,
where values come from, and what `resolve`, `check` and `config` print, as text and as JSON."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(SOURCE / "tests/milter"))

from fake_quota import CLOSE, FULL, GARBAGE, SILENCE, FakeQuota, NoSizeAbove  # noqa: E402

PROGRAM = os.environ.get("FOREGATE") or str(SOURCE / "build/dev/foregate")
LIMIT = 60

DMS_NAMES = ("ENABLE_QUOTAS", "SPOOF_PROTECTION", "POSTMASTER_ADDRESS", "ACCOUNT_PROVISIONER", "OVERRIDE_HOSTNAME")

VOLUME = {
    "postfix-accounts.cf": "alice@example.com|{SHA512-CRYPT}$6$x$x\nbob@example.com|{SHA512-CRYPT}$6$x$x\n",
    "postfix-virtual.cf": """\
team@example.com alice@example.com, someone@external.test
nested@example.com team@example.com
dangle@example.com nosuch@example.com
loop1@example.com loop2@example.com
loop2@example.com loop1@example.com
@catch.test bob@example.com
""",
    "postfix-regexp.cf": r"/^re[0-9]+@example\.com$/ bob@example.com" + "\n",
}


class CommandCase(unittest.TestCase):
    """A config volume and a configuration file in a folder of its own."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="foregate-commands-")
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.volume = self.folder / "volume"
        self.volume.mkdir()
        self.write_volume(VOLUME)
        self.config = self.folder / "foregate.conf"
        self.write_config("")

    def write_volume(self, files):
        for name, text in files.items():
            (self.volume / name).write_text(text)

    def write_config(self, text, dms_settings=None):
        lines = [f"dms.volume = {self.volume}", "hostname = mail.example.test", f"rules.path = {SOURCE / 'rules'}",
                 f"lua.path = {SOURCE / 'lua'}"]
        if dms_settings is not None:
            settings = self.folder / "dms-settings"
            settings.write_text(dms_settings)
            lines.append(f"dms.settings = {settings}")
        if "quota.service" not in text:
            lines.append("quota.service = inet:127.0.0.1:1")  # nobody, and not what this machine has
        # The text first: its line numbers are then the test's own.
        self.config.write_text(text + "".join(line + "\n" for line in lines))

    def run_program(self, *arguments, input=b"", environment=None, stdout=subprocess.PIPE):
        variables = {name: value for name, value in os.environ.items()
                     if not name.startswith("FOREGATE") and name not in DMS_NAMES}
        variables["FOREGATE_RULES_PATH"] = str(SOURCE / "rules")
        variables["FOREGATE_LUA_PATH"] = str(SOURCE / "lua")
        variables.update(environment or {})
        return subprocess.run([PROGRAM, *arguments], input=input, stdout=stdout, stderr=subprocess.PIPE,
                              env=variables, timeout=LIMIT, check=False)

    def foregate(self, *arguments, status=0, **options):
        """With our configuration; stdout as text. The status is checked."""
        result = self.run_program("-c", str(self.config), *arguments, **options)
        self.last_errors = result.stderr.decode(errors="replace")
        self.assertEqual(result.returncode, status, self.last_errors + str(result.stdout))
        return result.stdout.decode() if result.stdout is not None else ""

    def objects(self, *arguments, **options):
        return [json.loads(line) for line in self.foregate(*arguments, **options).splitlines()]


class Usage(CommandCase):
    def test_help_and_version(self):
        for arguments in (["--help"], ["-h"], ["--version"], ["-o", "mode=shadow", "--help"]):
            result = self.run_program(*arguments)
            self.assertEqual(result.returncode, 0, arguments)
            self.assertIn(b"oregate", result.stdout)
        for command in ("check", "resolve", "config"):
            text = self.foregate(command, "--help")
            self.assertTrue(text.startswith(f"Usage: foregate {command}"), text)
            self.assertIn(f"  {command} ", self.run_program("--help").stdout.decode())

    def test_bad_usage_is_status_2_and_says_why(self):
        cases = [
            ([], "no command given"),
            (["unheard-of"], "unknown command unheard-of"),
            (["-x", "check"], "unknown option -x"),
            (["-c"], "a value is missing behind -c"),
            (["-o"], "a value is missing behind -o"),
            (["-o", "mode", "check"], "write -o name=value"),
            (["-c", "/nonexistent/foregate.conf", "config"], "/nonexistent/foregate.conf: cannot open it"),
            (["-c", "/nonexistent/foregate.conf", "check"], "/nonexistent/foregate.conf: cannot open it"),
            (["check", "--jsn"], "unknown option --jsn"),
            (["check", "operand"], "takes no operands"),
            (["config", "--json", "--sample"], "exclude each other"),
            (["config", "no.option"], "there is no option no.option"),
            (["resolve"], "no address given"),
            (["explain", "--client-ip", "client.example"], "--client-ip takes an IP address"),
            (["explain", "--client-ip", "10.0.0.0/8"], "--client-ip takes an IP address"),
            (["resolve", "--josn", "a@b"], "unknown option --josn"),
        ]
        for arguments, reason in cases:
            with self.subTest(arguments=arguments):
                result = self.run_program(*arguments)
                self.assertEqual(result.returncode, 2)
                self.assertEqual(result.stdout, b"")
                self.assertIn(reason, result.stderr.decode())

    def test_output_that_cannot_be_written_is_status_2(self):
        with open("/dev/full", "wb") as full:
            for arguments in (["resolve", "alice@example.com"], ["resolve", "--json", "alice@example.com"],
                              ["check"], ["config"], ["config", "--json"], ["explain", "--json"]):
                with self.subTest(arguments=arguments):
                    self.foregate(*arguments, status=2, stdout=full)
                    self.assertIn("cannot write", self.last_errors)

    def test_signals_end_a_command(self):
        """Only `run` blocks them for good."""
        process = subprocess.Popen([PROGRAM, "-c", str(self.config), "resolve", "-"], stdin=subprocess.PIPE,
                                   stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        with process:
            process.stdin.write(b"alice@example.com\n")
            process.stdin.flush()
            # The answer comes before the input ends: output is flushed per line.
            self.assertIn(b"alice@example.com: ok", process.stdout.readline())
            process.send_signal(signal.SIGINT)
            self.assertEqual(process.wait(LIMIT), -signal.SIGINT)


class Sources(CommandCase):
    def value(self, name, *arguments, **options):
        (object,) = self.objects(*arguments, "config", "--json", name, **options)
        (option,) = object["options"]
        return option["value"], option["origin"]

    def test_precedence(self):
        environment = {}
        self.write_config("")
        self.assertEqual(self.value("hostname"), ("mail.example.test", f"{self.config}:2"))
        self.config.write_text("")
        self.assertEqual(self.value("dms.provisioner"), ("FILE", "default"))
        self.config.write_text(f"dms.settings = {self.folder}/s\n")
        (self.folder / "s").write_text("A='b'\nOVERRIDE_HOSTNAME='dms.example.test'\n")
        self.assertEqual(self.value("hostname"), ("dms.example.test", f"{self.folder}/s:2"))
        environment["OVERRIDE_HOSTNAME"] = "container.example.test"
        self.assertEqual(self.value("hostname", environment=environment),
                         ("container.example.test", "environment OVERRIDE_HOSTNAME"))
        with open(self.config, "a") as file:
            file.write("hostname = file.example.test\n")
        self.assertEqual(self.value("hostname", environment=environment),
                         ("file.example.test", f"{self.config}:2"))
        environment["FOREGATE_HOSTNAME"] = "variable.example.test"
        self.assertEqual(self.value("hostname", environment=environment),
                         ("variable.example.test", "environment FOREGATE_HOSTNAME"))
        self.assertEqual(self.value("hostname", "-o", "hostname=option.example.test", environment=environment),
                         ("option.example.test", "-o hostname"))
        self.assertEqual(self.value("hostname", "-ohostname=a.test", "-o", "hostname=b.test"),
                         ("b.test", "-o hostname"))

    def test_a_bad_value_names_its_place(self):
        cases = [
            ("quota.timeout = 5\n", {}, [], f"{self.config}:1: quota.timeout = 5: the unit is missing"),
            ("\nnonsense\n", {}, [], f"{self.config}:2: this is no assignment"),
            ("states = 1\nstates = 2\n", {}, [], f"{self.config}:2: states is set twice, first in line 1"),
            ("", {"FOREGATE_STATES": "many"}, [], "environment FOREGATE_STATES: FOREGATE_STATES = many: this is no number"),
            ("", {}, ["-o", "log.level=loud"], "-o log.level: log.level = loud: this value is not known"),
            ("", {"ACCOUNT_PROVISIONER": "OIDC"}, [], "write one of: FILE LDAP"),
            ("log.format = a\033[2Jb\n", {}, [], "a?[2Jb"),
        ]
        for text, environment, arguments, reason in cases:
            for command in (["config"], ["resolve", "alice@example.com"]):
                with self.subTest(reason=reason, command=command):
                    self.write_config(text)
                    self.foregate(*arguments, *command, environment=environment, status=2)
                    self.assertIn(reason, self.last_errors)
                    self.assertNotIn("\033", self.last_errors)

    def test_dms_settings_must_be_readable(self):
        self.write_config("dms.settings = /nonexistent/settings\n")
        self.foregate("config", status=2)
        self.assertIn("/nonexistent/settings: cannot open it", self.last_errors)


class Config(CommandCase):
    def test_text_shows_value_origin_and_help(self):
        text = self.foregate("-o", "quota.timeout=2s", "config", "quota.timeout")
        self.assertEqual(text, "quota.timeout = 2s\n    from -o quota.timeout\n"
                               "    for one answer of quota-status (duration from 1ms to 20s)\n")

    def test_json_shows_all_options(self):
        (object,) = self.objects("config", "--json")
        options = {option["name"]: option for option in object["options"]}
        for name in ("listen", "hostname", "dms.volume", "recipient_delimiter", "trusted_networks", "rules", "mode",
                     "on_error", "quota.service", "quota.timeout", "log.level", "log.format"):
            self.assertIn(name, options)
        self.assertEqual(options["quota.timeout"]["environment"], "FOREGATE_QUOTA_TIMEOUT")
        self.assertEqual(options["hostname"]["dms"], "OVERRIDE_HOSTNAME")
        self.assertIsNone(options["spoof.may_send_as"]["value"])
        self.assertEqual(options["mydestination"]["value"],
                         "mail.example.test, localhost.example.test, localhost")

    def test_sample_is_a_valid_file(self):
        sample = self.foregate("config", "--sample")
        self.config.write_text(sample)
        self.assertEqual(self.foregate("config", "--sample"), sample)
        for line in sample.splitlines():
            self.assertTrue(line == "" or line.startswith("#"), line)
        # With the comments of the options taken away it says what the defaults say.
        lines = [line[1:] if line.startswith("#") and line[1:2].islower() else line for line in sample.splitlines()]
        self.config.write_text("\n".join(line for line in lines if "=" not in line or not line.endswith("=")) + "\n")
        (object,) = self.objects("config", "--json")
        for option in object["options"]:
            set_here = ("hostname", "rules.path", "lua.path")
            if option["default"] is not None and option["name"] not in set_here:
                self.assertEqual(option["value"], option["default"])


class Resolve(CommandCase):
    def test_json(self):
        via = ["nested+x@example.com", "team+x@example.com"]
        cases = {
            "nested+x@example.com": ("ok", [
                {"address": "alice+x@example.com", "class": "mailbox", "mailbox": "alice@example.com", "via": via},
                {"address": "someone+x@external.test", "class": "external", "mailbox": None, "via": via}]),
            "alice@example.com": ("ok", [
                {"address": "alice@example.com", "class": "mailbox", "mailbox": "alice@example.com", "via": []}]),
            "dangle@example.com": ("ok", [
                {"address": "nosuch@example.com", "class": "unknown", "mailbox": None,
                 "via": ["dangle@example.com"]}]),
            "re7@example.com": ("ok", [
                {"address": "bob@example.com", "class": "mailbox", "mailbox": "bob@example.com",
                 "via": ["re7@example.com"]}]),
            "any@catch.test": ("ok", [
                {"address": "bob@example.com", "class": "mailbox", "mailbox": "bob@example.com",
                 "via": ["any@catch.test"]}]),
        }
        answers = self.objects("resolve", "--json", *cases)
        for answer, (address, (status, recipients)) in zip(answers, cases.items(), strict=True):
            self.assertEqual(answer, {"address": address, "status": status, "recipients": recipients})

    def test_exit_status(self):
        self.foregate("resolve", "alice@example.com", "x@foreign.test", "dangle@example.com")
        for address in ("nobody@example.com", "loop1@example.com", "<>", "a b@c.test"):
            self.foregate("resolve", "alice@example.com", address, status=1)
        self.foregate("-o", "dms.volume=/nonexistent", "resolve", "alice@example.com", status=2)
        self.assertIn("/nonexistent", self.last_errors)

    def test_statuses_and_errors(self):
        answers = self.objects("resolve", "--json", "nobody@example.com", "x@foreign.test", "loop1@example.com",
                               "a b@c.test", "", status=1)
        self.assertEqual([answer["status"] for answer in answers], ["unknown", "relay", "error", "error", "error"])
        self.assertEqual([answer.get("error") for answer in answers], [None, None, "loop", "syntax", "syntax"])
        for answer in answers[2:]:
            self.assertGreater(len(answer["reason"]), 5)
            self.assertEqual(answer["recipients"], [])

    def test_stdin_is_answered_line_by_line(self):
        long_line = b"a" * 200000 + b"@example.com"
        lines = [b"alice@example.com", b"BOB@example.com\r", b"", b"\xff\xc3\xa4@example.com", b"x\0y@example.com",
                 long_line, b"nested@example.com"]
        answers = self.objects("resolve", "--json", "-", input=b"\n".join(lines), status=1)
        self.assertEqual(len(answers), len(lines))
        self.assertEqual([answer["status"] for answer in answers[:3]], ["ok", "ok", "error"])
        self.assertEqual(answers[1]["recipients"][0]["mailbox"], "bob@example.com")
        self.assertEqual(answers[3]["address"], "\ufffd\u00e4@example.com")
        self.assertEqual((answers[4]["address"], answers[4]["error"]), ("x\0y@example.com", "syntax"))
        self.assertEqual(answers[5]["address"], long_line.decode())
        self.assertEqual(answers[6]["status"], "ok")

    def test_text(self):
        """One answer an address, in their order. test_resolve_tree.py has the trees."""
        text = self.foregate("resolve", "nested+x@example.com", "nobody@example.com", "x@foreign.test",
                             "loop2@example.com", status=1)
        self.assertEqual([line.partition(",")[0] for line in text.splitlines() if not line.startswith(" ")],
                         ["nested+x@example.com: ok", "nobody@example.com: unknown", "x@foreign.test: relay",
                          "loop2@example.com: error"])

    def test_text_obeys_no_control_characters(self):
        text = self.foregate("resolve", "-", input=b"\033]0;title\007@example.com\nx\r y@example.com\n", status=1)
        self.assertEqual([character for character in text if ord(character) < 32 and character != "\n"], [])

    def test_operands(self):
        (answer,) = self.objects("resolve", "--json", "--", "-x@foreign.test", status=1)
        self.assertEqual((answer["address"], answer["error"]), ("-x@foreign.test", "syntax"))
        answers = self.objects("resolve", "alice@example.com", "-", "bob@example.com", "--json",
                               input=b"team@example.com\n")
        self.assertEqual([answer["address"] for answer in answers],
                         ["alice@example.com", "team@example.com", "bob@example.com"])


class Check(CommandCase):
    def findings(self, *arguments, **options):
        (object,) = self.objects(*arguments, "check", "--json", **options)
        self.assertEqual(set(object), {"findings", "errors", "warnings", "quota", "sources"})
        for severity in ("error", "warning"):
            shown = sum(finding["severity"] == severity for finding in object["findings"])
            self.assertGreaterEqual(object[f"{severity}s"], shown)
        self.quota_report = object["quota"]
        for finding in object["findings"]:
            self.assertEqual(set(finding), {"severity", "code", "file", "line", "message", "remedy"})
            self.assertIn(finding["severity"], ("error", "warning"))
        return object["findings"]

    def test_a_sound_volume(self):
        self.write_volume({"postfix-virtual.cf": "team@example.com alice@example.com\n"})
        self.assertEqual([finding for finding in self.findings() if finding["severity"] == "error"], [])
        self.assertIn("errors: 0", self.foregate("check"))

    def test_all_faults_of_the_configuration(self):
        self.write_config("rubbish\nquota.timout = 1s\nstates = -1\n")
        findings = {finding["line"]: finding for finding in self.findings(status=1)
                    if finding["file"] == str(self.config)}
        self.assertEqual([findings[line]["code"] for line in (1, 2, 3)], ["bad-line", "unknown-option", "bad-value"])
        self.assertEqual({findings[line]["file"] for line in (1, 2, 3)}, {str(self.config)})
        self.assertEqual(findings[2]["remedy"], "did you mean quota.timeout?")
        text = self.foregate("check", status=1)
        self.assertIn(f"{self.config}:2: error: there is no option quota.timout [unknown-option]\n"
                      "    did you mean quota.timeout?\n", text)

    def test_totals_count_what_is_not_shown(self):
        self.write_volume({"postfix-virtual.cf": "".join(f"n{number}@example.com gone@example.com\n"
                                                         for number in range(1200))})
        (object,) = self.objects("check", "--json", status=1)
        shown = [finding for finding in object["findings"] if finding["severity"] == "error"]
        self.assertEqual((len(shown), object["errors"]), (1000, 1200))
        self.assertEqual(object["warnings"], len(object["findings"]) - 1000)
        self.assertIn(f"errors: 1200, warnings: {object['warnings']}\n", self.foregate("check", status=1))

    def test_an_option_names_an_address_that_nobody_has(self):
        self.write_volume({"postfix-virtual.cf": "team@example.com alice@example.com\n"})
        self.write_config("quota.notice = nobody@example.com\n")
        findings = [finding for finding in self.findings() if finding["code"] == "unknown-address"]
        self.assertEqual([(finding["file"], finding["line"], finding["severity"]) for finding in findings],
                         [(str(self.config), 1, "warning")])
        self.assertIn("quota.notice = nobody@example.com: an address of ours that nobody has", findings[0]["message"])
        for address in ("team@example.com", "alice+x@example.com", "someone@elsewhere.test", "root@localhost", ""):
            with self.subTest(address):
                self.assertNotIn("unknown-address", self.foregate("-o", f"quota.notice={address}", "check"))
        self.assertIn("quota.notice = nobody: this is no address",
                      self.foregate("-o", "quota.notice=nobody", "check", status=1))

    def test_contradictions_between_lines(self):
        findings = self.findings(status=1)
        self.assertEqual([(finding["file"], finding["line"], finding["code"]) for finding in findings
                          if finding["severity"] == "error"],
                         [("postfix-virtual.cf", 3, "dangling-target"), ("postfix-virtual.cf", 4, "loop")])
        for file in {finding["file"] for finding in findings}:
            lines = [finding["line"] for finding in findings if finding["file"] == file]
            self.assertEqual(lines, sorted(lines))
        text = self.foregate("check", status=1)
        self.assertIn("postfix-virtual.cf:4: error: The aliases lead round in a circle: loop1@example.com -> "
                      "loop2@example.com -> loop1@example.com: ", text)
        self.assertRegex(text, r" \[loop\]\n    Break the circle: ")
        self.assertRegex(text, r"\nerrors: 2, warnings: \d+\n$")

    def test_of_very_many_findings_some_are_shown(self):
        lines = "".join(f"n{i}@example.com gone@example.com\n" for i in range(1234))
        self.write_volume({"postfix-virtual.cf": lines})
        self.assertEqual(sum(finding["code"] == "dangling-target" for finding in self.findings(status=1)), 1000)
        self.assertRegex(self.foregate("check", status=1), r"\nnot shown: 234 more .*\n((directory|quota): .*\n)+errors: 1234, ")

    def test_a_directory_that_does_not_load(self):
        self.write_volume({"postfix-virtual.cf": "a@example.com bob@example.com\na@example.com alice@example.com\n"})
        errors = [finding for finding in self.findings(status=1) if finding["severity"] == "error"]
        self.assertIn(("postfix-virtual.cf", 2), [(Path(error["file"]).name, error["line"]) for error in errors])
        self.assertIn("postfix-virtual.cf:2: error: ", self.foregate("check", status=1))

    def test_a_volume_that_is_not_there(self):
        (finding,) = self.findings("-o", "dms.volume=/nonexistent", status=1)
        self.assertEqual(finding["severity"], "error")
        self.assertIn("/nonexistent", finding["file"] + finding["message"])
        self.assertIsNone(self.quota_report)


class CheckQuota(CommandCase):
    """What `check` asks the quota service, and says of its answer."""

    def setUp(self):
        super().setUp()
        self.write_volume({"postfix-virtual.cf": "team@example.com alice@example.com\n"})
        self.quota = FakeQuota()
        self.addCleanup(self.quota.stop)
        self.write_config(f"quota.service = {self.quota.service}\nquota.timeout = 400ms\n")

    def report(self, *arguments, status=0):
        """(the report, findings about quota), after a look at the text for the same."""
        (object,) = self.objects(*arguments, "check", "--json", status=status)
        self.assertEqual(self.last_errors, "")
        text = self.foregate(*arguments, "check", status=status)
        self.assertEqual(self.last_errors, "")
        line = next((line for line in text.splitlines() if line.startswith("quota: ")), None)
        report, findings = object["quota"], []
        if report is None:
            self.assertIsNone(line)
        else:
            said = f" ({report['action']})" if report["action"] else ""
            answer = "no answer" if report["answer"] == "none" else report["answer"]
            self.assertEqual(line, f"quota: {report['service']} says of {report['account']}: {answer}{said}")
        for finding in object["findings"]:
            if finding["code"].startswith("quota-"):
                self.assertEqual((finding["severity"], finding["file"], finding["line"]), ("warning", "", 0))
                self.assertIn(f"warning: {finding['message']} [{finding['code']}]\n    {finding['remedy']}\n", text)
                findings.append(finding)
        return report, findings

    def test_answers(self):
        cases = [
            ("DUNNO", "fits", None, None),
            ("OK", "fits", None, None),
            (FULL, "over", FULL, None),
            ("REJECT Unknown user", "unknown-user", "REJECT Unknown user", "quota-unknown-user"),
            ("550 5.1.1 Nobody", "unknown-user", "550 5.1.1 Nobody", "quota-unknown-user"),
            ("", "empty", "", "quota-empty-action"),
            ("DEFER_IF_PERMIT Internal error", "cannot-tell", "DEFER_IF_PERMIT Internal error", "quota-cannot-tell"),
            ("HOLD", "unclear", "HOLD", "quota-unclear"),
        ]
        for action, answer, told, code in cases:
            with self.subTest(action):
                self.quota.forget()
                self.quota.default = action
                report, findings = self.report()
                self.assertEqual(report, {"service": self.quota.service, "account": "alice@example.com",
                                          "answer": answer, "action": told})
                self.assertEqual([finding["code"] for finding in findings], [code] if code else [])
                # For each of the two runs, about the first account; where there is room, for how much.
                sizes = ["1", "10000000"] if answer == "fits" else ["1"]
                self.assertEqual([(question["recipient"], question["size"]) for question in self.quota.questions],
                                 [("alice@example.com", size) for size in sizes * 2])

    def test_a_bound_that_is_not_known(self):
        self.quota.default = NoSizeAbove(5_000_000)
        report, (finding,) = self.report()
        self.assertEqual(report["answer"], "fits")
        self.assertEqual(finding["code"], "quota-max-mail-size")
        self.assertIn("none of 10000000 bytes", finding["message"])
        _, findings = self.report("-o", "quota.max_mail_size=5000000")
        self.assertEqual(findings, [])
        _, (finding,) = self.report("-o", "quota.max_mail_size=0")
        self.assertIn(f"none of {64 << 20} bytes", finding["message"])

    def test_what_to_write_into_dovecot_cf(self):
        self.quota.default = "REJECT Unknown user"
        _, (finding,) = self.report()
        self.assertIn("alice@example.com", finding["message"])
        self.assertIn("(REJECT Unknown user)", finding["message"])
        self.assertIn("`quota_status_nouser = DUNNO` into dovecot.cf, with Dovecot 2.3 inside `plugin { }`, with 2.4 ",
                      finding["remedy"])
        self.quota.default = ""
        _, (finding,) = self.report()
        self.assertIn("quota_status_toolarge = ", finding["remedy"])

    def test_no_answer_is_a_warning_with_the_reason(self):
        for default, reason in ((SILENCE, "no answer within 400 ms"), (CLOSE, "closed the connection"),
                                (GARBAGE, "talks nonsense"), (None, "Connection refused")):
            with self.subTest(reason):
                self.quota.default = default
                if default is None:
                    self.quota.stop()
                began = time.monotonic()
                report, (finding,) = self.report()
                self.assertLess(time.monotonic() - began, 2 * (0.4 + 10))  # starting takes its time under a sanitizer
                if default is None:
                    self.quota.start()
                self.assertEqual((report["answer"], report["action"]), ("none", None))
                self.assertEqual(finding["code"], "quota-no-answer")
                self.assertIn(f" at {self.quota.service}: ", finding["message"])
                self.assertIn(reason, finding["message"])
                self.assertIn("quota.service", finding["remedy"])

    def test_a_name_that_nobody_has(self):
        report, (finding,) = self.report("-o", "quota.service=inet:nobody.invalid:12340")
        self.assertEqual(report["answer"], "none")
        self.assertEqual(finding["code"], "quota-no-answer")

    def test_nobody_is_asked(self):
        cases = [
            (["-o", "quota.enabled=no"], 0),
            (["-o", "rules=alias recipient"], 0),
            (["-o", "quota.lease=much"], 1),
            (["-o", "dms.volume=/nonexistent"], 1),
        ]
        for arguments, status in cases:
            with self.subTest(arguments):
                self.assertEqual(self.report(*arguments, status=status), (None, []))
        self.write_volume({"postfix-accounts.cf": "# none yet\n", "postfix-virtual.cf": ""})
        self.assertEqual(self.report(), (None, []))
        self.assertEqual(self.quota.questions, [])

    def test_a_rule_of_the_same_name_with_other_settings(self):
        rules = self.folder / "rules"
        rules.mkdir()
        for settings in ('{ enabled = { "text", "x", "no switch" } }', "{}"):
            (rules / "quota.lua").write_text('return { name = "quota", settings = ' + settings +
                                             ", rcpt = function() end }\n")
            self.assertEqual(self.report("-o", f"rules.path={SOURCE / 'rules'} {rules}"), (None, []))
        self.assertEqual(self.quota.questions, [])


if __name__ == "__main__":
    unittest.main()
