# SPDX-License-Identifier: MIT
"""A private slapd on loopback with docker-mailserver's schema, and Postfix's ldap_table(5) files for it."""

import base64
import os
import signal
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor

from .process import Child, LabError, accepts, free_port, frozen, run, wait_until

HERE = os.path.dirname(os.path.abspath(__file__))
SUFFIX = "dc=example,dc=test"
PEOPLE = f"ou=people,{SUFFIX}"
ADMIN, PASSWORD = f"cn=admin,{SUFFIX}", "geheim # 1"

CONFIG = """\
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
include {here}/postfix-book.schema
pidfile {folder}/slapd.pid
argsfile {folder}/slapd.args
modulepath /usr/lib/ldap
moduleload back_mdb
loglevel none
threads 4
{tls}
database mdb
maxsize 67108864
suffix "{suffix}"
rootdn "{admin}"
rootpw "{password}"
directory {folder}/data
index objectClass,mail,mailAlias,mailGroupMember,uid eq
dbnosync
"""

# As docker-mailserver ships them, without what its variables replace.
FILES = {
    "users": "query_filter = (&(mail=%s)(mailEnabled=TRUE))\nresult_attribute = mail\n",
    "groups": "query_filter = (&(mailGroupMember=%s)(mailEnabled=TRUE))\nresult_attribute = mail\n",
    "aliases": "query_filter = (&(mailAlias=%s)(mailEnabled=TRUE))\nresult_attribute = mail\n",
    "domains": "query_filter = (&(|(mail=*@%s)(mailalias=*@%s))(mailEnabled=TRUE))\nresult_attribute = mail\n",
    "senders": "query_filter = (mail=%s)\nresult_attribute = mail, uid\n",
}


def entry(dn, classes, **attributes):
    """LDIF; a value may be a list. Everything is written in base64, so that any bytes may stand there."""
    lines = [("dn", dn), *(("objectClass", name) for name in classes)]
    for name, values in attributes.items():
        lines += [(name, value) for value in (values if isinstance(values, list) else [values])]
    return "".join(f"{name}:: {base64.b64encode(value.encode()).decode()}\n" for name, value in lines) + "\n"


def person(uid, mail, **attributes):
    return entry(f"uid={uid},{PEOPLE}", ["inetOrgPerson", "PostfixBookMailAccount", "extensibleObject"], uid=uid, cn=uid,
                 sn=uid, mail=mail, **{"mailEnabled": "TRUE", **attributes})


BASE = (entry(SUFFIX, ["domain"], dc="example") + entry(PEOPLE, ["organizationalUnit"], ou="people"))


