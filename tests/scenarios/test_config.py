"""The config file, the environment over it, and the documents made from the options' table."""

import json
import os
import re
import subprocess

import pytest

from harness import Job
from harness.job import build_dir, root_dir

# Every name that people and other documents rely on, with its default.
OPTIONS = {
    "redis": {"url": "redis://127.0.0.1:6379/0", "username": "", "password_file": "", "db": "-1",
              "tls_ca_file": "", "tls_cert_file": "", "tls_key_file": "", "tls_server_name": "",
              "connect_timeout": "2s", "timeout": "5s", "retries": "4", "backoff": "1s",
              "backoff_max": "8s", "sentinels": "", "sentinel_master": "", "cluster": "no"},
    "scan": {"mode": "gentle", "count": "0", "max_keys_per_second": "0"},
    "job": {"max_runtime": "0s", "lease_ttl": "60s", "wait": "0s"},
    "liveness": {"heartbeat_ttl_max": "300s", "skew_tolerance": "5s", "confirm": "12s",
                 "roster_keep": "7d", "restart_grace": "10m", "mass_loss": "30"},
    "secrets": {"env_file": "/etc/coordinator/env", "current_var": "BLOCKING_COORDINATION_SECRET",
                "other_var": "BLOCKING_COORDINATION_SECRET_NEW"},
    "log": {"format": "auto", "level": "info", "file": "", "repeat_limit": "100"},
    "metrics": {"textfile_dir": ""},
    "hooks": {"on_findings": "", "on_failure": "", "on_escalation": "", "timeout": "10s",
              "renotify": "4h"},
    "reap-stale": {"stale_after": "600s", "orphans": "report", "orphan_after": "1h",
                   "undo_dir": "/var/lib/coordkeep/undo", "undo_keep": "7d",
                   "undo_max_bytes": "1GB", "undo_value_max": "1MB"},
    "escalate-dead": {"dead_after": "120s", "max_warnings": "3", "warning_ttl": "300s",
                      "warning_interval": "30s", "escalation_ttl": "1h", "spawn_timeout": "10m",
                      "work_keep": "7d", "escalate_idle": "yes", "default_swarm": "default"},
    "ttl": {"heartbeat": "90s", "signal": "24h", "ack": "1h", "warning": "300s",
            "idempotency": "24h", "state": "1h", "retry": "600s", "retry_failed": "1h",
            "activity": "600s", "work": "1h", "escalation": "1h", "spawn": "1h",
            "breaker": "300s", "default": "24h"},
    "ttl-fixer": {"max_ttl": "0s", "pressure_at": "90", "pressure_over": "24h",
                  "pressure_ttl": "1h"},
    "secret-rotate-phase": {"hosts": "", "host": "", "environment": "production",
                            "coordinators_accept_other": "no", "auto": "no", "max_age": "90d",
                            "soak": "1h", "drain": "25h", "host_timeout": "1h",
                            "source": "derive", "master_key_file": "", "new_secret_file": "",
                            "new_secret_command": "", "state_dir": "/var/lib/coordkeep/rotation",
                            "check_command": "",
                            "reload_command": "systemctl reload coordinator",
                            "restart_command": "systemctl restart coordinator",
                            "command_timeout": "120s"},
    "clock-audit": {"samples": "8", "warn": "5s", "critical": "60s", "report_ttl": "30m",
                    "host": ""},
}


@pytest.fixture
def nop(tmp_path):
    """The job that does nothing. No server is there: reading a config needs none."""
    job = Job("nop", "unix:///nowhere", tmp_path / "host")
    job.program = build_dir() / "tools" / "nop"
    yield job
    job.close()


@pytest.fixture
def check(nop, tmp_path):
    """check(b"[redis]\\n...") -> the run of --check-config on a file with that content."""
    def run(content, *args, mode=0o600, env=None):
        path = tmp_path / "hostile.ini"
        path.write_bytes(content)
        path.chmod(mode)
        return nop.run(argv=["-c", str(path), "--check-config", *args], env=env)
    return run


