# SPDX-License-Identifier: MIT
"""A private Postfix, set up as docker-mailserver v15 sets up its own (FILE provisioner).

Differences, all forced by having neither a DNS server nor certificates nor port 25: no postscreen, no TLS, no
reject_unknown_sender_domain, no name lookup of clients, foreign mail goes to the sink.
"""

import grp
import os
import pwd
import re
import signal

from .process import Child, LabError, accepts, free_port, run, wait_until
from .volume import Volume

DAEMONS = "/usr/lib/postfix/sbin"
HOSTNAME = "mail.example.test"
QUEUES = ("maildrop", "incoming", "active", "deferred", "hold")

MAIN_CF = """\
compatibility_level = 3.6
config_directory = {config}
queue_directory = {queue}
data_directory = {data}
maillog_file = {log}
maillog_file_prefixes = {folder}
maillog_file_permissions = 0644

myhostname = {hostname}
mydestination = $myhostname, localhost.$mydomain, localhost
mynetworks = {mynetworks}
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
recipient_delimiter = {delimiter}
append_dot_mydomain = no
biff = no
alias_maps = texthash:{config}/aliases
mail_spool_directory = {folder}/spool
mailbox_size_limit = 0
message_size_limit = 10240000
smtputf8_enable = no
disable_vrfy_command = yes
smtpd_helo_required = yes
smtpd_delay_reject = yes
smtpd_forbid_bare_newline = yes
smtpd_discard_ehlo_keywords = silent-discard, dsn
smtpd_peername_lookup = no
smtp_dns_support_level = disabled
default_transport = smtp:[127.0.0.1]:{sink}

virtual_transport = lmtp:unix:{lmtp}
virtual_mailbox_domains = {config}/vhost
virtual_mailbox_maps = texthash:{config}/vmailbox
virtual_alias_maps = texthash:{config}/virtual{regexp}

smtpd_client_restrictions = permit_mynetworks, permit_sasl_authenticated, reject_unauth_destination,
    reject_unauth_pipelining
smtpd_helo_restrictions = permit_mynetworks, reject_invalid_helo_hostname, permit
mua_client_restrictions = permit_sasl_authenticated, reject
dms_smtpd_sender_restrictions = permit_sasl_authenticated, permit_mynetworks
mua_sender_restrictions = reject_authenticated_sender_login_mismatch, $dms_smtpd_sender_restrictions
smtpd_sender_restrictions = $dms_smtpd_sender_restrictions
smtpd_relay_restrictions = permit_mynetworks, permit_sasl_authenticated, defer_unauth_destination
recipient_restrictions_without_quota = permit_sasl_authenticated, permit_mynetworks,
    reject_unauth_destination, reject_invalid_helo_hostname, reject_non_fqdn_helo_hostname,
    reject_unknown_recipient_domain
smtpd_recipient_restrictions = $recipient_restrictions_without_quota,
    check_policy_service inet:127.0.0.1:{quota_status}
smtpd_sasl_auth_enable = no
smtpd_sasl_type = dovecot
smtpd_sasl_path = private/auth
smtpd_sasl_security_options = noanonymous
smtpd_sasl_local_domain = $myhostname
smtpd_tls_auth_only = no
broken_sasl_auth_clients = yes
smtpd_sender_login_maps = unionmap:{{ texthash:{config}/virtual, texthash:{config}/aliases,
    pcre:{config}/sender_login_maps.pcre, pcre:{config}/regexp }}

milter_protocol = 6
milter_default_action = accept
gateway_milters = {milters}
non_smtpd_milters = $gateway_milters
"""

# What docker-mailserver gives 587 and 465 in master.cf, less TLS.
SUBMISSION = """\
    -o smtpd_sasl_auth_enable=yes
    -o smtpd_reject_unlisted_recipient=no
    -o smtpd_sasl_authenticated_header=yes
    -o smtpd_client_restrictions=$mua_client_restrictions
    -o smtpd_relay_restrictions=permit_sasl_authenticated,reject
    -o smtpd_discard_ehlo_keywords=
    -o milter_macro_daemon_name=ORIGINATING
"""

