# SPDX-License-Identifier: MIT
"""What a private Postfix makes of addresses, with the tables of a config volume: the truth for `foregate resolve`.

A stranger's RCPT gives the status; a trusted client's message is held, and cleanup's queue file shows the envelope;
trivial-rewrite, asked as the queue manager asks it, says where each recipient goes. Only mail for names at the host
is delivered, by local(8), whose aliases are the last step: its log says what becomes of it. All else is discarded,
and no command run or file written. Postfix is started anew for each volume, since its processes read tables once.
Text is Latin-1 throughout: a character is a byte.
"""

import ctypes
import grp
import os
import pwd
import re
import shutil
import signal
import socket
import time
from dataclasses import dataclass

from .postfix import override
from .process import Child, LabError, accepts_unix, run, wait_until
from .volume import managed_domains

DAEMONS = "/usr/lib/postfix/sbin"
HOSTNAME = "mail.example.test"
POSTMASTER = "postmaster@example.com"   # whom local mail for root goes to
PR_SET_CHILD_SUBREAPER = 36
LIMIT_S = 60                            # for one answer

ACCOUNTS, VIRTUAL, REGEXP, LOCAL = ("postfix-accounts.cf", "postfix-virtual.cf", "postfix-regexp.cf",
                                    "postfix-aliases.cf")

MAIN_CF = """\
compatibility_level = 3.6
config_directory = {config}
queue_directory = {queue}
data_directory = {data}
maillog_file = {log}
maillog_file_prefixes = {folder}

myhostname = {hostname}
mydestination = $myhostname, localhost.$mydomain, localhost
mynetworks =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
recipient_delimiter = {delimiter}
append_dot_mydomain = no
biff = no
smtputf8_enable = no
alias_maps = hash:{config}/aliases
local_recipient_maps = $alias_maps
mailbox_transport = discard:
default_transport = discard:
virtual_transport = discard:
forward_path =
allow_mail_to_commands =
allow_mail_to_files =
notify_classes =
header_checks = static:DISCARD
internal_mail_filter_classes = bounce
hash_queue_names = corrupt
virtual_mailbox_domains = {config}/vhost
virtual_mailbox_maps = texthash:{config}/vmailbox
virtual_alias_maps = texthash:{config}/virtual{regexp}

in_flow_delay = 0
smtpd_peername_lookup = no
smtpd_relay_restrictions = permit_mynetworks, reject_unauth_destination
smtpd_recipient_restrictions =
smtpd_forbid_unauth_pipelining = no
smtpd_client_connection_count_limit = 0
smtpd_recipient_limit = 1000000
smtpd_error_sleep_time = 0
smtpd_soft_error_limit = 1000000
smtpd_hard_error_limit = 1000000
smtpd_junk_command_limit = 1000000
"""

# Bounces are born and discarded, since header_checks are for nothing else: they could come back and multiply.
# `account` answers which key of the accounts has an address: smtpd's own search, with an action for each key.
# master makes the sockets in this order, so that all are there when the last one is.
MASTER_CF = """\
postlog  unix-dgram n - n - 1 postlogd
cleanup  unix n - n - 0 cleanup
rewrite  unix - - n - - trivial-rewrite
qmgr     unix n - n 300 1 qmgr
bounce   unix - - n - 0 bounce
defer    unix - - n - 0 bounce
trace    unix - - n - 0 bounce
error    unix - - n - - error
retry    unix - - n - - error
discard  unix - - n - - discard
local    unix - n n - - local
deliver  unix n - n - - smtpd
    -o mynetworks=127.0.0.0/8
    -o smtpd_reject_unlisted_recipient=no
    -o receive_override_options=no_header_body_checks
trusted  unix n - n - - smtpd
    -o mynetworks=127.0.0.0/8
    -o smtpd_reject_unlisted_recipient=no
    -o receive_override_options=no_header_body_checks
    -o {{ smtpd_end_of_data_restrictions = check_client_access static:HOLD }}
account  unix n - n - - smtpd
    -o mynetworks=127.0.0.0/8
    -o virtual_alias_maps=
    -o {{ smtpd_recipient_restrictions = reject_unlisted_recipient,
          check_recipient_access texthash:{config}/account }}
stranger unix n - n - - smtpd
"""

# Flags of trivial-rewrite's answer (resolve_clnt.h).
BAD_SYNTAX, FAILED = 1 << 2, 1 << 3
CLASS_LOCAL, CLASS_ALIAS, CLASS_MAILBOX = 1 << 8, 1 << 9, 1 << 10

