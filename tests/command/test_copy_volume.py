"""deploy/relay/copy-volume: what it copies, what it leaves behind, and that it copies all or nothing."""

import os
import subprocess
import tempfile
import unittest
from pathlib import Path

SCRIPT = Path(__file__).resolve().parents[2] / "deploy/relay/copy-volume"
ACCOUNTS = "alice@Example.com|{SHA512-CRYPT}$6$x$secret|userdb_quota_rule=*:storage=1G\n"


class CopyVolume(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.source = Path(self.folder.name, "a source")
        self.target = Path(self.folder.name, "a target")
        self.source.mkdir()

    def copy(self, **files):
        for name, text in files.items():
            self.source.joinpath(f"postfix-{name}.cf").write_text(text)
        return subprocess.run([SCRIPT, self.source, self.target], capture_output=True, text=True, timeout=30)

    def copied(self):
        return {name: self.target.joinpath(name).read_text() for name in os.listdir(self.target)}

    def test_no_hash_is_copied(self):
        done = self.copy(accounts=ACCOUNTS + "#gone@example.com|{SHA}secret\n  # bob@example.com|{SHA}secret\n|x|secret\n")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertEqual(self.copied(), {
            "postfix-accounts.cf": "alice@Example.com|-|userdb_quota_rule=*:storage=1G\n#\n#\n#\n",
            "relay_domains": "example.com\n"})

    def test_last_line_without_its_end(self):
        self.copy(accounts="alice@a.test|x", virtual="list@b.test alice@a.test\n@c.test @a.test")
        self.assertEqual(self.copied()["relay_domains"], "a.test\nb.test\nc.test\n")

    def test_a_file_that_goes_is_removed(self):
        self.copy(accounts=ACCOUNTS, virtual="list@b.test alice@example.com\n")
        self.source.joinpath("postfix-virtual.cf").unlink()
        self.assertEqual(self.copy().returncode, 0)
        self.assertEqual(sorted(self.copied()), ["postfix-accounts.cf", "relay_domains"])

    def test_what_cannot_be_read_changes_nothing(self):
        """Nobody may read a folder as a file, not even root."""
        self.copy(accounts=ACCOUNTS, virtual="list@b.test alice@example.com\n")
        before = self.copied()
        for name in ("virtual", "accounts"):
            with self.subTest(name):
                path = self.source / f"postfix-{name}.cf"
                path.unlink()
                path.mkdir()
                done = self.copy()
                self.assertEqual(done.returncode, 1)
                self.assertIn("nothing is copied", done.stderr)
                self.assertEqual(self.copied(), before)

    def test_source_away(self):
        """rsync --delete may come next: no empty folder for it."""
        self.assertEqual(self.copy().returncode, 1)
        self.assertFalse(self.target.exists())

    def test_no_accounts(self):
        self.copy(accounts=ACCOUNTS)
        before = self.copied()
        for text in ("", "# none\n"):
            with self.subTest(text):
                done = self.copy(accounts=text)
                self.assertEqual((done.returncode, done.stderr.strip()),
                                 (1, f"copy-volume: no accounts in {self.source}, nothing is copied"))
                self.assertEqual(self.copied(), before)


if __name__ == "__main__":
    unittest.main()