MASTER_CF = """\
pickup    unix  n  -  n  1    1  pickup
cleanup   unix  n  -  n  -    0  cleanup
qmgr      unix  n  -  n  300  1  qmgr
rewrite   unix  -  -  n  -    -  trivial-rewrite
bounce    unix  -  -  n  -    0  bounce
defer     unix  -  -  n  -    0  bounce
trace     unix  -  -  n  -    0  bounce
verify    unix  -  -  n  -    1  verify
flush     unix  n  -  n  -    0  flush
proxymap  unix  -  -  n  -    -  proxymap
proxywrite unix -  -  n  -    1  proxymap
smtp      unix  -  -  n  -    -  smtp
relay     unix  -  -  n  -    -  smtp
showq     unix  n  -  n  -    -  showq
error     unix  -  -  n  -    -  error
retry     unix  -  -  n  -    -  error
discard   unix  -  -  n  -    -  discard
local     unix  -  n  n  -    -  local
virtual   unix  -  n  n  -    -  virtual
lmtp      unix  -  -  n  -    -  lmtp
anvil     unix  -  -  n  -    1  anvil
scache    unix  -  -  n  -    1  scache
postlog   unix-dgram n - n - 1 postlogd
"""


def override(main_cf, extra):
    """Both, each setting once. Every process would log a warning about a second one, and a postlogd that starts while
    its socket is full would for ever wait for itself to read it."""
    for name in re.findall(r"^(\w+)\s*=", extra, re.MULTILINE):
        main_cf = re.sub(rf"^{name}\s*=.*\n(?:[ \t].*\n)*", "", main_cf, flags=re.MULTILINE)
    return main_cf + extra