# The end of mail for one recipient in the log, and what of it is a bounce for more than want of a user.
DELIVERY = re.compile(r": (\w+): (to=<.*)$", re.M)
END = re.compile(r"to=<(.*?)>, (?:orig_to=<.*?>, )?relay=.* status=(sent|bounced|deferred) \((.*)\)")
FORWARDED = re.compile(r"forwarded as (\w+)\)?$", re.M)
REMOVED = re.compile(r"/qmgr\[\d+\]: (\w+): removed$", re.M)
BAD_ADDRESS = re.compile(r"bad recipient address syntax: (.*)$")
STUCK, TORN = "it stays in the queue", "the log does not show all of it"
KEPT = re.compile(r"mail to (file|command) is restricted$|mail system configuration error$")

SPECIALS = re.compile(r'[()<>@,;:\\"\[\]\x00-\x20\x7f]')


@dataclass(frozen=True)
class Recipient:
    address: str            # external form
    kind: str               # mailbox, local, external, unknown
    mailbox: str = None

    def __str__(self):
        return f"{self.address} ({self.kind}{' ' + self.mailbox if self.mailbox else ''})"


@dataclass(frozen=True)
class Answer:
    """error: alias (a loop, or too large), table, syntax, or stuck (in the queue, since local delivery cannot say where
    to); with the status `relay` it is not told. Behind local delivery the order of recipients means nothing, and they
    are None when an address is too long for the log."""
    status: str             # ok, unknown, relay, error, as `foregate resolve` says it
    error: str = None
    recipients: tuple = ()
    ordered: bool = True

    def __str__(self):
        if self.error:
            return f"({self.status}, {self.error})"
        if self.recipients is None:
            return f"({self.status}, too long to tell)"
        if self.status == "ok":
            return " | ".join(map(str, self.recipients))
        return f"({self.status}{'; trusted client: ' if self.recipients else ''}" \
               f"{' | '.join(map(str, self.recipients))})"


def _internal(address):
    """Without the quotes that `external` sets."""
    route, colon, rest = address.partition(":")
    if address.startswith("@") and colon:
        return route + colon + _unquoted(rest)
    return _unquoted(address)


def _unquoted(address):
    quoted = re.match(r'"((?:[^"\\]|\\.)*)"(.*)$', address, re.S)
    return re.sub(r"\\(.)", r"\1", quoted.group(1)) + quoted.group(2) if quoted else address


def external(internal):
    """An address with quotes where its local-part needs them, as Postfix writes it. What looks like a source route,
    and was quoted when it came in, stays without."""
    route, colon, rest = internal.partition(":")
    if internal.startswith("@") and colon:
        return route + colon + _quoted(rest)
    return _quoted(internal)


def _quoted(internal):
    local, at, domain = internal.rpartition("@")
    if not at:
        local, domain = internal, ""
    if not local or SPECIALS.search(local) or local[0] == "." or local[-1] == "." or ".." in local:
        local = '"' + re.sub(r'(["\\\r])', r"\\\1", local) + '"'
    return local + at + domain


def _connect(path):
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(LIMIT_S)
    connection.connect(path)
    return connection, connection.makefile("rb")


class _Chat:
    """An SMTP session on a Unix-domain socket; commands go out many at a time."""

    TOGETHER = 40

    def __init__(self, path):
        self._socket, self._stream = _connect(path)
        self._reply()
        self.say(["EHLO client.external.test"])

    def close(self):
        self._stream.close()
        self._socket.close()

    def _reply(self):
        while True:
            line = self._stream.readline()
            if not line:
                raise LabError("smtpd has hung up")
            if line[3:4] != b"-":
                return line.decode("latin-1").rstrip()

    def say(self, commands):
        replies = []
        for first in range(0, len(commands), self.TOGETHER):
            some = commands[first:first + self.TOGETHER]
            self._socket.sendall("".join(command + "\r\n" for command in some).encode("latin-1"))
            replies += [self._reply() for _ in some]
        return replies


class _Rewriter:
    """trivial-rewrite(8), asked as the queue manager does: where does mail for an address go?"""

    def __init__(self, path):
        self._socket, self._stream = _connect(path)
        self._attributes()  # the name of the protocol
        self._known = {}

    def close(self):
        self._stream.close()
        self._socket.close()

    def _string(self):
        text = bytearray()
        while True:
            byte = self._stream.read(1)
            if not byte:
                raise LabError("trivial-rewrite has hung up")
            if byte == b"\0":
                return text.decode("latin-1")
            text += byte

    def _attributes(self):
        values = {}
        while True:
            name = self._string()
            if not name:
                return values
            values[name] = self._string()

    def resolve(self, internal):
        """(recipient in internal form, flags)"""
        if internal not in self._known:
            self._socket.sendall(f"request\0resolve\0sender\0\0address\0{internal}\0\0".encode("latin-1"))
            values = self._attributes()  # the second `flags` is the one that counts, and stays
            self._known[internal] = values["recipient"], int(values["flags"])
        return self._known[internal]