def printed(nop, *args, env=None):
    """--print-config as {section: {key: value}}."""
    done = nop.run(argv=[*args, "--print-config"], env=env)
    assert done.exit == 0, done
    options, section = {}, None
    for line in done.stdout.splitlines():
        if line.startswith("["):
            section = options.setdefault(line.strip("[]"), {})
        elif line:
            key, _, value = line.partition("=")
            section[key.strip()] = value.strip()
    return options


HOSTILE = [
    # content, line, what the message has to hold
    (b"[redsi]\n", 1, ["redsi", "[redis]"]),
    (b"[redis]\ntimout = 5s\n", 2, ["[redis] timout", "timeout"]),
    (b"[redis]\nstale_after = 5s\n", 2, ["stale_after", "[reap-stale]"]),
    (b"url = redis://h\n", 1, ["url", "section"]),
    (b"# fine\n[redis]\ntimeout = 5s\n\ntimeout = 6s\n", 5, ["timeout", "second time", "line 3"]),
    (b"[redis]\ntimeout = 5 s\n", 2, ["[redis] timeout", "5 s"]),
    (b"[redis]\ntimeout = soon\n", 2, ["[redis] timeout", "soon", "10ms", "5m"]),
    (b"[redis]\ntimeout = -5s\n", 2, ["[redis] timeout", "-5s"]),
    (b"[redis]\ntimeout = 1ms\n", 2, ["[redis] timeout", "1ms", "10ms"]),
    (b"[redis]\ntimeout = 99999999999999999999s\n", 2, ["[redis] timeout"]),
    (b"[redis]\ntimeout =\n", 2, ["[redis] timeout"]),
    (b"[redis]\nretries = 4x\n", 2, ["[redis] retries", "4x", "from 1 to 20"]),
    (b"[redis]\nretries = 0\n", 2, ["[redis] retries", "from 1 to 20"]),
    (b"[redis]\ncluster = maybe\n", 2, ["[redis] cluster", "maybe"]),
    (b"[scan]\nmode = gentel\n", 2, ["[scan] mode", "gentel", "gentle"]),
    (b"[reap-stale]\nundo_max_bytes = 1GiB\n", 2, ["[reap-stale] undo_max_bytes", "1GiB"]),
    (b"[redis]\nthis is no option\n", 2, ["[redis] this", "\"=\""]),
    (b"[redis\ntimeout = 5s\n", 1, ["[redis"]),
    (b"[redis] trailing\n", 1, ["redis"]),
    (b"[redis]\n  timeout = 5s\n", 2, ["timeout", "indented"]),
    (b"[redis]\nurl = redis://h\n more\n", 3, ["indented"]),
    (b"[secret-rotate-phase]\nhosts = a\n  soak = 1h\n", 3, ["soak", "indented"]),
    (b"[secret-rotate-phase]\nhosts = a\n  b ; c\n", 3, ["b", "\" ;\""]),
    (b"[secret-rotate-phase]\nhosts = a\nsoak = 1h\n  b\n", 4, ["b", "indented"]),
    (b"[secret-rotate-phase]\nhosts = a\n[scan]\n  b\n", 4, ["b", "indented"]),
    (b"[secret-rotate-phase]\nhosts = a\n  b\nhosts = c\n", 4, ["hosts", "second time"]),
    (b"[secret-rotate-phase]\nhosts = a\n " + b"x" * 300 + b"\n", 3, ["characters"]),
    (b"[hooks]\non_findings = a ; b\n", 2, ["[hooks] on_findings", "\" ;\""]),
    (b"[redis]\nurl = " + b"x" * 5000 + b"\n", 2, ["[redis]", "url", "characters"]),
    (b"[" + b"r" * 300 + b"]\n", 1, ["["]),
    (b"[redis]\nurl = redis://h\x00\n", 2, ["NUL"]),
    (b"[redis]\nurl = redis://\x1b[31mh\n", 2, ["url", "control character"]),
    (b"[redis]\nurl = http://h\n", 2, ["[redis] url", "scheme"]),
    (b"[redis]\n\nurl = redis://h:99999\n", 3, ["[redis] url", "1 to 65535"]),
    (b"[redis]\nurl = redis://h/first\n", 2, ["[redis] url", "number of a database"]),
    (b"[redis]\nurl = redis://u:hunter%zz@h\n", 2, ["[redis] url", "two hex digits"]),
    (b"[ttl]\npattern.site = site:*\n", 2, ["pattern"]),
    (b"[ttl]\npattern.site = site:* soon\n", 2, ["pattern.site", "soon"]),
    (b"[ttl]\npattern.a = a:* 1h\npattern.a = b:* 1h\n", 3, ["pattern.a", "second time"]),
]


