#!/usr/bin/env python3
"""LDAP over TLS: by StartTLS and ldaps://, with certificates that are good, a stranger's, or another host's."""

import os
import shutil

from scenario import Checks, lookup, slapd_and_files
from certificates import Authority

from lab.process import run


def main():
    check = Checks()
    trusted, stranger = Authority("LDAP CA"), Authority("Other CA")
    good = trusted.issue("localhost", names="DNS:localhost,IP:127.0.0.1")
    with slapd_and_files(certificate=good, authority=trusted) as (slapd, files):
        tls, plain, by_name = f"ldaps://127.0.0.1:{slapd.tls_port}", slapd.url, f"ldap://localhost:{slapd.port}"
        for name, settings in (("StartTLS", {"server_host": plain, "start_tls": "yes"}),
                               ("StartTLS, by name", {"server_host": by_name, "start_tls": "yes"}),
                               ("ldaps", {"server_host": tls}),
                               ("ldaps, by name", {"server_host": tls.replace("127.0.0.1", "localhost")})):
            with lookup(files, ca=trusted.certificate, **settings) as ours:
                check.found(name, ours)
            with lookup(files, ca=stranger.certificate, **settings) as ours:
                check.failed(f"{name}, a stranger's certificate", ours,
                             "TLS: certificate of LDAP CA: self-signed certificate in certificate chain")
        with lookup(files, ca=trusted.certificate, jobs=32, start_tls="yes") as ours:
            keys = [f"user{number % 100}@example.test" for number in range(1000)]
            answers = ours.ask_all([("users", key) for key in keys])
            check("StartTLS, 32 at a time", [answer[2] for answer in answers] == keys, True)
        folder = os.path.join(slapd.folder, "trusted")
        os.mkdir(folder)
        shutil.copy(trusted.certificate, folder)
        run(["openssl", "rehash", folder])
        slapd.write_files(files, common=f"start_tls = yes\ntls_ca_cert_dir = {folder}\n")
        with lookup(files) as ours:
            check.found("a folder of certificates, from the file", ours)
        slapd.write_files(files)
        with lookup(files, ca="/nowhere.pem", start_tls="yes") as ours:
            check("no certificates at all", "/nowhere.pem" in ours.end()[1], True)

        slapd.stop()
        other = trusted.issue("ldap.example.test")
        slapd.write_config(other, trusted)
        slapd.start()
        for name, settings in (("StartTLS", {"start_tls": "yes"}), ("ldaps", {"server_host": tls})):
            with lookup(files, ca=trusted.certificate, **settings) as ours:
                check.failed(f"{name}, another host's certificate", ours, "mismatch, wanted is 127.0.0.1")

        slapd.stop()
        slapd.write_config()
        slapd.start()
        with lookup(files, ca=trusted.certificate, start_tls="yes") as ours:
            check.failed("a server without StartTLS is not asked in plain text", ours, "the server refuses StartTLS")
        with lookup(files) as ours:
            check.found("plain, as it was asked for", ours)
        with lookup(files, server_host=slapd.socket_url) as ours:
            check.found("a socket of the host", ours)
    check.end()


main()