class Slapd:
    """A context manager. `certificate` and its `authority` have files, see tests/milter/certificates.py."""

    def __init__(self, folder, ldif, certificate=None, authority=None):
        self.folder = os.path.join(folder, "slapd")
        self.port, self.tls_port = free_port(), free_port()
        self.socket = os.path.join(self.folder, "ldapi")
        self.log = os.path.join(self.folder, "slapd.log")
        self.config = os.path.join(self.folder, "slapd.conf")
        self._child = None
        os.makedirs(os.path.join(self.folder, "data"))
        self.write_config(certificate, authority)
        run(["slapadd", "-q", "-f", self.config], input=(BASE + ldif).encode())

    @property
    def url(self):
        return f"ldap://127.0.0.1:{self.port}"

    @property
    def socket_url(self):
        return f"ldapi://{self.socket.replace('/', '%2F')}"

    @property
    def pid(self):
        return self._child.pid

    def write_config(self, certificate=None, authority=None):
        """Counts from the next start on."""
        tls = ""
        if certificate:
            tls = (f"TLSCertificateFile {certificate.certificate}\nTLSCertificateKeyFile {certificate.key}\n"
                   f"TLSCACertificateFile {authority.certificate}\n")
        with open(self.config, "w") as file:
            file.write(CONFIG.format(here=HERE, folder=self.folder, tls=tls, suffix=SUFFIX, admin=ADMIN,
                                     password=PASSWORD))
        self._urls = [self.url, self.socket_url]
        if certificate:
            self._urls.append(f"ldaps://127.0.0.1:{self.tls_port}")

    def start(self):
        self._child = Child("slapd", ["/usr/sbin/slapd", "-d", "0", "-f", self.config, "-h", " ".join(self._urls)],
                            self.log)
        wait_until(self._ready, 15, "slapd listening")

    def _ready(self):
        if not self._child.running():
            raise LabError(f"slapd ended with status {self._child.process.returncode}, see {self.log}")
        return accepts(self.port)

    def stop(self):
        if self._child:
            self._child.stop()

    def kill(self):
        self._child.signal(signal.SIGKILL)
        self._child.process.wait()

    def frozen(self):
        """A block during which it hangs: connections are taken by the kernel, and nobody answers."""
        return frozen([self.pid])

    def write_files(self, folder, common="", **variants):
        """ldap-*.cf for it; a variant is the text of a table in place of the shipped one, None for no file."""
        head = (f"server_host = {self.url}\nsearch_base = {PEOPLE}\nbind = yes\nbind_dn = {ADMIN}\n"
                f"bind_pw = {PASSWORD}\nversion = 3\n{common}")
        texts = {f"ldap-{name}.cf": head + text for name, text in {**FILES, **variants}.items() if text is not None}
        os.makedirs(folder, exist_ok=True)
        for name, text in {"main.cf": "", **texts}.items():
            path = os.path.join(folder, name)
            with open(path, "w") as file:
                file.write(text)
            os.utime(path, (time.time() - 60,) * 2)  # Postfix waits until nobody may be writing any more
        return folder

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *error):
        self.stop()


class Lookup:
    """ldap_lookup (tests/ldap/ldap_lookup.c) as a child."""

    def __init__(self, program, **settings):
        self.process = subprocess.Popen(
            [program, *(f"{name}={value}" for name, value in settings.items())], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors="surrogateescape", bufsize=1)

    def begin(self, *questions):
        """Questions are (table, key)."""
        for table, key in questions:
            self.process.stdin.write(f"{table} {key}\n")
        self.process.stdin.flush()

    def take(self):
        """The next answer: (number, kind, milliseconds, text, quota)."""
        line = self.process.stdout.readline()
        if not line:
            raise LabError(f"ldap_lookup has ended: {self.process.stderr.read()}")
        number, kind, took_ms, *rest = line.rstrip("\n").split("\t")
        return int(number), kind, float(took_ms), rest[0], rest[1] if len(rest) > 1 else ""

    def ask_all(self, questions):
        """The answers in the order of the questions, however many there are."""
        writer = threading.Thread(target=self.begin, args=questions)
        writer.start()
        answers = sorted(self.take() for _ in questions)
        writer.join()
        return [answer[1:] for answer in answers]

    def ask(self, table, key):
        self.begin((table, key))
        return self.take()[1:]

    def end(self):
        self.process.stdin.close()
        status = self.process.wait(60)
        complaint = self.process.stderr.read()
        self.process.stdout.close()
        self.process.stderr.close()
        return status, complaint

    def __enter__(self):
        return self

    def __exit__(self, *error):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


def postmap(path, keys):
    """What Postfix says of keys, all in one go: ({key: value}, whether it could tell)."""
    done = subprocess.run(["postmap", "-q", "-", f"ldap:{path}"], input="".join(key + "\n" for key in keys).encode(),
                          capture_output=True, timeout=60, env={**os.environ, "MAIL_CONFIG": os.path.dirname(path)})
    found = dict(line.split("\t", 1) for line in done.stdout.decode().splitlines())
    return found, b"fatal" not in done.stderr


def postmap_all(path, keys):
    """{key: value}; None: it has nothing; False: it cannot tell. At a key where it cannot it ends, after a second."""
    found, could = postmap(path, keys)
    if could:
        return {key: found.get(key) for key in keys}
    with ThreadPoolExecutor(48) as pool:
        each = pool.map(lambda key: postmap(path, [key]), keys)
        return {key: found.get(key) if could else False for key, (found, could) in zip(keys, each)}
