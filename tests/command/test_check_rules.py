"""What `foregate check` finds in rule files. Each file of lint/ is a rule with mistakes: behind a line stand the findings that
it has, as `--! code [warning][: words of message or remedy]`; every other line has none."""

import re
import unittest

from test_commands import SOURCE, CommandCase

LINT = SOURCE / "tests/command/lint"
SHIPPED = "subaddress alias recipient quota spoof"
MARK = re.compile(r"--! ([a-z-]+)( warning)?(?:: (.*?))?(?= --!|$)")


def codes():
    """{ code: set of severities } as the linter has them."""
    text = (SOURCE / "lua/lint/report.lua").read_text()
    return {code: set(severities.split(", "))
            for code, severities in re.findall(r'\["([a-z-]+)"\] = "([a-z, ]+)"', text)}


class RuleCase(CommandCase):
    RULE = "return { name = '%s', mail = function() end }\n"

    def setUp(self):
        super().setUp()
        self.rules = self.folder / "rules"
        self.rules.mkdir()
        self.write_volume({"postfix-virtual.cf": "team@example.com alice@example.com\n"})

    def write(self, name, text):
        path = self.rules / f"{name}.lua"
        path.write_text(text)
        return path

    def check(self, rules, status=0, folders=None, arguments=()):
        """The findings about files of rules."""
        (object,) = self.objects("-o", f"rules={rules}", "-o", f"rules.path={folders or self.rules}", *arguments, "check",
                                 "--json", status=status)
        return [finding for finding in object["findings"] if finding["code"] in ("rule", "bad-value", "unknown-option") or
                ".lua" in finding["file"]]


class Findings(RuleCase):
    def test_each_line_has_what_stands_behind_it(self):
        files = sorted(LINT.glob("*.lua"))
        found = self.check(" ".join(path.stem for path in files), status=1, folders=LINT)
        seen = set()
        for path in files:
            here = [finding for finding in found if finding["file"] == str(path)]
            want = []
            for number, line in enumerate(path.read_text().splitlines(), 1):
                for code, warning, words in MARK.findall(line):
                    want.append((number, code, "warning" if warning else "error", words))
            with self.subTest(path.name):
                got = sorted((finding["line"], finding["code"], finding["severity"]) for finding in here)
                self.assertEqual(got, sorted(mark[:3] for mark in want))
                for number, code, _, words in want:
                    said = [f"{finding['message']} {finding['remedy']}" for finding in here
                            if (finding["line"], finding["code"]) == (number, code)]
                    self.assertTrue(any(words in text for text in said), f"{number}: {words!r} is not in {said}")
                for finding in here:
                    self.assertTrue(finding["message"] and finding["remedy"])
                    seen.add((finding["code"], finding["severity"]))
        told = {(code, severity) for code, severities in codes().items() for severity in severities}
        self.assertEqual(told - seen, {("not-examined", "warning")})

    def test_nothing_in_the_shipped_rules(self):
        self.assertEqual(self.check(SHIPPED, folders=SOURCE / "rules"), [])

    def test_every_rule_that_does_not_load_is_told(self):
        one = self.write("one", "return {\n    name = 'one',\n    rctp = function() end,\n}\n")
        two = self.write("two", "return {\n    name = 'two',\n    mail = function(\n}\n")
        three = self.write("three", "local x = dirctory.resolve\nreturn { name = 'three', mail = function() return x end }\n")
        four = self.write("four", "return { name = 'four',\n    settings = {\n        a = { 'text' } },\n"
                                  "    mail = function(_, _, settings) return settings.a end }\n")
        self.write("fine", "return { name = 'fine', mail = function() end }\n")
        self.write_config("quota.timeout = 1s\nfine.mode = shadow\n")
        found = self.check("one two gone three four fine", status=1)
        self.assertEqual({finding["code"] for finding in found}, {"rule"}, found)
        places = {(finding["file"], finding["line"]) for finding in found}
        self.assertEqual(places, {(str(one), 3), (str(two), 4), (str(three), 1), (str(four), 3), ("", 0)})
        said = {finding["file"]: f"{finding['message']} {finding['remedy']}" for finding in found}
        self.assertIn("did you mean rcpt?", said[str(one)])
        self.assertIn("did you mean directory?", said[str(three)])
        self.assertIn("there is no gone.lua", said[""])

    def test_what_only_the_options_tell(self):
        self.write("odd", "return { name = 'odd', settings = { a = { 'boot', 'x', 'h' } },\n"
                          "    mail = function(_, _, settings) return settings.a and skip() end }\n")
        (finding,) = self.check("odd", status=1)
        self.assertEqual(finding["code"], "rule")
        self.assertIn('there is no type "boot"', finding["message"])

    def test_defaults_are_plain(self):
        for default in ("{ 'x' }", "ipairs"):
            self.write("odd", f"return {{ name = 'odd',\n    settings = {{ a = {{ 'list', {default}, 'h' }} }},\n"
                              "    mail = function(_, _, settings) return settings.a and skip() end }\n")
            (finding,) = self.check("odd", status=1)
            self.assertEqual((finding["code"], finding["line"]), ("rule", 2))
            self.assertIn("setting a: the default is a ", finding["message"])

    def test_what_stands_before_the_first_line(self):
        path = self.write("odd", "\ufeff" + self.RULE % "odd")
        (finding,) = self.check("odd", status=1)
        self.assertEqual(finding["file"], str(path))
        self.assertIn("save the file as UTF-8 without BOM", finding["message"])
        self.write("odd", "#!/usr/bin/lua\n" + self.RULE % "odd")
        (finding,) = self.check("odd", status=1)
        self.assertIn("begins with #", finding["message"])

    def test_a_name_that_an_option_has(self):
        path = self.write("listen", self.RULE % "listen")
        (finding,) = self.check("listen", status=1)
        self.assertEqual(finding["file"], str(path))
        self.assertIn("listen.mode is declared already", finding["message"])

    def test_the_file_is_named_whatever_the_failure(self):
        for text in ("error({})", "local t = {} while true do t = { t, ('x'):rep(1000) } end",
                     "return { name = 'odd', mail = function() return " + "(" * 300 + "1" + ")" * 300 + " end }"):
            path = self.write("odd", text)
            self.foregate("-o", "rules=odd", "-o", f"rules.path={self.rules}", "explain", status=2)
            self.assertIn(str(path), self.last_errors)

    def test_hostile_files_end(self):
        deep = "return { name = 'deep', mail = function() return " + "(" * 150 + "1" + ")" * 150 + " end }\n"
        self.write("deep", deep)
        self.write("chain", "local a = {}\nreturn { name = 'chain', mail = function() return a" + ".b" * 100000 + " end }\n")
        self.write("large", "return { name = 'large', mail = function() end }\n--[[" + "x" * (1 << 20) + "]]\n")
        self.write("calls", "".join(f"local function f{i}() return f{i - 1}() end\n" if i else "local function f0() end\n"
                                    for i in range(150)) + "return { name = 'calls', mail = f149 }\n")
        found = self.check("deep chain large calls", status=1)
        codes = {(finding["file"].rsplit("/", 1)[1], finding["code"]) for finding in found}
        self.assertIn(("large.lua", "not-examined"), codes)
        self.assertIn(("deep.lua", "no-verdict"), codes)
        self.assertNotIn(("calls.lua", "not-examined"), codes)

    def test_findings_of_rules_do_not_stop_the_rest(self):
        self.write("warned", "return { name = 'warned', mail = function() local x = 1 end }\n")
        (object,) = self.objects("-o", "rules=quota warned", "-o", f"rules.path={SOURCE / 'rules'} {self.rules}",
                                 "check", "--json")
        self.assertIn("unused-local", [finding["code"] for finding in object["findings"]])
        self.assertIsNotNone(object["quota"])