@pytest.mark.parametrize("content,line,needles", HOSTILE)
def test_hostile_config_is_refused_by_file_line_and_key(check, content, line, needles, tmp_path):
    done = check(content)
    assert done.exit == 78, done
    assert f"{tmp_path}/hostile.ini:{line}: " in done.stderr, done
    for needle in needles:
        assert needle.replace('"', '\\"') in done.stderr or needle in done.stderr, done
    assert done.stderr.count("\n") == 1 and "hunter" not in done.stderr, done
    assert done.stdout == "", done


@pytest.mark.parametrize("content", [
    b"", b"\n\n", b"# only a comment", b"\xef\xbb\xbf[redis]\nurl = redis://h\n",
    b"[redis]\r\nurl = redis://h\r\n", b"[redis]\nurl=redis://h", b"[redis]\n[redis]\n[scan]\n",
    b"[ttl]\npattern.site = site:* 12h\npattern.other = o*?[a] 5m\n",
])
def test_plain_config_is_accepted(check, content):
    done = check(content)
    assert done.exit == 0, done
    assert done.stderr == "", done


def test_a_list_goes_on_in_indented_lines(nop, tmp_path):
    names = [f"coord-{i:02}.production.example.com" for i in range(64)]
    path = tmp_path / "list.ini"
    path.write_text("[secret-rotate-phase]\nhosts =\n"
                    + "".join(f"\t{a} {b}\n# a comment\n\n" for a, b in zip(names[::2], names[1::2]))
                    + "soak = 2h\n")
    path.chmod(0o600)
    for _ in range(2):      # what is printed is read back
        done = nop.run(argv=["-c", str(path), "--print-config"])
        assert done.exit == 0 and "\nsoak = 2h\n" in done.stdout, done
        assert max(map(len, done.stdout.splitlines())) <= 100
        value = re.search(r"^hosts =((?:.*\n)(?:    .*\n)*)", done.stdout, re.M).group(1)
        assert value.split() == names
        path.write_text(done.stdout)
    done = nop.run(argv=["-c", str(path), "--set", "secret-rotate-phase.hosts=" + " ".join(names),
                         "--check-config"])
    assert done.exit == 0, done


def test_what_is_no_regular_file_is_refused(nop, tmp_path):
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    for path in (tmp_path, fifo, "/dev/zero"):
        done = nop.run(argv=["-c", str(path), "--check-config"], timeout=60)
        assert done.exit == 78, done
        assert str(path) in done.stderr, done


def test_a_file_that_was_named_has_to_be_there(nop, tmp_path):
    missing = tmp_path / "missing.ini"
    done = nop.run(argv=["-c", str(missing), "--check-config"])
    assert done.exit == 78 and str(missing) in done.stderr, done
    done = nop.run(argv=["--check-config"], env={"COORDKEEP_CONFIG": missing})
    assert done.exit == 78 and str(missing) in done.stderr, done
    missing.write_text("[redis]\nurl = redis://there/3\n")
    done = nop.run(argv=["--check-config"], env={"COORDKEEP_CONFIG": missing})
    assert done.exit == 0 and "redis://there:6379/3" in done.stdout, done


def test_contradictions_name_both_options(check):
    done = check(b"[escalate-dead]\ndead_after = 600s\n")
    assert done.exit == 78, done
    assert "[escalate-dead] dead_after" in done.stderr, done
    assert "[reap-stale] stale_after" in done.stderr, done


def test_what_is_unwise_is_said_but_not_under_q(check):
    done = check(b"[secret-rotate-phase]\ndrain = 1h\n")
    assert done.exit == 0, done
    assert "drain" in done.stderr, done
    done = check(b"[secret-rotate-phase]\ndrain = 1h\n", "-q")
    assert (done.exit, done.stdout, done.stderr) == (0, "", ""), done


