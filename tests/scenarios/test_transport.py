"""Connections that fail, in every way that a network and a peer can think of: each ends in
time, with the right exit code and a message that names the cause."""

import datetime
import os
import socket
import subprocess

import pytest

from harness import Certificates, RedisServer, build_dir, peer, probe

UNAVAILABLE, PROTOCOL, NOPERM, CONFIG = 69, 76, 77, 78
# Short waits, so that what has to time out does so soon.
QUICK = ("--connect-timeout=1000", "--timeout=400", "--retries=2", "--backoff=20")
# Far above what any case needs, far below a hang.
LIMIT = 60


def expect(done, code, *texts):
    assert done.exit == code, done
    for text in texts:
        assert text in done.err, done
    assert done.seconds < LIMIT, done


def test_refused(tmp_path):
    with socket.socket() as s:  # bound, so that nobody else gets the port, but not listening
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
        done = probe.run(["--host=127.0.0.1", f"--port={port}"], *QUICK, "server")
        expect(done, UNAVAILABLE, f"127.0.0.1:{port}", "refused", "attempt 2 of 2")
    done = probe.run([f"--unix={tmp_path}/none.sock"], *QUICK, "server")
    expect(done, UNAVAILABLE, f"{tmp_path}/none.sock", "No such file")


def test_a_name_that_does_not_resolve():
    done = probe.run(["--host=no such host", "--port=1"], *QUICK, "server")
    expect(done, UNAVAILABLE, "no such host:1", "cannot be resolved")


