#!/usr/bin/python3
"""What the given processes run, as a check_command prints it: a line a process, the
fingerprints of its two secrets. The processes are those whose ids stand in the files
given, or in the status files that coordinator.py keeps; one that is gone has no line.

    check_command = tests/coordinator/fingerprints.py [--var NAME] /tmp/a.json /tmp/b.pid
"""

import argparse
import hashlib
import hmac
import json

VAR = "BLOCKING_COORDINATION_SECRET"


def fingerprint(secret):
    """As coordkeep makes it: HMAC of nothing under HKDF-SHA256(secret, info coordkeep-fp)."""
    if isinstance(secret, str):
        secret = secret.encode()
    if not secret:
        return "-"
    extracted = hmac.new(bytes(32), secret, hashlib.sha256).digest()
    key = hmac.new(extracted, b"coordkeep-fp\x01", hashlib.sha256).digest()
    return hmac.new(key, b"", hashlib.sha256).hexdigest()[:16]


def derived(master, rotation, environment="production"):
    """The secret that `source = derive` gives."""
    if isinstance(master, str):
        master = master.encode()
    extracted = hmac.new(rotation.encode(), master, hashlib.sha256).digest()
    return hmac.new(extracted, environment.encode() + b"\x01", hashlib.sha256).hexdigest()


def environment_of(pid):
    """{name: value} of a process, or None if it is gone."""
    try:
        with open(f"/proc/{pid}/environ", "rb") as f:
            entries = f.read().split(b"\0")
    except (FileNotFoundError, ProcessLookupError):
        return None
    return dict(reversed([e.partition(b"=")[::2] for e in entries if e])) or None


def main():
    p = argparse.ArgumentParser(description=__doc__,
                                formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--var", default=VAR, help="the variable of the secret that signs")
    p.add_argument("files", nargs="*")
    options = p.parse_args()
    sign = options.var.encode()
    for path in options.files:
        try:
            with open(path, encoding="utf-8") as f:
                text = f.read().strip()
        except FileNotFoundError:
            continue
        pid = json.loads(text)["pid"] if text.startswith("{") else int(text or 0)
        carried = environment_of(pid)
        # Before it has read its file it carries nothing yet.
        if carried is not None and sign in carried:
            print(fingerprint(carried[sign]), fingerprint(carried.get(sign + b"_NEW", b"")))


if __name__ == "__main__":
    main()
