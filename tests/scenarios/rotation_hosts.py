"""Hosts that rotate their secret: each a directory with an environment file, a config, a copy of
the record, and, if wanted, coordinators that read the file only when they are restarted."""

import hashlib
import hmac
import json
import re
import secrets

from harness import wait_for

SIGN, OTHER = "BLOCKING_COORDINATION_SECRET", "BLOCKING_COORDINATION_SECRET_NEW"
RECORD, REPORTS = "coordkeep:rotation", "coordkeep:rotation:reports"
SIGNAL = ("senderId", "receiverId", "type", "timestamp")
ACK = ("coordinatorId", "signalId", "timestamp", "iteration")
PHASES = ("distribute", "promote", "drain", "retire")

CHECK = '''
import hashlib, hmac, sys
def fp(secret):
    if not secret:
        return "-"
    prk = hmac.new(bytes(32), secret, hashlib.sha256).digest()
    okm = hmac.new(prk, b"coordkeep-fp" + bytes([1]), hashlib.sha256).digest()
    return hmac.new(okm, b"", hashlib.sha256).hexdigest()[:16]
for pid in open(sys.argv[1]).read().split():
    try:
        env = dict(v.split(b"=", 1) for v in open(f"/proc/{pid}/environ", "rb").read().split(b"\\0")
                   if b"=" in v)
    except (FileNotFoundError, ProcessLookupError):
        continue
    if env:
        print(fp(env.get(b"%s")), fp(env.get(b"%s")))
''' % (SIGN, OTHER)


def hkdf(secret, salt, info):
    key = hmac.new(salt or bytes(32), secret, hashlib.sha256).digest()
    return hmac.new(key, info + b"\x01", hashlib.sha256).digest()


def fingerprint(secret):
    return hmac.new(hkdf(secret.encode(), b"", b"coordkeep-fp"), b"",
                    hashlib.sha256).hexdigest()[:16]


def signed(secret, key, fields, names):
    text = ":".join(str(fields[n]) for n in names)
    return key, json.dumps({**fields, "signature": hmac.new(
        secret.encode(), text.encode(), hashlib.sha256).hexdigest()})


def message(kind, secret, stamp):
    if kind == "ack":
        return signed(secret, "blocking:ack:b:m-1", {
            "coordinatorId": "b", "signalId": "m-1", "timestamp": stamp, "iteration": 2}, ACK)
    key, value = signed(secret, "blocking:signal:b", {
        "senderId": "a", "receiverId": "b", "type": "wake", "timestamp": stamp}, SIGNAL)
    if kind == "elsewhere":
        return "blocking:signal:somebody", value   # under another key than its own
    if kind == "retry":
        return "blocking:retry:m-1:2", value
    if kind == "retry-within":
        return "blocking:retry:failed:m-1", json.dumps({"attempt": 4, "signal": json.loads(value)})
    return key, value