@pytest.mark.needs("mounts")
def test_a_name_server_that_does_not_answer(tmp_path):
    """It reads questions on loopback, at an address of its own, since resolv.conf knows no ports."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        here = ".".join(map(str, (127, *os.getpid().to_bytes(3, "big"))))
        s.bind((here, 53))
        (tmp_path / "resolv.conf").write_text(f"nameserver {here}\n")
        (tmp_path / "nsswitch.conf").write_text("hosts: dns\n")
        script = ("for file in resolv.conf nsswitch.conf; do"
                  " mount --bind \"$1/$file\" \"/etc/$file\" || exit; done; shift; exec \"$@\"")
        argv = [build_dir() / "tools" / "probe", "--host=redis.example.com", "--port=6379",
                "--connect-timeout=300", "--retries=2", "--backoff=20", "server"]
        done = subprocess.run(["unshare", "--mount", "sh", "-c", script, "sh", tmp_path, *argv],
                              capture_output=True, text=True, timeout=LIMIT)
        assert done.returncode == UNAVAILABLE, done
        assert "timed out, no name server answers" in done.stderr, done
        assert b"example" in s.recv(512, socket.MSG_DONTWAIT), "it was not asked"


def test_every_address_of_a_name_is_tried():
    # localhost is often ::1 first; the server listens on 127.0.0.1 alone
    with RedisServer(tcp=True) as server:
        done = probe.run(["--host=localhost", f"--port={server.port}"], "call", "PING")
        assert (done.exit, done.out) == (0, "PONG\n"), done


SAID = {
    "nothing": (peer.silent, UNAVAILABLE, "timed out waiting for a reply"),
    "a byte now and then": (peer.drips(b"$1000000\r\n" + b"x" * 1000), UNAVAILABLE, "timed out"),
    "half a reply, then closed": (peer.says(b"*3\r\n$6\r\nmaster\r\n:"), UNAVAILABLE,
                                  "closed the connection"),
    "half a reply, then reset": (peer.says(b"*3\r\n$6\r\nmas", "reset"), UNAVAILABLE, "reset"),
    "half a reply, then silence": (peer.says(b"*3\r\n$6\r\nmas", "silence"), UNAVAILABLE,
                                   "timed out"),
    "closed at once": (peer.says(b""), UNAVAILABLE, "closed the connection"),
    "garbage": (peer.says(bytes(range(14, 256)) * 8, "silence"), PROTOCOL, "not a Redis"),
    "zeros": (peer.says(b"\0" * 100000, "silence"), PROTOCOL, "not a Redis"),
    "HTTP": (peer.says(b"HTTP/1.1 400 Bad Request\r\nServer: x\r\n\r\n"), PROTOCOL, "HTTP server"),
    "SSH": (peer.says(b"SSH-2.0-OpenSSH_9.2\r\n", "silence"), PROTOCOL, "SSH server"),
    "SMTP": (peer.says(b"220 mail ESMTP\r\n", "silence"), PROTOCOL, "mail or FTP"),
    "a wrong length": (peer.says(b"$-7\r\n", "silence"), PROTOCOL, "not a Redis"),
    "no number": (peer.says(b":12x\r\n", "silence"), PROTOCOL, "not a Redis"),
    "a list without end": (peer.says(b"*2147483647\r\n" * 7, "silence"), PROTOCOL,
                           "a list of more than 1000000"),
    "long lists in long lists": (peer.says(b"*1000000\r\n" * 20, "silence"), PROTOCOL,
                                 "not a Redis"),
    "a string without end": (peer.says(b"$2147483647\r\n" + b"x" * 1000, "silence"), UNAVAILABLE,
                             "timed out"),
    "too deep": (peer.says(b"*1\r\n" * 100, "silence"), PROTOCOL, "not a Redis"),
    "RESP3": (peer.says(b"%1\r\n+role\r\n+master\r\n" * 9, "silence"), PROTOCOL, "not a Redis"),
    "a reply of another kind": (peer.says(b"+OK\r\n" * 9, "silence"), PROTOCOL, "not a Redis"),
    "its requests again": (peer.echoes, PROTOCOL, "not a Redis"),
}


@pytest.mark.parametrize("what", SAID)
def test_a_peer_that_says(what):
    serve, code, text = SAID[what]
    with peer.Peer(serve) as p:
        done = probe.run(p, *QUICK, "call", "PING", password="hunter2-very-secret")
        expect(done, code, text, f"127.0.0.1:{p.port}")
        assert "hunter2" not in done.err + done.out, done
        # what cannot get better is not tried again
        assert p.connections == (2 if code == UNAVAILABLE else 1), done


def test_a_server_that_hangs(server):
    server.hang()
    expect(probe.run(server, *QUICK, "server"), UNAVAILABLE, server.socket, "timed out")
    server.go_on()


def test_a_server_that_hangs_in_mid_run(server):
    p = probe.start(server, *QUICK, "sync", ",", "call", "PING")
    p.await_sync()
    server.hang()
    p.go_on()
    expect(p.wait(), UNAVAILABLE, "timed out", "attempt 2 of 2")
    server.go_on()


def test_no_more_clients():
    with RedisServer(config={"maxclients": "1"}) as server:
        with socket.socket(socket.AF_UNIX) as other:
            other.connect(server.socket)
            other.sendall(b"PING\r\n")
            other.recv(100)
            done = probe.run(server, *QUICK, "server")
            expect(done, UNAVAILABLE, "max number of clients", "attempt 2 of 2")
        # the server may take a moment to notice
        done = probe.run(server, "--retries=50", "call", "PING")
        assert done.exit == 0, done


@pytest.mark.parametrize("tls", (False, True))
def test_a_reply_of_ten_megabytes(certificates, tls):
    with RedisServer(tls=certificates) as server:
        with server.client() as r:
            r.set("big", b"x" * 10 * 1024 * 1024)
        where = trusting(server, certificates) if tls else [f"--unix={server.socket}"]
        # and a request of ten megabytes after it, and both in one pipeline
        done = probe.run(where, "--timeout=60000", "call", "GET", "big", ",",
                         "pipe", "3", "repeat", "GET", "big", ",", "call", "STRLEN", "big")
        assert done.exit == 0, done
        assert done.lines[0] == "10485760 bytes", done
        assert done.lines[1].startswith("ok=3 "), done


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    return Certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module")
def tls_server(certificates):
    with RedisServer(tls=certificates) as s:
        yield s


def tls(server, *more, host="127.0.0.1"):
    return ["--tls", f"--host={host}", f"--port={server.tls_port}", *more]


def trusting(server, certificates, *more):
    return tls(server, f"--ca={certificates.ca}", *more)


def test_tls(tls_server, certificates):
    for name in ((), ("--server-name=localhost",), ("--server-name=127.0.0.1",)):
        done = probe.run(trusting(tls_server, certificates, *name), "call", "PING")
        assert (done.exit, done.out) == (0, "PONG\n"), done


def test_tls_with_a_client_certificate(certificates):
    with RedisServer(tls=certificates, config={"tls-auth-clients": "yes"}) as server:
        own = (f"--cert={certificates.client_cert}", f"--key={certificates.client_key}")
        done = probe.run(trusting(server, certificates, *own), "call", "PING")
        assert done.exit == 0, done


@pytest.mark.parametrize("version", ("TLSv1.2", "TLSv1.3"))
def test_tls_without_the_client_certificate_that_is_demanded(certificates, version):
    config = {"tls-auth-clients": "yes", "tls-protocols": version}
    with RedisServer(tls=certificates, config=config) as server:
        for _ in range(5):  # under TLS 1.3 the refusal races with what we send
            done = probe.run(trusting(server, certificates), *QUICK, "call", "PING")
            expect(done, NOPERM, "demands a client certificate (tls_cert_file)")


@pytest.mark.parametrize("name", ("redis.example", "127.0.0.2", "::1"))
def test_tls_wrong_name(tls_server, certificates, name):
    done = probe.run(trusting(tls_server, certificates, f"--server-name={name}"), *QUICK, "server")
    expect(done, NOPERM, "mismatch", f"127.0.0.1:{tls_server.tls_port}")
    assert "attempt" not in done.err, done


def test_tls_foreign_authority(tls_server, tmp_path):
    foreign = Certificates(tmp_path)
    expect(probe.run(tls(tls_server, f"--ca={foreign.ca}"), *QUICK, "server"), NOPERM,
           "certificate is refused")
    # nor is the server's the system's to vouch for
    expect(probe.run(tls(tls_server), *QUICK, "server"), NOPERM, "certificate is refused")


def test_tls_self_signed(certificates, tmp_path):
    own = Certificates(tmp_path)
    subprocess.run(["openssl", "req", "-x509", "-key", own.server_key, "-days", "2", "-subj",
                    "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1",
                    "-out", own.server_cert], check=True, capture_output=True)
    with RedisServer(tls=own) as server:
        expect(probe.run(trusting(server, certificates), *QUICK, "server"), NOPERM, "self-signed")


def sign(certificates, directory, begin, end):
    """A server certificate with these dates, by `openssl ca`."""
    at = {name: os.path.join(directory, name) for name in ("ca.cnf", "index", "serial", "out.pem")}
    with open(at["ca.cnf"], "w", encoding="ascii") as f:
        f.write(f"[ca]\ndefault_ca=c\n[c]\ndatabase={at['index']}\nserial={at['serial']}\n"
                f"new_certs_dir={directory}\ndefault_md=sha256\npolicy=p\nx509_extensions=x\n"
                "[p]\ncommonName=supplied\n[x]\nsubjectAltName=IP:127.0.0.1\n")
    open(at["index"], "w", encoding="ascii").close()
    with open(at["serial"], "w", encoding="ascii") as f:
        f.write("99\n")
    base = os.path.dirname(certificates.ca)
    subprocess.run(["openssl", "ca", "-batch", "-notext", "-config", at["ca.cnf"],
                    "-cert", certificates.ca, "-keyfile", os.path.join(base, "ca-key.pem"),
                    "-in", os.path.join(base, "server.csr"), "-out", at["out.pem"],
                    "-startdate", begin.strftime("%Y%m%d%H%M%SZ"),
                    "-enddate", end.strftime("%Y%m%d%H%M%SZ")],
                   check=True, capture_output=True)
    return at["out.pem"]


@pytest.mark.parametrize("begin, end, text", ((-9, -2, "certificate has expired"),
                                              (2, 9, "certificate is not yet valid")))
def test_tls_out_of_date(tmp_path, begin, end, text):
    own = Certificates(tmp_path)
    now = datetime.datetime.now(datetime.timezone.utc)
    days = datetime.timedelta(days=1)
    own.server_cert = sign(own, tmp_path, now + begin * days, now + end * days)
    with RedisServer(tls=own) as server:
        expect(probe.run(trusting(server, own), *QUICK, "server"), NOPERM, text)


def test_tls_against_plain_text(certificates):
    with RedisServer(tcp=True) as server:
        server.tls_port = server.port
        expect(probe.run(trusting(server, certificates), *QUICK, "server"), PROTOCOL,
               "no TLS there: the server answers in plain text")
    with peer.Peer(peer.says(b"HTTP/1.1 400 Bad Request\r\n\r\n")) as p:
        p.tls_port = p.port
        expect(probe.run(trusting(p, certificates), *QUICK, "server"), PROTOCOL, "no TLS there")


def test_plain_text_against_tls(tls_server):
    done = probe.run(["--host=127.0.0.1", f"--port={tls_server.tls_port}"], *QUICK, "server")
    assert done.exit in (UNAVAILABLE, PROTOCOL), done


def test_tls_against_silence_and_an_early_end(certificates):
    for serve, text in ((peer.silent, "timed out in the TLS handshake"),
                        (peer.says(b""), "closed the connection in the TLS handshake")):
        with peer.Peer(serve) as p:
            p.tls_port = p.port
            done = probe.run(trusting(p, certificates), "--connect-timeout=400", *QUICK[1:],
                             "server")
            expect(done, UNAVAILABLE, text)


def test_tls_files_that_cannot_be_used(tls_server, certificates, tmp_path):
    missing, empty = f"{tmp_path}/missing.pem", f"{tmp_path}/empty.pem"
    open(empty, "w", encoding="ascii").close()
    locked = f"{tmp_path}/locked.pem"
    subprocess.run(["openssl", "ec", "-in", certificates.client_key, "-aes256", "-passout",
                    "pass:x", "-out", locked], check=True, capture_output=True)
    for options, text in (
            ([f"--ca={missing}"], f"tls_ca_file {missing}"),
            ([f"--ca={empty}"], f"tls_ca_file {empty}"),
            ([f"--ca={certificates.ca}", f"--cert={missing}"], f"tls_cert_file {missing}"),
            ([f"--ca={certificates.ca}", f"--cert={certificates.client_cert}",
              f"--key={certificates.server_key}"], f"tls_key_file {certificates.server_key}"),
            ([f"--ca={certificates.ca}", f"--cert={certificates.client_cert}",
              f"--key={locked}"], f"tls_key_file {locked}")):
        expect(probe.run(tls(tls_server, *options), *QUICK, "server"), CONFIG, text)


def test_a_scan_over_tls(tls_server, certificates):
    with tls_server.client() as r:
        r.flushall()
        r.execute_command("DEBUG", "POPULATE", 20000, "blocking:heartbeat", 20)
        expected = {k.decode() for k in r.scan_iter(count=1000)}
    for mode in ("gentle", "fast"):
        done = probe.run(trusting(tls_server, certificates), "scan", mode)
        assert done.exit == 0 and set(done.keys()) == expected, done
