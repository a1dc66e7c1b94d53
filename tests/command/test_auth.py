"""`foregate auth`, and what `foregate check` says of auth scripts, as a user types them."""

import json
import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[2]
PROGRAM = os.environ.get("FOREGATE") or str(SOURCE / "build/dev/foregate")
SECRET = "pass-word-of-alice"

SCRIPT = f"""\
function auth_passdb_lookup(req)
    if req.user == "nobody" then return dovecot.auth.PASSDB_RESULT_USER_UNKNOWN, "" end
    if req.user == "family" then return 17, "" end
    if req.user == "chatty" then
        req:log_warning("it is " .. tostring(req.password))
        print("and", req.password)
        error("with " .. tostring(req.password))
    end
    if req.user == "proxied" then
        return dovecot.auth.PASSDB_RESULT_OK, {{ nopassword = "y", pass = req.password, token = req.password, note = "of " .. tostring(req.password) }}
    end
    return dovecot.auth.PASSDB_RESULT_OK, {{ password = "{SECRET}", user = "renamed", x = "1" }}
end
function auth_userdb_lookup(req)
    return dovecot.auth.USERDB_RESULT_OK, {{ home = "/home/" .. req.user }}
end
function auth_userdb_iterate() return {{ "a\\27b", "c" }} end
"""


class Auth(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="foregate-auth-")
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.script = self.folder / "script.lua"
        self.script.write_text(SCRIPT)
        (self.folder / "postfix-accounts.cf").write_text("alice@example.com|x\n")
        (self.folder / "foregate.conf").write_text(
            f"dms.volume = {self.folder}\nhostname = mail.example.test\nrules.path = {SOURCE / 'rules'}\nrules = alias\n"
            f"lua.path = {SOURCE / 'lua'}\nlua.script = {self.script}\n")

    def run_program(self, *arguments, stdin=""):
        return subprocess.run([PROGRAM, "-c", str(self.folder / "foregate.conf"), *arguments], input=stdin, capture_output=True,
                              text=True, timeout=60, check=False)

    def test_statuses(self):
        for arguments, stdin, status in (
                (["--user", "alice"], "", 0),
                (["--user=alice", "--password-stdin"], SECRET + "\n", 0),
                (["--user=alice", "--password-stdin"], SECRET, 0),
                (["--user=alice", "--password-stdin"], SECRET + "\0x\n", 2),
                (["--user=alice", "--password-stdin"], "x" * 5000 + "\n", 2),
                (["--user=alice", "--password-stdin"], "\n", 1),
                (["--user=proxied", "--password-stdin"], SECRET + "\n", 0),
                (["--json", "--user=proxied", "--password-stdin"], SECRET + "\n", 0),
                (["--user", "alice", "--password-stdin"], "wrong\n", 1),
                (["--user", "alice", "--user", "nobody"], "", 1),
                (["--user", "alice", "--user", "family"], "", 2),
                (["--list"], "", 0),
                (["--user", "alice", "--password-stdin"], "", 2),
                (["--user", "a", "--user", "b", "--password-stdin"], SECRET + "\n", 2),
                ([], "", 2), (["--user"], "", 2), (["--user", "a", "--list"], "", 2), (["--nothing", "x"], "", 2), (["x"], "", 2)):
            with self.subTest(arguments=arguments, stdin=stdin):
                result = self.run_program("auth", *arguments, stdin=stdin)
                self.assertEqual(result.returncode, status, result.stdout + result.stderr)
                self.assertNotIn(SECRET, result.stdout + result.stderr)

    def test_answers(self):
        result = self.run_program("auth", "--json", "--user", "Alice", "--password-stdin", stdin=SECRET + "\n")
        self.assertEqual(json.loads(result.stdout), {
            "user": "Alice",
            "passdb": {"answer": "found", "user": "renamed", "fields": {"x": "1"}, "code": None, "reason": None},
            "userdb": {"answer": "found", "user": "renamed", "fields": {"home": "/home/renamed"}, "code": None, "reason": None}})
        result = self.run_program("auth", "--json", "--user", "alice", "--password-stdin", stdin="wrong\n")
        told = json.loads(result.stdout)
        self.assertEqual((told["passdb"]["answer"], told["passdb"]["code"], told["userdb"]), ("refused", "mismatch", None))
        result = self.run_program("auth", "--list")
        self.assertEqual(result.stdout, "a?b\nc\n")

    def test_passwords_are_never_told(self):
        result = self.run_program("auth", "--user", "chatty", "--password-stdin", stdin=SECRET + "\n")
        told = result.stdout + result.stderr
        self.assertNotIn(SECRET, told)
        self.assertIn('text="it is (password)"', told)
        self.assertIn('text="and (password)"', told)
        self.assertIn(f"{self.script}:7: with (password)", told)

    def test_passwords_in_fields_are_never_told(self):
        result = self.run_program("auth", "--json", "--user", "proxied", "--password-stdin", stdin=SECRET + "\n")
        fields = json.loads(result.stdout)["passdb"]["fields"]
        self.assertEqual((fields["pass"], fields["token"], fields["note"]), ("(password)", "(password)", "of (password)"))

    def test_wrong_code_says_where(self):
        result = self.run_program("auth", "--user", "family")
        self.assertIn(f"{self.script}:1: auth_passdb_lookup returned 17, which is none of dovecot.auth.PASSDB_RESULT_*", result.stdout)

    def test_no_script(self):
        for value, text in (("", "lua.script is not set"), ("/nowhere/x.lua", "No such file")):
            result = self.run_program("-o", f"lua.script={value}", "auth", "--user", "a")
            self.assertEqual(result.returncode, 2)
            self.assertIn(text, result.stderr)

    def check_finding(self, script, code, line):
        self.script.write_text(script)
        result = self.run_program("check", "--json")
        findings = [one for one in json.loads(result.stdout)["findings"] if one["file"] == str(self.script)]
        self.assertEqual([(one["code"], one["line"]) for one in findings], [(code, line)] if code else [], result.stdout)

    def test_check(self):
        self.check_finding(SCRIPT, None, 0)
        self.check_finding("\nfunction auth_userdb_lookup() end\nerror('x')", "auth-script", 3)
        self.check_finding("function auth_userdb_lookup(", "auth-script", 1)
        self.check_finding("function auth_password_verify(req, password)\n  if req:password_verify('x', password) then\n"
                           "    return 1, ''\n  end\nend", "password-verify-truth", 2)
        self.check_finding("function auth_userdb_lookup(req)\n  return dovecot.auth.USERDB_RESULT_OK\nend", "auth-script-value", 2)
        self.check_finding("function auth_userdb_lookup(req)\n  return dovecot.auth.PASSDB_RESULT_USER_UNKNOWN, ''\nend",
                           "auth-script-family", 2)


if __name__ == "__main__":
    if not os.access(PROGRAM, os.X_OK):
        sys.exit(f"{PROGRAM} is missing: build it, or set FOREGATE")
    unittest.main()