class Host:
    """One of the hosts: its job, its file, its coordinators."""

    def __init__(self, name, job, directory, names, secret, master, config):
        self.name, self.members = name, []
        self.dir = directory / name
        self.dir.mkdir()
        self.env_file = self.dir / "env"
        self.env_file.write_text(f"# of {name}\nOTHER=x\n{SIGN}={secret}\nLAST='y z'\n")
        self.env_file.chmod(0o640)
        self.pids = self.dir / "pids"
        self.pids.write_text("")
        (self.dir / "check.py").write_text(CHECK)
        self.master = self.dir / "master.key"
        self.master.write_text(master)
        self.master.chmod(0o600)
        self.restarts = self.dir / "restarts"
        (self.dir / "restart").write_text(f"echo x >>{self.restarts}\nkill -HUP $(cat {self.pids})\n")
        (self.dir / "check").write_text(
            f"exec /usr/bin/python3 -S -E {self.dir}/check.py {self.pids}\n")
        rotate = {
            "hosts": " ".join(names), "host": name, "coordinators_accept_other": "yes",
            "soak": "0s", "drain": "0s", "master_key_file": self.master, "reload_command": "",
            "check_command": "true",
            "restart_command": f"sh {self.dir}/restart",
            **(config or {}),
        }
        self.job = job("secret-rotate-phase", {"secrets": {"env_file": self.env_file},
                                               "ttl": {"signal": "1s", "retry": "1s"},
                                               "secret-rotate-phase": rotate},
                       directory=self.dir / "state")

    def coordinate(self, fleet, peers):
        """Start a coordinator here that signals its peers all the time."""
        self.members.append(fleet.start(self.name, env_file=self.env_file, interval=0.1,
                                        signal_interval=0.03, peer=peers, ack_ttl=2))
        self.pids.write_text(" ".join(str(m.pid) for m in self.members))
        self.set(check_command=f"sh {self.dir}/check")

    def set(self, **options):
        """Change its config."""
        self.job.config["secret-rotate-phase"].update(options)

    def run(self, *words, **options):
        done = self.job.json(*words, **options)
        for secret in self.file():
            assert not secret or secret not in done.stdout + done.stderr
        return done

    def run_unchecked(self, *words, **options):
        return self.job.json(*words, **options)

    def file(self):
        """(signs, other) of the environment file; all else in it has to be as it was."""
        text = self.env_file.read_text()
        found = dict(re.findall(rf"^({SIGN}|{OTHER})=(.*)$", text, re.M))
        rest = [x for x in text.splitlines() if not x.startswith((SIGN, OTHER))]
        assert rest == [f"# of {self.name}", "OTHER=x", "LAST='y z'"], rest
        assert self.env_file.stat().st_mode & 0o777 == 0o640
        assert not list(self.dir.glob(".env*")), "a temporary file was left"
        return found[SIGN], found.get(OTHER)

    def rotation(self):
        """What --status says of the rotation."""
        return self.run("--status").json["rotation"]

    def metrics(self):
        """{"name" or ("name", label): value}, without the prefix and the job's name."""
        found = {}
        for key, value in self.job.metrics().items():
            name, label = re.fullmatch(r'coordkeep_(\w+)\{job="[^"]*"(?:,\w+="(.*)")?\}', key).groups()
            found[(name, label) if label else name] = value
        return found

    def copy(self):
        path = self.job.rotation_dir / "record"
        return path.read_bytes() if path.exists() else None


class Hosts:
    """All of them, against one Redis."""

    def __init__(self, job, r, directory, names=("host-a", "host-b", "host-c"), config=None):
        self.r = r
        self.secret = secrets.token_hex(32)
        self.master = secrets.token_hex(32)
        self.hosts = [Host(n, job, directory, names, self.secret, self.master, config)
                      for n in names]

    def __iter__(self):
        return iter(self.hosts)

    def __getitem__(self, i):
        return self.hosts[i]

    def record(self):
        return {k.decode(): v.decode() for k, v in self.r.hgetall(RECORD).items()}

    def phase(self):
        return self.record().get("phase", "idle")

    def new_secret(self):
        """What is derived for the rotation that is under way."""
        return hkdf(self.master.encode(), self.record()["id"].encode(), b"production").hex()

    def round(self, *without, ok=(0,)):
        """One run on each host."""
        done = []
        for host in self:
            if host not in without:
                done.append(host.run())
                assert done[-1].exit in ok, done[-1]
        return done

    def start(self):
        """Every host has reported, then somebody starts."""
        self.round()
        done = self[0].run("--start")
        assert done.exit == 0, done
        assert self.phase() == "distribute"
        return done

    def steps(self, rounds=12, ok=(0,)):
        """Run after run, round the hosts; gives the host whose turn it is before its run."""
        for _ in range(rounds):
            for host in self:
                yield host
                done = host.run()
                assert done.exit in ok, done

    def until(self, phase, **options):
        """Runs until the record has that phase; gives the host that moved it there."""
        last = None
        for host in self.steps(**options):
            if self.phase() == phase:
                return last
            last = host
        raise AssertionError(f"not {phase}: {self[0].run('--status')}")

    def finish(self, **options):
        self.until("idle", rounds=40, **options)
        self.round()

    def age_report(self, name, ms):
        """As if the host had last reported that much earlier."""
        report = self.r.hget(REPORTS, name).decode().split(" ")
        report[2] = str(int(report[2]) - ms)
        self.r.hset(REPORTS, name, " ".join(report))

    def files(self):
        return {h.file() for h in self}

    def quiet(self):
        """Wait until the coordinators have heard of one another (again)."""
        for host in self:
            for member in host.members:
                have = member.status()["signals_accepted"]
                wait_for(lambda m=member, n=have: m.status()["signals_accepted"] > n + 2,
                         what=f"{member.id} is signalled")

    def counts(self, name):
        return sum(m.status()[name] for h in self for m in h.members)
