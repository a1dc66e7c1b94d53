"""Certificates for tests, made by the command openssl in a folder of their own.

    trusted = Authority("Test CA")
    server = trusted.issue("quota.example.test")      # .certificate and .key are paths
    expired = trusted.issue("quota.example.test", days=-1)
"""

import itertools
import ssl
import subprocess
import tempfile
from pathlib import Path

_folder = tempfile.TemporaryDirectory(prefix="foregate-certificates-")
_numbers = itertools.count(1)
KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")


def openssl(*arguments):
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True, timeout=60)


class Certificate:
    """Files in PEM. `names` is what OpenSSL calls subjectAltName."""

    def __init__(self, subject):
        stem = Path(_folder.name) / f"{next(_numbers)}"
        self.subject = subject
        self.certificate, self.key = stem.with_suffix(".pem"), stem.with_suffix(".key")

    def context(self, client_authority=None, minimum=None, maximum=None):
        """Of a server that has it; with an authority, it wants clients that have one of that."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate, self.key)
        if client_authority:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(client_authority.certificate)
        if minimum:
            context.minimum_version = minimum
        if maximum:
            context.maximum_version = maximum
        return context


class Authority(Certificate):
    """Signs itself."""

    def __init__(self, subject, names=None):
        super().__init__(subject)
        extensions = ("-addext", f"subjectAltName={names}") if names else ()
        openssl("req", "-x509", *KEY, "-days", 2, "-subj", f"/CN={subject}", *extensions, "-keyout", self.key,
                "-out", self.certificate)

    def issue(self, subject, names=None, days=2):
        made = Certificate(subject)
        request, extensions = made.key.with_suffix(".csr"), made.key.with_suffix(".ext")
        extensions.write_text(f"subjectAltName={names or 'DNS:' + subject}\n")
        openssl("req", *KEY, "-subj", f"/CN={subject}", "-keyout", made.key, "-out", request)
        openssl("x509", "-req", "-in", request, "-CA", self.certificate, "-CAkey", self.key, "-CAcreateserial",
                "-days", days, "-extfile", extensions, "-out", made.certificate)
        return made