class Postfix:
    def __init__(self, folder, volume_folder, *, lmtp, quota_status, sink, mynetworks, delimiter="+",
                 hostname=HOSTNAME, spoof_protection=True, gateway_policy=False, main_cf=""):
        self.folder = folder
        self.volume_folder = volume_folder
        self.hostname = hostname
        self.config = os.path.join(folder, "etc")
        self.queue = os.path.join(folder, "queue")
        self.log = os.path.join(folder, "mail.log")
        self.stock_mx, self.stock_submission = free_port(), free_port()
        self.gateway_mx, self.gateway_submission = free_port(), free_port()
        self._spoof_protection = spoof_protection
        self._gateway_policy = gateway_policy
        self._extra_main_cf = main_cf
        self._values = dict(
            config=self.config, queue=self.queue, data=os.path.join(folder, "data"), log=self.log, folder=folder,
            hostname=hostname, mynetworks=mynetworks, delimiter=delimiter, sink=sink, lmtp=lmtp,
            quota_status=quota_status, milters="")
        self._master = None
        self._make_folders()

    def _make_folders(self):
        postfix = pwd.getpwnam("postfix").pw_uid
        postdrop = grp.getgrnam("postdrop").gr_gid

        def make(path, mode=0o755, owner=0, group=-1):
            os.makedirs(path)
            os.chown(path, owner, group)
            os.chmod(path, mode)

        make(self.config)
        make(self.queue)
        make(self._values["data"], 0o700, postfix)
        make(os.path.join(self.folder, "spool"), 0o1777)
        for name in ("active", "bounce", "corrupt", "defer", "deferred", "flush", "hold", "incoming", "saved",
                     "trace"):
            make(os.path.join(self.queue, name), 0o700, postfix)
        make(os.path.join(self.queue, "private"), 0o700, postfix)
        make(os.path.join(self.queue, "pid"))
        make(os.path.join(self.queue, "public"), 0o710, postfix, postdrop)
        make(os.path.join(self.queue, "maildrop"), 0o730, postfix, postdrop)

    def _write(self, name, text):
        with open(os.path.join(self.config, name), "w") as file:
            file.write(text)

    def _write_tables(self):
        """What the change detector of docker-mailserver writes, too."""
        volume = Volume(self.volume_folder)
        self._write("virtual", volume.virtual)
        self._write("regexp", volume.regexp)
        self._write("vmailbox", volume.vmailbox())
        self._write("vhost", "".join(f"{domain}\n" for domain in volume.domains()))
        self._write("sender_login_maps.pcre", "/^(.*)$/  $1\n")
        # aliases(5) as a plain table: compiling it would cost a second or more each time.
        aliases = f"root: postmaster@{self.hostname.partition('.')[2]}\n{volume.aliases}"
        self._write("aliases", re.sub(r"^([^\s#:]+):", r"\1 ", aliases, flags=re.MULTILINE))

    def use_milter(self, address):
        """`inet:host:port` or `unix:path` of Foregate; before start()."""
        self._values["milters"] = "{ %s, default_action=tempfail, connect_timeout=5s }" % address

    def set_extra(self, main_cf):
        """Settings that replace those above; before start()."""
        self._extra_main_cf = main_cf

    def start(self):
        has_regexp = os.path.exists(os.path.join(self.volume_folder, "postfix-regexp.cf"))
        regexp = f" pcre:{self.config}/regexp" if has_regexp else ""
        self._write("main.cf", override(MAIN_CF.format(regexp=regexp, **self._values), self._extra_main_cf))
        self._write("master.cf", MASTER_CF + self._listeners())
        self._write_tables()
        self._master = Child("postfix", [f"{DAEMONS}/master", "-c", self.config],
                             os.path.join(self.folder, "master.out"))
        ports = (self.stock_mx, self.stock_submission, self.gateway_mx, self.gateway_submission)
        wait_until(lambda: self._alive() and all(accepts(port) for port in ports), 15, "Postfix listening")

    def _alive(self):
        if not self._master.running():
            raise LabError("Postfix did not start, see " + self.log)
        return True

    def _listeners(self):
        stock_sender = "" if not self._spoof_protection else \
            "    -o smtpd_sender_restrictions=$mua_sender_restrictions\n"
        milter = "    -o smtpd_milters=$gateway_milters\n"
        policy = "" if self._gateway_policy else \
            "    -o smtpd_recipient_restrictions=$recipient_restrictions_without_quota\n"

        def listener(port, name, *options):
            return f"127.0.0.1:{port} inet n - n - - smtpd\n    -o syslog_name=postfix/{name}\n" + "".join(options)
        return (listener(self.stock_mx, "stock-mx")
                + listener(self.stock_submission, "stock-submission", SUBMISSION, stock_sender)
                + listener(self.gateway_mx, "mx", milter, policy)
                + listener(self.gateway_submission, "submission", SUBMISSION, milter, policy))

    def reload(self):
        """As after a change of the config volume: write the tables anew, `postfix reload`."""
        self._write_tables()
        self._master.signal(signal.SIGHUP)

    def sendmail(self, arguments, message):
        """sendmail(1), without the network: pickup takes it to cleanup and non_smtpd_milters."""
        run(["sendmail", "-C", self.config, *arguments], input=message, env={**os.environ, "MAIL_CONFIG": self.config})

    def queued(self, queues=QUEUES):
        """Number of messages, counted in the order in which they move, so that none slips through."""
        return sum(len(files) for name in queues for _, _, files in os.walk(os.path.join(self.queue, name)))

    def wait_empty(self, limit_s=20):
        """Until everything is delivered or bounced. Two looks: a bounce is born while its cause goes."""
        wait_until(lambda: self.queued() == 0 and self.queued() == 0, limit_s, "an empty queue")

    def deliveries(self, queue_id):
        """What the log says became of a message: [(transport, envelope recipient, status)]."""
        return re.findall(rf"postfix/(\w+)\[\d+\]: {queue_id}: to=<([^>]*)>.* status=(\w+)", self.log_text())

    def log_text(self):
        with open(self.log, errors="replace") as file:
            return file.read()

    def stop(self):
        if self._master:
            self._master.stop()