@pytest.mark.parametrize("line", ["sentinels = a:26379", "sentinel_master = m", "cluster = yes"])
def test_sentinel_and_cluster_are_refused(check, line):
    done = check(f"[redis]\n{line}\n".encode())
    assert done.exit == 78, done
    assert "not supported yet" in done.stderr, done


def test_a_config_error_is_one_json_document(nop, tmp_path):
    path = tmp_path / "bad.ini"
    path.write_text("[redis]\ntimeout = soon\n")
    done = nop.run(argv=["--format", "json", "-c", str(path)]).parse()
    assert done.exit == 78, done
    assert f"{path}:2" in done.json["error"], done
    done = nop.run(argv=["--format", "json", "-c", str(path), "--print-config"]).parse()
    assert done.exit == 78 and f"{path}:2" in done.json["error"], done


def test_all_names_and_defaults(nop, tmp_path):
    empty = tmp_path / "empty.ini"
    empty.write_text("")
    options = printed(nop, "-c", empty)
    for section, keys in OPTIONS.items():
        for key, value in keys.items():
            done = nop.run(argv=["-c", str(empty), "--set", f"{section}.{key}={value}",
                                 "--print-config"])
            assert done.exit == 0, done
            assert key in options[section], f"[{section}] {key}"
        changed = printed(nop, "-c", empty, *[a for k, v in keys.items()
                                              for a in ("--set", f"{section}.{k}={v}")])
        assert changed == options, section


def test_printed_config_is_read_back(nop, tmp_path):
    first, second = tmp_path / "first.ini", tmp_path / "second.ini"
    first.write_text("[redis]\nurl = unix:///a b/c\ntimeout = 1500ms\n[reap-stale]\n"
                     "undo_value_max = 3KB\n[ttl]\npattern.x = x:* 90m\npattern.y = y 1d\n"
                     "[hooks]\non_failure = logger \"it's 100% $HOME\" || true\n")
    for form in ("--print-config", "--print-config=annotated"):
        out = nop.run(argv=["-c", str(first), form])
        assert out.exit == 0, out
        second.write_bytes(out.raw_stdout)
        assert printed(nop, "-c", second) == printed(nop, "-c", first)
        assert "pattern.x" in out.stdout and "1500ms" in out.stdout, out


def test_documents_agree_with_the_table(nop, tmp_path):
    """`make docs` was run after the last change of an option."""
    subprocess.run([root_dir() / "conf" / "docs.sh", nop.program, tmp_path], check=True)
    for name in ("coordkeep.ini", "coordkeep.ini.5"):
        committed = (root_dir() / "conf" / name).read_text(encoding="utf-8")
        assert committed == (tmp_path / name).read_text(encoding="utf-8"), f"{name}: make docs"
    done = nop.run(argv=["-c", str(root_dir() / "conf" / "coordkeep.ini"), "--check-config"])
    assert done.exit == 0, done
    page = (root_dir() / "conf" / "coordkeep.ini.5").read_text(encoding="utf-8")
    for section, keys in OPTIONS.items():
        assert f".Ss [{section}]" in page
        for key in keys:
            assert f'.It Ic "{key}"' in page, key


def target(nop, *args, env=None):
    done = nop.run(argv=[*args, "--check-config"], env=env)
    assert done.exit == 0, done
    return re.search(r"^Redis is (.*)$", done.stdout, re.M).group(1)


def test_what_overrides_what(nop, tmp_path):
    path = tmp_path / "a.ini"
    path.write_text("[redis]\nurl = redis://file:1/1\n")
    assert target(nop, "-c", path) == "redis://file:1/1"
    assert target(nop, "-c", path, env={"REDIS_URL": "rediss://env/2"}) == "rediss://env:6379/2"
    assert target(nop, "-c", path, env={"REDIS_HOST": "env", "REDIS_DB": "4"}) == "redis://env:1/4"
    over = ["--set", "redis.url=redis://set:9/9"]
    assert target(nop, "-c", path, *over, env={"REDIS_URL": "redis://env"}) == "redis://set:9/9"
    assert target(nop, "-c", path, *over, env={"REDIS_HOST": "env", "REDIS_PORT": "2"}) == \
        "redis://set:9/9"
    assert target(nop, "-c", path, "--set", "redis.db=5", env={"REDIS_URL": "redis://env/2"}) == \
        "redis://env:6379/5"


