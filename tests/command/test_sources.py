"""`foregate resolve`, `check` and `explain` with sources beside the volume, as a user types them."""

import json
import os
import subprocess
import tempfile
import unittest
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[2]
PROGRAM = os.environ.get("FOREGATE") or str(SOURCE / "build/dev/foregate")

SCRIPT = """\
function auth_userdb_lookup(req)
    if req.user == "lua@example.com" then
        return dovecot.auth.USERDB_RESULT_OK, { quota_rule = "*:storage=10M" }
    elseif req.user == "broken@example.com" then
        return dovecot.auth.USERDB_RESULT_INTERNAL_FAILURE, "the database is away"
    end
    return dovecot.auth.USERDB_RESULT_USER_UNKNOWN, "no such user"
end
"""


class Sources(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="foregate-sources-")
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        (self.folder / "script.lua").write_text(SCRIPT)
        (self.folder / "postfix-accounts.cf").write_text("alice@example.com|x\n")
        (self.folder / "postfix-virtual.cf").write_text("team@example.com alice@example.com,lua@example.com\n")
        (self.folder / "foregate.conf").write_text(
            f"dms.volume = {self.folder}\nhostname = mail.example.com\nrules.path = {SOURCE / 'rules'}\n"
            f"lua.path = {SOURCE / 'lua'}\nlua.script = {self.folder}/script.lua\nquota.enabled = no\n"
            "directory.sources = dms lua\n")

    def run_program(self, *arguments, status=0):
        result = subprocess.run([PROGRAM, "-c", str(self.folder / "foregate.conf"), *arguments], capture_output=True, text=True,
                                timeout=60, check=False)
        self.assertEqual(result.returncode, status, result.stdout + result.stderr)
        return result

    def test_resolve_names_the_source_of_each_answer(self):
        tree = self.run_program("resolve", "team@example.com").stdout
        self.assertEqual(tree, "team@example.com: ok\n"
                               "  team@example.com: alias at postfix-virtual.cf:1 (exact)\n"
                               "    alice@example.com: mailbox alice@example.com\n"
                               "    lua@example.com: mailbox lua@example.com in lua, limit 10M\n")
        answer = json.loads(self.run_program("resolve", "--json", "team@example.com").stdout)
        self.assertEqual([one["sources"] for one in answer["recipients"]],
                         [["postfix-virtual.cf:1", "postfix-accounts.cf"], ["postfix-virtual.cf:1", "lua"]])

    def test_resolve_says_what_cannot_be_told(self):
        line = self.run_program("resolve", "broken@example.com", status=1).stdout
        self.assertEqual(line, "broken@example.com: error, table at broken@example.com: lua: the database is away\n")
        self.assertIn("unknown", self.run_program("resolve", "nobody@example.com", status=1).stdout)

    def test_the_volume_alone_is_as_before(self):
        answer = json.loads(self.run_program("-o", "directory.sources=dms", "resolve", "--json", "alice@example.com").stdout)
        self.assertEqual(set(answer["recipients"][0]), {"address", "class", "mailbox", "via"})

    def test_explain_names_the_source(self):
        text = self.run_program("explain", "--from", "a@remote.test", "--rcpt", "lua@example.com").stdout
        self.assertRegex(text, r"answer directory\.resolve\(lua@example\.com\) = .*\(snapshot 1: lua; [0-9.]+ ms\)")

    def test_check_tries_each_source(self):
        for sample, answer, codes in (("lua@example.com", "found", []), ("nobody@example.com", "not found", []),
                                      ("broken@example.com", "failed", ["source-failed"])):
            with self.subTest(sample=sample):
                report = json.loads(self.run_program("-o", f"directory.sample={sample}", "check", "--json").stdout)
                (trial,) = report["sources"]
                self.assertEqual([trial[name] for name in ("source", "question", "key", "answer")],
                                 ["lua", "account", sample, answer])
                self.assertGreaterEqual(trial["ms"], 0)
                self.assertEqual([one["code"] for one in report["findings"] if one["code"].startswith("source")], codes)
        text = self.run_program("check").stdout
        self.assertRegex(text, r"source lua: account alice@example\.com: not found \([0-9.]+ ms\)\n")

    def test_check_misses_the_domains(self):
        for options, codes in ((["directory.sources=lua"], ["no-domain"]), (["directory.sources=dms lua"], []),
                               (["directory.sources=lua", "directory.domains=example.com"], [])):
            with self.subTest(options=options):
                report = json.loads(self.run_program(*(word for one in options for word in ("-o", one)), "check", "--json").stdout)
                self.assertEqual([one["code"] for one in report["findings"] if one["code"] == "no-domain"], codes)

    def test_check_says_that_it_guesses_an_account(self):
        guess = "That is a guess: name an account of it in directory.sample"
        alone = ("-o", "directory.sources=lua", "-o", "directory.domains=example.com")
        self.assertRegex(self.run_program(*alone, "check").stdout,
                         rf"source lua: account postmaster@example\.com: not found \([0-9.]+ ms\)\n    {guess}\n")
        self.assertNotIn(guess, self.run_program(*alone, "-o", "directory.sample=x@example.com", "check").stdout)
        self.assertNotIn(guess, self.run_program("check").stdout)

    def test_what_the_volume_does_not_know_may_be_elsewhere(self):
        codes = [one["code"] for one in json.loads(self.run_program("check", "--json").stdout)["findings"]]
        self.assertNotIn("dangling-target", codes)
        alone = json.loads(self.run_program("-o", "directory.sources=dms", "check", "--json", status=1).stdout)
        self.assertIn("dangling-target", [one["code"] for one in alone["findings"]])

    def test_sources_that_cannot_be_started(self):
        for option, text in (("lua.script=", "lua.script names no file"),
                             (f"lua.script={self.folder}/none.lua", "none.lua"),
                             ("directory.sources=dms sql", "there is no source sql")):
            with self.subTest(option=option):
                self.assertIn(text, self.run_program("-o", option, "resolve", "x@example.com", status=2).stderr)
        (self.folder / "script.lua").write_text("function auth_passdb_lookup(req) end\n")
        self.assertIn("has no function auth_userdb_lookup", self.run_program("resolve", "x@example.com", status=2).stderr)
        report = json.loads(self.run_program("check", "--json", status=1).stdout)
        self.assertIn("source", [one["code"] for one in report["findings"]])
        (self.folder / "script.lua").write_text("function auth_userdb_lookup(req)\n")
        report = json.loads(self.run_program("check", "--json", status=1).stdout)
        self.assertEqual([one["code"] for one in report["findings"] if one["severity"] == "error"], ["auth-script"])

    def test_config_says_who_is_asked(self):
        for arguments, value in (((), "dms"), (("-o", "dms.provisioner=LDAP"), "ldap dms"),
                                 (("-o", "dms.provisioner=LDAP", "-o", "directory.sources=ldap"), "ldap"),
                                 (("-o", "directory.sources=lua", "-o", "dms.provisioner=LDAP"), "lua"),
                                 (("-o", "dms.provisioner=LDAP", "-o", "dms.provisioner=FILE"), "dms")):
            with self.subTest(arguments=arguments):
                command = [PROGRAM, "-c", "/dev/null", "-o", f"rules.path={SOURCE / 'rules'}", "-o", f"lua.path={SOURCE / 'lua'}",
                           *arguments, "config", "directory.sources"]
                shown = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout
                self.assertTrue(shown.startswith(f"directory.sources = {value}\n"), shown)

    def test_ldap_without_its_files(self):
        missing = ("-o", "directory.sources=ldap", "-o", f"ldap.path={self.folder}/none")
        told = self.run_program(*missing, "resolve", "x@example.com", status=2).stderr
        self.assertIn(f"ldap.path: there is no {self.folder}/none/ldap-users.cf: LDAP table users: server_host: is empty; write",
                      told)
        # Here the file is of no account.
        told = self.run_program(*missing, "-o", "ldap.server_host=127.0.0.1", "-o", "ldap.query_filter_user=(mail=%s",
                                "resolve", "x@example.com", status=2).stderr
        self.assertIn("foregate resolve: ldap.query_filter_user: query_filter: the parentheses are not in pairs", told)
        self.run_program(*missing, "-o", "ldap.server_host=127.0.0.1:1", "resolve", "x@example.com", status=1)


if __name__ == "__main__":
    unittest.main()