def _envelope(path):
    """The recipients of a queue file, internal form, in cleanup's order."""
    with open(path, "rb") as file:
        data = file.read()
    recipients, position = [], 0
    while position < len(data):
        kind, length, shift = data[position:position + 1], 0, 0
        position += 1
        while True:
            byte = data[position]
            position += 1
            length |= (byte & 0x7f) << shift
            shift += 7
            if not byte & 0x80:
                break
        if kind == b"R":
            recipients.append(data[position:position + length].decode("latin-1"))
        position += length
    return recipients


class Oracle:
    """One after another, answers for volumes. Everything lives in `folder`, which should be in memory."""

    def __init__(self, folder):
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1)  # master's children become ours, so that we see them end
        self.folder = folder
        self._postfix = pwd.getpwnam("postfix").pw_uid
        self._postdrop = grp.getgrnam("postdrop").gr_gid
        self._round = 0

    def ask(self, volume, addresses):
        """The Answers, in order. volume: `files` {name: text}, `delimiter` and `main_cf`."""
        self._round += 1
        postfix = _Postfix(os.path.join(self.folder, f"postfix-{self._round}"), self._postfix, self._postdrop)
        try:
            postfix.start(volume)
            return postfix.answers(addresses)
        except OSError as problem:
            raise LabError(f"Postfix: {problem}\n{postfix.complaints()}") from problem
        finally:
            postfix.stop()