def test_a_bad_url_in_the_environment_is_named(nop, tmp_path):
    (tmp_path / "a.ini").write_text("")
    done = nop.run(argv=["-c", str(tmp_path / "a.ini"), "--check-config"],
                   env={"REDIS_URL": "redis://:hunter2@h:x"})
    assert done.exit == 78 and "REDIS_URL: " in done.stderr, done
    assert "hunter2" not in done.stderr, done


@pytest.mark.parametrize("assignment,code,needle", [
    ("redis.timeout=6s", 0, ""),
    ("timeout=6s", 64, "SECTION.KEY=VALUE"),
    ("redis.timeout", 64, "SECTION.KEY=VALUE"),
    ("redis.timeout=soon", 78, "[redis] timeout"),
    ("redis.timout=6s", 78, "timeout"),
    ("redsi.timeout=6s", 78, "redis"),
    ("redis.url=redis://:hunter2@h", 64, "password"),
    ("redis.url=redis://:hunter2%@h", 78, "[redis] url"),
    ("redis.password_file=/nonexistent/pw", 78, "[redis] password_file: /nonexistent/pw"),
])
def test_set(nop, tmp_path, assignment, code, needle):
    (tmp_path / "a.ini").write_text("")
    done = nop.run(argv=["-c", str(tmp_path / "a.ini"), "--set", assignment, "--check-config"])
    assert done.exit == code, done
    assert needle in done.stderr, done
    assert "hunter2" not in done.stderr, done


def test_short_options_keep_to_the_ranges(nop, tmp_path):
    (tmp_path / "a.ini").write_text("")
    for option in ("--wait", "--max-runtime"):
        done = nop.run(argv=["-c", str(tmp_path / "a.ini"), option, "400d", "--check-config"])
        assert done.exit == 64, done
        assert option in done.stderr and "24h" in done.stderr, done


def test_a_password_in_the_file_makes_it_a_secret(nop, check):
    content = b"[redis]\nurl = redis://u:hunter2@h\n"
    done = check(content, mode=0o644)
    assert done.exit == 78 and "chmod" in done.stderr, done
    for mode in (0o600, 0o640):
        done = check(content, mode=mode)
        assert done.exit == 0, done
        assert "hunter2" not in done.stdout + done.stderr, done
    done = check(b"[redis]\nurl = redis://:hun/ter2@h\n")
    assert done.exit == 78 and "hun" not in done.stderr and "ter2" not in done.stderr, done


def test_print_config_shows_no_password(nop, tmp_path):
    path = tmp_path / "a.ini"
    path.write_text("[redis]\nurl = redis://u:hunter2@h:7/2\n")
    path.chmod(0o600)
    for form in ("--print-config", "--print-config=annotated"):
        done = nop.run(argv=["-c", str(path), form])
        assert done.exit == 0 and "hunter2" not in done.stdout, done
        assert "url = redis://h:7/2\n" in done.stdout, done


def test_password_file_that_others_can_read_is_refused(nop, tmp_path):
    secret = tmp_path / "password"
    secret.write_text("hunter2\n")
    secret.chmod(0o644)
    done = nop.run("--check-config", config={"redis": {"password_file": secret}})
    assert done.exit == 78, done
    assert "chmod" in done.stderr and str(secret) in done.stderr, done
    assert "hunter2" not in done.stderr, done
    secret.chmod(0o600)
    done = nop.run("--check-config", config={"redis": {"password_file": secret}})
    assert done.exit == 0, done


def test_schema_is_a_schema():
    import jsonschema
    schema = json.loads((root_dir() / "conf" / "result.schema.json").read_text(encoding="utf-8"))
    jsonschema.Draft7Validator.check_schema(schema)
