#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Random directories in LDAP: a private Postfix in docker-mailserver's LDAP mode and `foregate resolve` are asked about the
same addresses, with the same ldap-*.cf files, of the same slapd, and must agree.

    ldap_agreement.py [--seed N] [--addresses N] [--seconds N] [--volume N]

Exit status: 0 no difference, 1 a difference, 2 something else failed. Needs root.
"""

import argparse
import os
import random
import shutil
import signal
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from lab import LabError  # noqa: E402
from lab.agreement import Foregate, agree, readable, visible  # noqa: E402
from lab.ldap_mode import MAIN_CF, NARROW, WITH_PATTERNS, forward  # noqa: E402
from lab.nasty import Generator  # noqa: E402
from lab.oracle import ACCOUNTS, REGEXP, VIRTUAL, Oracle, fold, logins, script_lines  # noqa: E402
from lab.postfix import override  # noqa: E402
from lab.slapd import Slapd, person  # noqa: E402
from lab.volume import managed_domains  # noqa: E402

VOLUME_ADDRESSES = 60


class LdapGenerator(Generator):
    """The accounts of a volume become people in LDAP, its aliases mailAlias and mailGroupMember of those they lead to. Of
    postfix-virtual.cf something is left, whose domains count and nothing else."""

    def _volume(self):
        self._leads = []        # (key, target, attribute)
        return super()._volume()

    def virtual(self):
        for _ in range(self.pick([3, 6, 10, 16])):
            key = self.key()
            self.keys.append(key)
            kind = self.pick(["mailAlias", "mailAlias", "mailGroupMember"])
            targets = [self.value(key)] if self.chance(8) else \
                [self.target(key) for _ in range(self.pick([1, 1, 1, 2, 3]))]
            self._leads += [(key if self.chance(5) else fold(key), target, kind) for target in targets]
        return "".join(f"{self.name()}@{self.pick(self.managed)} {self.name()}@{self.pick(self.domains)}\n"
                       for _ in range(self.pick([0, 1, 2])))

    def people(self, case):
        """LDIF. An IA5String has no other characters than ASCII, and an attribute each value once."""
        entries, seen = {fold(login): [True, login, {}] for login in logins(case)}, set()
        for key, target, kind in self._leads:
            target = " ".join(target.split())
            if target and key.strip() and (key + target).isascii() and (key, target, kind) not in seen:
                seen.add((key, target, kind))
                found = entries.setdefault(fold(target), [False, target, {}])
                values = found[2].setdefault(kind, [])
                if fold(key) not in map(fold, values):
                    values.append(key)
        return "".join((person if is_account else forward)(f"e{number}", mail, **attributes)
                       for number, (is_account, mail, attributes) in enumerate(entries.values()))


def settings(case, tables):
    """Of docker-mailserver's LDAP mode, with the tables of a folder."""
    words = [line.split()[0] for line in script_lines(case.files.get(VIRTUAL, ""))]
    domains = " ".join([*managed_domains([], words), "$mydomain"])
    mode = override(MAIN_CF, WITH_PATTERNS) if REGEXP in case.files else MAIN_CF
    return mode.replace("$config_directory/vhost, $mydomain", domains).replace("ldap:$config_directory", f"ldap:{tables}")


class Run:
    def __init__(self, folder, seed):
        self._folder, self._seed = folder, seed
        os.mkdir(os.path.join(folder, "oracle"))
        self._oracle = Oracle(os.path.join(folder, "oracle"))
        self._tables = os.path.join(folder, "tables")
        self._foregate = Foregate(folder, {"dms.provisioner": "LDAP", "ldap.path": self._tables, "ldap.timeout": "10s"})
        self.asked = self.found = self.differences = 0

    def volume(self, number, count):
        generator = LdapGenerator(f"{self._seed}/{number}")
        case = generator.case(count)
        ldif = generator.people(case)
        folder = os.path.join(self._folder, f"volume{number}")
        os.mkdir(folder)
        with Slapd(folder, ldif) as slapd:
            slapd.write_files(self._tables, **NARROW)
            case.main_cf = settings(case, self._tables)
            truth = self._oracle.ask(case, case.addresses)
            told = self._foregate.ask(case)
        for address, right, got in zip(case.addresses, truth, told):
            self.asked += 1
            self.found += bool(right.recipients)
            if not agree(right, got) and not address.endswith("\\"):  # that would hide the > of RCPT
                self._report(number, case, ldif, address, right, got)

    def _report(self, number, case, ldif, address, right, got):
        self.differences += 1
        print(f"\nDIFFERENCE: --seed {self._seed} --volume {number}, delimiter {case.delimiter!r}\n{visible(address)} -> "
              f"{visible(str(readable(right)))}\nForegate says: {visible(str(got))}", flush=True)
        if self.differences == 1:
            print(f"{ldif}\n{case.files}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", default=str(random.SystemRandom().randrange(10 ** 9)), help="repeats a run")
    parser.add_argument("--addresses", type=int, default=300)
    parser.add_argument("--seconds", type=int, default=20, help="no further volume after so long; some take as long alone")
    parser.add_argument("--volume", type=int, help="only this one of the seed")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(2))  # so that servers are ended
    print(f"seed {options.seed}", flush=True)
    begin = time.monotonic()
    folder = tempfile.mkdtemp(prefix="foregate-", dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else None)
    os.chmod(folder, 0o755)
    try:
        run = Run(folder, options.seed)
        volumes = range(-(-options.addresses // VOLUME_ADDRESSES)) if options.volume is None else [options.volume]
        for number in volumes:
            if time.monotonic() - begin < options.seconds:
                run.volume(number, VOLUME_ADDRESSES)
    except LabError as problem:
        print(f"seed {options.seed}: {problem}", file=sys.stderr)
        return 2
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print(f"{run.asked} addresses, {run.found} of them lead somewhere, {run.differences} divergences, seed {options.seed}, "
          f"{time.monotonic() - begin:.1f} seconds")
    return 1 if run.differences or run.found < run.asked // 8 else 0


if __name__ == "__main__":
    sys.exit(main())
