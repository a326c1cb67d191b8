"""A throw-away certificate authority with a server's and a client's certificate."""

import os
import subprocess


def _openssl(*argv):
    done = subprocess.run(["openssl", *argv], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


class Certificates:
    """PEM files in `directory`: ca, server_cert, server_key, client_cert, client_key.

    `names` goes into the server's subjectAltName.
    """

    def __init__(self, directory, names="DNS:localhost,IP:127.0.0.1"):
        def at(name):
            return os.path.join(str(directory), name)

        self.ca = at("ca.pem")
        ca_key = at("ca-key.pem")
        _openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                 "-nodes", "-days", "2", "-subj", "/CN=coordkeep test authority",
                 "-addext", "basicConstraints=critical,CA:true",
                 "-keyout", ca_key, "-out", self.ca)
        for who, extra in (("server", f"subjectAltName={names}"),
                           ("client", "extendedKeyUsage=clientAuth")):
            key, request, cert, ext = (at(f"{who}{s}") for s in ("-key.pem", ".csr", ".pem", ".ext"))
            with open(ext, "w", encoding="ascii") as f:
                f.write(extra + "\n")
            _openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                     "-subj", f"/CN=coordkeep test {who}", "-keyout", key, "-out", request)
            _openssl("x509", "-req", "-in", request, "-CA", self.ca, "-CAkey", ca_key,
                     "-CAcreateserial", "-days", "2", "-extfile", ext, "-out", cert)
            os.chmod(key, 0o600)
            setattr(self, f"{who}_cert", cert)
            setattr(self, f"{who}_key", key)
