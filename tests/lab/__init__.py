# SPDX-License-Identifier: MIT
"""A private Postfix and Dovecot on loopback, set up as docker-mailserver does it. See README.md."""

from .front import RelayLab
from .gateway import SOURCE, Gateway, program
from .lab import Lab
from .ldap_mode import LdapLab, LdapRelayLab
from .process import LabError, free_port, wait_until
from .smtp import STRANGER, TRUSTED, Dialogue, Reply, Session, converse, make_message
from .stunnel import Stunnel
from .volume import PASSWORD, account_lines, write_volume

__all__ = ["SOURCE", "Gateway", "program", "Lab", "LdapLab", "LdapRelayLab", "RelayLab", "LabError", "free_port",
           "wait_until", "STRANGER", "TRUSTED", "Dialogue", "Reply", "Session", "converse", "make_message", "Stunnel",
           "PASSWORD", "account_lines", "write_volume"]