class Files(RuleCase):
    def test_files_that_never_run(self):
        for name in ("used", "unused", "used_test", "quota"):
            self.write(name, self.RULE % name)
        (self.rules / "notes.txt").write_text("x")
        (finding,) = self.check("used")
        self.assertEqual((finding["code"], finding["severity"], finding["file"]),
                         ("rule-not-run", "warning", str(self.rules / "unused.lua")))

    def test_a_link_that_leads_nowhere_is_not_passed_over(self):
        path = self.rules / "subaddress.lua"
        path.symlink_to(self.folder / "gone.lua")
        (finding,) = self.check("subaddress", folders=f"{SOURCE / 'rules'} {self.rules}", status=1)
        self.assertEqual((finding["code"], finding["file"]), ("rule", str(path)))
        self.assertIn("does not exist", finding["message"])

    def test_a_folder_that_cannot_be_looked_into(self):
        (self.folder / "loop").symlink_to("loop")  # as for a user without permission, whoever runs the tests
        (finding,) = self.check("subaddress", folders=f"{SOURCE / 'rules'} {self.folder / 'loop'}", status=1)
        self.assertIn("cannot tell whether it is there", finding["message"])

    def test_a_file_in_place_of_a_shipped_one(self):
        text = (SOURCE / "rules/subaddress.lua").read_text()
        folders = f"{SOURCE / 'rules'} {self.rules}"
        path = self.write("subaddress", text)
        self.assertEqual(self.check("subaddress", folders=folders), [])
        self.write("subaddress", text + "-- changed\n")
        (finding,) = self.check("subaddress", folders=folders)
        self.assertEqual((finding["code"], finding["severity"], finding["file"], finding["line"]),
                         ("replaced-rule", "warning", str(path), 1))
        self.write("subaddress", "-- lint: ignore replaced-rule\n" + text)
        self.assertEqual(self.check("subaddress", folders=folders), [])


class Fields(unittest.TestCase):
    """The fields of handles that the linter knows are those that the C files serve."""

    def test_fields(self):
        known = (SOURCE / "lua/lint/api.lua").read_text()
        for handle in ("session", "message", "recipient", "address"):
            with self.subTest(handle):
                (content,) = re.findall(rf"\n    {handle} = \{{(.*?)\}}", known, re.DOTALL)
                source = (SOURCE / f"milter/script/api_{handle}.c").read_text()
                body = "".join(re.findall(rf"\nstatic \w+ (?:{handle}_index|field_push|method_push)\(.*?\n\}}\n", source,
                                          re.DOTALL))
                served = set(re.findall(r'strcmp\(field, "(\w+)"\) == 0', body)) | set(re.findall(r'\{"(\w+)", ', body))
                self.assertEqual(set(re.findall(r"(\w+) = \"", content)), served)


if __name__ == "__main__":
    unittest.main()
