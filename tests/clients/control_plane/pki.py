"""Keys, certificates and requests, made by OpenSSL."""

import hashlib
import pathlib
import re
import ssl
import subprocess

CA_EXTENSIONS = """basicConstraints=critical,CA:TRUE
keyUsage=critical,keyCertSign,cRLSign
subjectKeyIdentifier=hash
"""
DEVICE_EXTENSIONS = """basicConstraints=CA:FALSE
keyUsage=digitalSignature
extendedKeyUsage=clientAuth
"""


def openssl(*arguments, stdin=None):
    """What OpenSSL prints, in the form of text."""
    ran = subprocess.run(["openssl", *map(str, arguments)], input=stdin, capture_output=True, text=True, timeout=60)
    if ran.returncode != 0:
        raise RuntimeError(f"openssl {' '.join(map(str, arguments))}: {ran.stderr}")
    return ran.stdout


class Pki:
    """Files in a folder, each with a name of its own."""

    def __init__(self, directory):
        self.directory = pathlib.Path(directory)
        self.count = 0

    def path(self, suffix):
        self.count += 1
        return self.directory / f"{self.count}.{suffix}"

    def key(self, *options):
        """The file of a new key, by default on the curve P-256."""
        path = self.path("key")
        options = options or ("-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256")
        openssl("genpkey", "-out", path, *options)
        return path

    def request(self, common_name, key):
        """A certificate signing request in PEM."""
        return openssl("req", "-new", "-key", key, "-subj", f"/O=AcmeInc/CN={common_name}")

    def ca(self, common_name, key=None, days=30):
        return Ca(self, common_name, key or self.key(), days)


class Ca:
    """A certificate authority: certificate in PEM and key file."""

    def __init__(self, pki, common_name, key, days):
        self.pki, self.key = pki, key
        request = pki.path("csr")
        request.write_text(pki.request(common_name, key))
        extensions = pki.path("ext")
        extensions.write_text(CA_EXTENSIONS)
        self.certificate = pki.path("pem")
        openssl(
            "x509",
            "-req",
            "-in",
            request,
            "-signkey",
            key,
            "-days",
            days,
            "-extfile",
            extensions,
            "-out",
            self.certificate,
        )
        self.pem = self.certificate.read_text()

    def issue(self, common_name, key=None, extensions=DEVICE_EXTENSIONS):
        """A certificate in PEM; without extensions it is one of version 1."""
        request = self.pki.path("csr")
        request.write_text(self.pki.request(common_name, key or self.pki.key()))
        arguments = ["-CA", self.certificate, "-CAkey", self.key, "-CAcreateserial", "-days", 10]
        if extensions is not None:
            file = self.pki.path("ext")
            file.write_text(extensions)
            arguments += ["-extfile", file]
        return openssl("x509", "-req", "-in", request, *arguments)


def certificate_id(pem):
    """What AWS IoT calls a certificate: the SHA-256 of its DER in hex."""
    der = subprocess.run(["openssl", "x509", "-outform", "DER"], input=pem.encode(), capture_output=True, check=True)
    return hashlib.sha256(der.stdout).hexdigest()


def public_key(pem):
    """The public key of a certificate in PEM."""
    return openssl("x509", "-pubkey", "-noout", stdin=pem)


def public_of_private(pem):
    """The public key of a private key in PEM."""
    return openssl("pkey", "-pubout", stdin=pem)


def field(pem, name):
    """A field of a certificate as OpenSSL prints it: `subject`, `issuer`, `serial`."""
    return openssl("x509", "-noout", f"-{name}", "-nameopt", "RFC2253", stdin=pem).strip().partition("=")[2]


def date(pem, name):
    """A moment of a certificate, `startdate` or `enddate`, in seconds since 1970."""
    return ssl.cert_time_to_seconds(openssl("x509", "-noout", f"-{name}", stdin=pem).strip().partition("=")[2])


def version(pem):
    return int(re.search(r"Version: (\d)", openssl("x509", "-noout", "-text", stdin=pem))[1])
