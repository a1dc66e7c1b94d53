# SPDX-License-Identifier: MIT
"""A relay host in front of docker-mailserver: a Postfix of its own with Foregate, configured by the files in deploy/relay.

The files are used as they stand; only paths, addresses and ports in them become those of the lab.
"""

import os
import re
import signal

from .gateway import SOURCE, Gateway, program
from .lab import Lab
from .postfix import DAEMONS, HOSTNAME, Postfix, override
from .process import Child, accepts, free_port, run, tail, wait_until

FILES = os.path.join(SOURCE, "deploy", "relay")
FRONT, BACK = "127.0.0.21", "127.0.0.22"    # 10.8.0.1 and 10.8.0.2

# What the lab adds to the relay's main.cf: folders of its own, no DNS, the rest of the Internet is the sink.
LAB_MAIN_CF = """
config_directory = {config}
queue_directory = {queue}
data_directory = {data}
maillog_file = {log}
maillog_file_prefixes = {folder}
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
smtp_bind_address = {front}
smtp_dns_support_level = disabled
smtpd_peername_lookup = no
default_transport = smtp:[127.0.0.1]:{sink}
"""


def shipped(name):
    with open(os.path.join(FILES, name)) as file:
        return file.read()


class Substitution:
    """What becomes of names and addresses in the files. Each must be in one of them, else they say something else."""

    def __init__(self, replacements):
        self._replacements = replacements
        self._unused = set(replacements)

    def __call__(self, name):
        text = shipped(name)
        for old, new in self._replacements.items():  # longer ones stand first
            if old in text:
                self._unused.discard(old)
                text = text.replace(old, new)
        return text

    def check(self):
        if self._unused:
            raise ValueError(f"deploy/relay has nothing like {sorted(self._unused)} any more")


def assignments(text):
    """The `name = value` lines of a foregate.conf."""
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return {name.strip(): value.strip() for name, _, value in (line.partition("=") for line in lines)}


class Front(Postfix):
    """The relay's Postfix."""

    def __init__(self, folder, main_cf, master_cf, sink, extra=""):
        super().__init__(folder, None, lmtp=None, quota_status=None, sink=sink, mynetworks=None)
        self._main_cf, self._master_cf = main_cf, master_cf
        self._extra_main_cf = override(LAB_MAIN_CF.format(front=FRONT, **self._values), extra)
        self.port = self.outbound_port = None
        self._more_ports = []

    def start(self):
        self._write("main.cf", override(self._main_cf, self._extra_main_cf))
        self._write("master.cf", self._master_cf)
        self._master = Child("postfix", [f"{DAEMONS}/master", "-c", self.config],
                             os.path.join(self.folder, "master.out"))
        wait_until(lambda: self._alive() and all(map(accepts, [self.port, *self._more_ports]))
                   and accepts(self.outbound_port, FRONT), 15, "the relay listening")

    def add_listener(self, port, *options):
        """One more, before start()."""
        self._more_ports.append(port)
        self._master_cf += f"127.0.0.1:{port} inet n - n - - smtpd\n" + "".join(f"    -o {one}\n" for one in options)

    def set(self, main_cf):
        """Other settings, from the next connection on."""
        self._extra_main_cf = override(self._extra_main_cf, main_cf)
        self._write("main.cf", override(self._main_cf, self._extra_main_cf))
        os.utime(os.path.join(self.config, "main.cf"), (0, 0))  # Postfix waits until a file is no longer fresh
        self.reload()

    def reload(self):
        """`postfix reload`, and until it is done."""
        def reloads():
            return self.log_text().count(" reload -- version")
        before = reloads()
        self._master.signal(signal.SIGHUP)
        wait_until(lambda: reloads() > before, 15, "the relay to reload")

    def flush(self):
        """`postqueue -f`: what is deferred is tried now."""
        run(["postqueue", "-c", self.config, "-f"], env={**os.environ, "MAIL_CONFIG": self.config})