class _Postfix:
    def __init__(self, folder, user, group):
        self.folder, self._user, self._group = folder, user, group
        self.config, self.queue = os.path.join(folder, "etc"), os.path.join(folder, "queue")
        self.log = os.path.join(folder, "mail.log")
        self._master = None
        self._open = []

    def _make_folders(self):
        def make(path, mode=0o755, owner=0, group=-1):
            os.makedirs(path)
            os.chown(path, owner, group)
            os.chmod(path, mode)

        make(self.folder)
        make(self.config)
        make(self.queue)
        make(os.path.join(self.folder, "data"), 0o700, self._user)
        for name in ("active", "bounce", "corrupt", "defer", "deferred", "flush", "hold", "incoming", "private",
                     "saved", "trace"):
            make(os.path.join(self.queue, name), 0o700, self._user)
        make(os.path.join(self.queue, "pid"))
        make(os.path.join(self.queue, "public"), 0o710, self._user, self._group)
        make(os.path.join(self.queue, "maildrop"), 0o730, self._user, self._group)

    def _write(self, name, text):
        path = os.path.join(self.config, name)
        with open(path, "w", encoding="latin-1", newline="") as file:
            file.write(text)
        os.utime(path, (1, 1))  # Postfix does not trust a file that has just changed: it waits for a second or two

    def _write_tables(self, volume):
        accounts = logins(volume)
        self._write("virtual", volume.files.get(VIRTUAL, ""))
        if REGEXP in volume.files:
            self._write("regexp", volume.files[REGEXP])
        self._write("vhost", "".join(f"{domain}\n" for domain in vhost(volume)))
        self._write("vmailbox", "".join(f"{name} x/\n" for name in dict.fromkeys(accounts)))
        self._accounts = list(dict.fromkeys(map(fold, accounts)))
        self._write("account", "".join(f"{name} 554 account {i}\n" for i, name in enumerate(self._accounts)))
        self._write("aliases", f"root: {POSTMASTER}\n{volume.files.get(LOCAL, '')}")
        run(["postalias", "-c", self.config, f"hash:{self.config}/aliases"])

    def start(self, volume):
        self._make_folders()
        regexp = f", pcre:{self.config}/regexp" if REGEXP in volume.files else ""
        main_cf = MAIN_CF.format(
            config=self.config, queue=self.queue, data=os.path.join(self.folder, "data"), log=self.log,
            folder=self.folder, hostname=HOSTNAME, delimiter=volume.delimiter, regexp=regexp)
        self._write("main.cf", override(main_cf, volume.main_cf))
        self._write("master.cf", MASTER_CF.format(config=self.config))
        self._write_tables(volume)
        self._master = Child("postfix", [f"{DAEMONS}/master", "-c", self.config], self.log)
        wait_until(lambda: self._alive() and accepts_unix(self._public("stranger")), 30, "Postfix listening", 0.002)

    def _alive(self):
        if not self._master.running():
            raise LabError("Postfix did not start: " + self._log_text())
        return True

    def _public(self, name):
        return os.path.join(self.queue, "public", name)

    def _log_text(self):
        try:
            with open(self.log, encoding="latin-1") as file:
                return file.read()
        except FileNotFoundError:
            return ""

    def _opened(self, session):
        self._open.append(session)
        return session

    def answers(self, addresses):
        self._trusted = self._opened(_Chat(self._public("trusted")))
        self._account = self._opened(_Chat(self._public("account")))
        self._rewriter = self._opened(_Rewriter(os.path.join(self.queue, "private", "rewrite")))
        self._account.say(["MAIL FROM:<>"])
        self._boxes = {}
        told = [_status(reply) for reply in self._ask_stranger(addresses)]
        wanted = [i for i, answer in enumerate(told) if answer.status in ("ok", "relay")]
        ends = self._expand([addresses[i] for i in wanted])
        to_host = [i for i, (_, envelope) in zip(wanted, ends) if any(map(self._is_at_host, envelope))]
        behind = dict(zip(to_host, self._deliver([addresses[i] for i in to_host])))
        for i, (error, envelope) in zip(wanted, ends):
            told[i] = self._judge(told[i].status, error, envelope, behind.get(i, ()))
        if self.complaints():
            raise LabError("Postfix: " + self.complaints())
        return told

    def complaints(self):
        """What the log holds that no table may bring about."""
        return "\n".join(re.findall(r".* (?:fatal|panic): .*", self._log_text()))

    def _ask_stranger(self, addresses):
        stranger = self._opened(_Chat(self._public("stranger")))
        stranger.say(["MAIL FROM:<>"])
        return stranger.say([rcpt(address) for address in addresses] + ["RSET"])[:-1]

    def _expand(self, addresses):
        """[(error, envelope)], one message each."""
        commands = [line for address in addresses for line in ("MAIL FROM:<>", rcpt(address), "DATA", ".")]
        replies = self._trusted.say(commands)
        ends = []
        for i in range(0, len(replies), 4):
            _, accepted, _, end = replies[i:i + 4]
            if accepted.startswith("250") and end.startswith("250"):
                path = os.path.join(self.queue, "hold", end.rpartition(" ")[2])
                ends.append((None, _envelope(path)))
                os.unlink(path)
            elif accepted.startswith("250") and end.startswith("451 4.6.0"):
                ends.append(("alias", []))
            elif accepted.startswith(("250", "451")) and (end.startswith("451 4.3.0") or accepted[0] == "4"):
                ends.append(("table", []))
            else:
                raise LabError(f"Postfix about {addresses[i // 4]}: {replies[i:i + 4]}")
        return ends

    def _is_at_host(self, internal):
        """Is it mail for local(8)? The queue manager throws away what is for double-bounce."""
        to, flags = self._rewriter.resolve(internal)
        return internal and flags & CLASS_LOCAL and not flags & BAD_SYNTAX and not fold(to).startswith("double-bounce@")

    def _deliver(self, addresses):
        """Delivers to each, as far as it is for the host. [what came of it], see _follow."""
        if not addresses:
            return []
        lines = [line for address in addresses for line in ("MAIL FROM:<>", rcpt(address), "DATA", ".")]
        replies = self._opened(_Chat(self._public("deliver"))).say(lines)[3::4]
        roots = [re.fullmatch(r"250 .*: queued as (\w+)", reply).group(1) for reply in replies]
        wait_until(lambda: self._are_done(roots), LIMIT_S, "local delivery", 0.005)
        self._ends, self._torn = {}, set()
        for message, line in DELIVERY.findall(self._log_text()):
            end = END.fullmatch(line)
            if end:
                self._ends.setdefault(message, []).append(end.groups())
            else:
                self._torn.add(message)
        return [self._follow(root) for root in roots]

    def _are_done(self, roots):
        """Are these messages, and all that local delivery made of them, out of the way? What the log says of a message
        stands before its removal."""
        text = self._log_text()
        self._stuck = set(os.listdir(os.path.join(self.queue, "deferred")))
        done = self._stuck | set(REMOVED.findall(text))
        return done.issuperset(roots) and done.issuperset(FORWARDED.findall(text))

    def _follow(self, message):
        """Addresses (internal) whose mail went on or was kept, and Recipients that are to get none. STUCK, TORN."""
        if message in self._stuck:
            return STUCK
        if message in self._torn:
            return TORN
        ends = []
        for to, status, text in self._ends.get(message, []):
            forwarded, bad = FORWARDED.search(text), BAD_ADDRESS.search(text)
            if forwarded:
                more = self._follow(forwarded.group(1))
                if more in (STUCK, TORN):
                    return more
                ends += more
            elif bad:
                ends.append(Recipient(external(bad.group(1)), "unknown"))
            elif status == "sent":
                ends.append(_internal(to))
            else:
                ends.append(Recipient(to, "local" if KEPT.search(text) else "unknown"))
        return ends

    def _judge(self, status, error, envelope, behind):
        """behind: what local delivery made of it, when it had to do with it."""
        if behind == STUCK:
            error = "stuck"
        if error:
            return Answer(status) if status == "relay" else Answer("error", error)
        if behind == TORN:
            return Answer(status, None, None)
        ordered = not any(map(self._is_at_host, envelope))
        ends = envelope if ordered else behind
        self._find_boxes([end for end in ends if isinstance(end, str)])
        recipients = tuple(self._recipient(end) if isinstance(end, str) else end for end in ends)
        return Answer(status, None, recipients, ordered)

    def _recipient(self, internal):
        to, flags = self._rewriter.resolve(internal)
        address = external(to if internal else "")
        if flags & FAILED:
            return Recipient(address, "failed")
        if flags & BAD_SYNTAX or flags & CLASS_ALIAS:
            return Recipient(address, "unknown")
        if flags & CLASS_LOCAL:
            return Recipient(address, "local")
        if flags & CLASS_MAILBOX:
            box = self._boxes[to]
            return Recipient(address, "mailbox" if box else "unknown", box)
        return Recipient(address, "external")

    def _find_boxes(self, recipients):
        routed = dict(map(self._rewriter.resolve, recipients))
        new = [to for to, flags in routed.items()
               if flags & CLASS_MAILBOX and not flags & BAD_SYNTAX and to not in self._boxes]
        # smtpd would take off a source route, which delivery does not.
        self._boxes.update((to, None) for to in new if to.startswith("@"))
        new = [to for to in new if to not in self._boxes]
        for to, reply in zip(new, self._account.say([rcpt(external(to)) for to in new])):
            found = re.search(r"^554 .*: account (\d+)$", reply)
            if not found and not reply.startswith("550") and not fold(to).startswith("double-bounce@"):
                raise LabError(f"Postfix about the account of {to}: {reply}")
            self._boxes[to] = self._accounts[int(found.group(1))] if found else None

    def stop(self):
        for session in self._open:
            session.close()
        if self._master:
            children = self._children()
            self._master.stop()
            for pid in children:
                _reap(pid)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _children(self):
        try:
            with open(f"/proc/{self._master.pid}/task/{self._master.pid}/children") as file:
                return [int(pid) for pid in file.read().split()]
        except FileNotFoundError:
            return []