class RelayLab(Lab):
    """A Lab whose Postfix and Dovecot stand behind a relay with Foregate. `mx` is the relay's listener.

    back       False: nothing stands behind it; all that it sends goes to the sink, and quota is not asked
    copy       False: the relay has no copy of the volume; front_cf and options say what takes its place
    front_cf   settings of the relay's main.cf that replace those of deploy/relay
    """

    def __init__(self, volume, foregate=True, options=None, *, back=True, copy=True, front_cf="", main_cf="",
                 **more):
        self.front = None
        self._has_back, self._has_copy = back, copy
        ports = [free_port() for _ in range(5)]
        super().__init__(volume, None, **more)
        try:
            self._build(foregate, options, ports, front_cf, main_cf)
        except BaseException:
            self._stop_servers()
            self._remove()
            raise

    def _build(self, foregate, options, ports, front_cf, main_cf):
        outbound, port, quota_port, milter, userdb = ports
        self.milter_port = milter   # which main.cf names; Foregate listens there, unless options say otherwise
        folder = os.path.join(self.folder, "front")
        os.mkdir(folder)
        self.front_volume = os.path.join(folder, "volume")
        if self._has_copy:
            self.copy_volume()
        substitute = Substitution({
            "127.0.0.0/8 [::1]/128 ": "",               # clients of all kinds live there in the lab
            "[10.8.0.1]:10025": f"[{FRONT}]:{outbound}",
            "10.8.0.1:10025": f"{FRONT}:{outbound}",
            "[10.8.0.2]:25": f"[127.0.0.1]:{self.postfix.stock_mx}",
            "inet:10.8.0.2:12340": f"inet:{BACK}:{quota_port}",
            "port = 12340": f"port = {quota_port}",
            "inet:10.8.0.2:12342": f"inet:{BACK}:{userdb}",
            "port = 12342": f"port = {userdb}",
            "10.8.0.1": FRONT,
            "10.8.0.2": BACK,
            "inet:127.0.0.1:8899": f"inet:127.0.0.1:{milter}",
            "inet:8899@127.0.0.1": f"inet:{milter}@127.0.0.1",
            "smtp      inet": f"127.0.0.1:{port} inet",
            "/var/lib/foregate/volume": self.front_volume,
            "/usr/local/share/foregate/rules": os.path.join(SOURCE, "rules"),
            "/etc/foregate/rules": os.path.join(FILES, "rules"),
            "mail.example.com": HOSTNAME,
        })
        front_main, front_master = substitute("main.cf"), substitute("master.cf")
        settings = assignments(substitute("foregate.conf"))
        back_main, dovecot = substitute("dms/postfix-main.cf"), substitute("dms/dovecot.cf")
        userdb_listener = substitute("dms/dovecot-userdb.cf")
        substitute.check()
        if not self._has_copy:
            dovecot += userdb_listener
            settings["dovecot.userdb"] = f"inet:{BACK}:{userdb}"

        if not self._has_back:
            front_cf = override(f"relay_transport = smtp:[127.0.0.1]:{self.sink.port}\n", front_cf)
            settings["quota.enabled"] = "no"
        with open(self.dovecot.config, "a") as file:
            file.write(dovecot)
        # The lab sends everything for others to the sink; here it has to pass the relay.
        self.postfix.set_extra(override(override(
            f"smtp_bind_address = {BACK}\ndefault_transport = smtp\n", back_main), main_cf))
        self.front = Front(folder, front_main, front_master, self.sink.port, front_cf)
        self.front.port, self.front.outbound_port = port, outbound
        if foregate:
            self.gateway = Gateway(program() if foregate is True else foregate, folder, {**settings, **(options or {})})

    def copy_volume(self):
        """As cron does it on the relay."""
        run([os.path.join(FILES, "copy-volume"), self.volume, self.front_volume])

    # -- starting and ending

    def start(self):
        if self._has_back:
            self.dovecot.start()
        if self.gateway:
            self.gateway.start()
        if self._has_back:
            self.postfix.start()
        self.front.start()
        return self

    def _stop_servers(self):
        if self.front:
            self.front.stop()
        super()._stop_servers()

    def print_logs(self, lines=60):
        super().print_logs(lines)
        for name in ("foregate.log", "mail.log", "master.out"):
            path = os.path.join(self.folder, "front", name)
            if os.path.exists(path) and os.path.getsize(path):
                print(f"--- end of the relay's {name}\n{tail(path, lines)}")

    # -- what tests do

    @property
    def mx(self):
        return self.front.port

    def wait_empty(self, limit_s=30):
        """Until nothing is on its way: reports go back through the relay."""
        def empty():
            return not any(server.queued() for server in (self.front, self.postfix, self.front, self.postfix))
        wait_until(empty, limit_s, "empty queues of both servers")

    def copies(self, mailbox, subject=None):
        self.wait_empty()
        return self.dovecot.copies(mailbox, subject)

    def change_volume(self, files):
        """Writes the files {name: text, None to remove}, and waits until both servers go by them."""
        for name, text in files.items():
            if text is None:
                os.unlink(os.path.join(self.volume, name))
            else:
                self.write_volume_file(name, text)
        loaded = self._loads()
        self.copy_volume()
        self.front.reload()
        if self._has_back:
            self.reload_servers()
        wait_until(lambda: self._loads() > loaded, 20, "Foregate to load the volume")

    def _loads(self):
        return len(re.findall(r"directory_loaded", self.gateway.log_text()))