def _reap(pid):
    """master has told its children to end; what it has not buried itself, we do."""
    end = time.monotonic() + 10
    while True:
        try:
            done, _ = os.waitpid(pid, os.WNOHANG)
        except ChildProcessError:
            return
        if done:
            return
        if time.monotonic() > end:
            os.kill(pid, signal.SIGKILL)
            end += 10
        time.sleep(0.001)


def _status(reply):
    """What a stranger was told at RCPT; `ok` may still become an error."""
    code = reply[:3]
    if code == "250":
        return Answer("ok")
    if code == "550":
        return Answer("unknown")
    if code in ("554", "454"):
        return Answer("relay")
    if code == "451":
        return Answer("error", "table")
    if code == "501":
        return Answer("error", "syntax")
    raise LabError(f"Postfix at RCPT: {reply}")


def rcpt(address):
    return f"RCPT TO:{address}" if re.fullmatch(r"<.*>", address) else f"RCPT TO:<{address}>"


def fold(text):
    return re.sub("[A-Z]+", lambda letters: letters.group(0).lower(), text)


def logins(volume):
    return [line.partition("|")[0] for line in script_lines(volume.files.get(ACCOUNTS, ""))]


def vhost(volume):
    """The lines of Postfix's virtual_mailbox_domains."""
    words = [re.split("[ \t]", line.strip(" \t"))[0] for line in script_lines(volume.files.get(VIRTUAL, ""))]
    return managed_domains(logins(volume), words)


def script_lines(text):
    """A file as docker-mailserver's scripts read it: no blank lines, no comments, no CR."""
    return [line for line in text.replace("\r\n", "\n").split("\n") if re.search(r"^\s*[^\s#]", line, re.ASCII)]
