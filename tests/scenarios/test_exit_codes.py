"""Every exit code of the table in the README, by each job that can end with it.

A function here makes one run for one code; the last test sees that no code of the table is
without one.
"""

import json
import os
import re

import pytest

from escalating import State
from harness import peer, root_dir, wait_for
from harness.clocks import Clocks

ROTATE = "secret-rotate-phase"
JOBS = ("reap-stale", "escalate-dead", "ttl-fixer", "clock-audit", ROTATE)
WITH_LEASE = JOBS[:3]
CHANGERS = (*WITH_LEASE, ROTATE)
OLD = 20 * 60 * 1000
# A variable that no process of another test carries.
SECRET = f"EXIT{os.getpid()}_SECRET"
CASES = []
QUICK = {"liveness": {"confirm": "0s"}, "escalate-dead": {"warning_interval": "0s"}}


class Stage:
    """What a case has at hand."""

    def __init__(self, server, r, job, tmp_path):
        self.server, self.r, self.job, self.tmp_path = server, r, job, tmp_path
        self.state = State(r)
        self.env = tmp_path / "env"
        self.env.write_text(f"{SECRET}=0123456789-0123456789-0123456789\n")
        self.env.chmod(0o600)
        self.config = {**QUICK, "secrets": {"env_file": self.env, "current_var": SECRET,
                                            "other_var": f"{SECRET}_NEW"},
                       ROTATE: {"host": "h1", "hosts": "h1"}}

    def run(self, name, *line, config=None, **options):
        return self.job(name, self.config).run(*line, config=config, **options)


def ends_with(code, *jobs):
    def add(case):
        CASES.extend((code, name, case) for name in jobs)
        return case
    return add


# 0, 1, 2: what was done and found

@ends_with(0, *JOBS)
def all_is_well(stage, name):
    stage.state.heartbeat("alive")
    # whether the kernel's clock is in step is this machine's affair
    env = Clocks(stage.tmp_path).env() if name == "clock-audit" else {}
    return stage.run(name, env=env)


@ends_with(1, "reap-stale")
def unreadable_heartbeat(stage, name):
    stage.r.set("blocking:heartbeat:a", "no JSON", ex=90)
    return stage.run(name)


@ends_with(1, "escalate-dead")
def a_warning_that_is_no_count(stage, name):
    stage.state.silent("a")
    stage.r.set("blocking:warning:a", "many")
    return stage.run(name)


@ends_with(1, "ttl-fixer")
def owner_of_many_keys(stage, name):
    stage.r.mset({f"blocking:ack:a:s:{i}": "x" for i in range(1100)})
    return stage.run(name, "--report")


@ends_with(1, "clock-audit")
def writer_behind(stage, name):
    stage.state.heartbeat("a", age=30_000, ttl=90)
    return stage.run(name, config={"clock-audit": {"warn": "1s", "critical": "1h"},
                                   "ttl": {"heartbeat": "91s"}})


@ends_with(1, ROTATE)
def a_host_that_is_late(stage, name):
    both = {"hosts": "h1 h2", "coordinators_accept_other": "yes", "host_timeout": "1s",
            "master_key_file": stage.tmp_path / "key"}
    both["master_key_file"].write_text("k" * 40)
    both["master_key_file"].chmod(0o600)
    there = {**both, "host_timeout": "1h"}
    away = {**there, "host": "h2", "state_dir": stage.tmp_path / "other"}
    for here in (there, away):
        assert stage.run(name, config={ROTATE: here}).exit == 0
    assert stage.run(name, "--start", config={ROTATE: there}).exit == 0
    runs = []
    wait_for(lambda: runs.append(stage.run(name, config={ROTATE: both})) or runs[-1].exit,
             what=lambda: str(runs[-1]))
    assert "host-late" in runs[-1].stderr
    return runs[-1]


@ends_with(2, "reap-stale", "escalate-dead")
def mass_loss(stage, name):
    for i in range(10):
        stage.state.alive(f"c{i}")
    assert stage.run(name).exit == 0
    stage.r.delete(*(f"blocking:heartbeat:c{i}" for i in range(9)))
    return stage.run(name)


@ends_with(2, "ttl-fixer")
def pressure_without_need(stage, name):
    return stage.run(name, "--pressure")


@ends_with(2, "clock-audit")
def writer_far_ahead(stage, name):
    stage.state.heartbeat("a", age=-10 * 60 * 1000)
    return stage.run(name)


@ends_with(2, ROTATE)
def two_hosts_with_two_secrets(stage, name):
    other = stage.tmp_path / "other"
    assert stage.run(name, config={ROTATE: {"host": "h2", "hosts": "h1 h2",
                                            "state_dir": other}}).exit == 0
    stage.env.write_text(f"{SECRET}=another-0123456789-0123456789-0123456789\n")
    rotate = stage.job(name, {**stage.config, ROTATE: {"host": "h1", "hosts": "h1 h2"}})
    done = rotate.run()
    assert [v for k, v in rotate.metrics().items() if "hosts_mismatched" in k] == [1], done
    return done


# 64, 78: the command, the config

@ends_with(64, *JOBS)
def wrong_usage(stage, name):
    return stage.run(name, "--no-such-option")


@ends_with(78, *JOBS)
def wrong_config(stage, name):
    done = stage.run(name, config={"redis": {"urll": "unix:///nowhere"}})
    assert "urll" in done.stderr, done
    return done


# 69, 75, 76, 77: Redis

@ends_with(69, *JOBS)
def no_redis(stage, name):
    stage.server.kill()
    return stage.run(name)


@ends_with(75, *WITH_LEASE)
def another_run_has_the_lease(stage, name):
    stage.r.set(f"coordkeep:lease:{name}", "another", px=60_000)
    return stage.run(name)


@ends_with(75, *CHANGERS)
def a_pause(stage, name):
    assert stage.run(name, "--pause", "1h", "--reason", "we look").exit == 0
    done = stage.run(name)
    assert "we look" in done.stderr, done
    return done


@ends_with(75, "clock-audit", "ttl-fixer")
def out_of_time(stage, name):
    stage.r.mset({f"blocking:signal:{i}": "x" for i in range(2000)})
    return stage.run(name, "--max-runtime", "1s", config={"scan": {"max_keys_per_second": 500}})


@ends_with(76, *JOBS)
def no_redis_there(stage, name):
    with peer.Peer(peer.says(b"HTTP/1.1 400 Bad Request\r\n\r\n")) as web:
        return stage.run(name, config={"redis": {"url": f"redis://127.0.0.1:{web.port}"}})


@ends_with(77, *JOBS)
def wrong_password(stage, name):
    stage.r.config_set("requirepass", "right")
    return stage.run(name, env={"REDIS_PASSWORD": "wrong"})


@ends_with(77, *JOBS)
def no_permission(stage, name):
    stage.r.execute_command("ACL", "SETUSER", "limited", "on", ">pw", "~*", "&*", "+@all",
                            "-scan", "-hmget")
    url = stage.server.url.replace("unix://", "unix://limited:pw@")
    return stage.run(name, config={"redis": {"url": url}})


# 70: the crypto library is there but can do nothing

@ends_with(70, *JOBS)
def a_library_that_fails(stage, name):
    broken = stage.tmp_path / "openssl.cnf"
    broken.write_text("openssl_conf = init\n[init]\nproviders = all\n[all]\nnull = none\n"
                      "[none]\nactivate = 1\n")
    with peer.Peer(peer.silent) as there:
        done = stage.run(name, config={"redis": {"url": f"rediss://127.0.0.1:{there.port}"}},
                         env={"OPENSSL_CONF": broken})
    assert "TLS cannot be set up" in done.stderr or "OpenSSL cannot" in done.stderr, done
    return done


# 73, 74: files

@ends_with(73, *JOBS)
def no_place_for_the_log(stage, name):
    return stage.run(name, config={"log": {"file": stage.tmp_path / "missing" / "log"}})


@ends_with(73, ROTATE)
def no_place_for_the_copy(stage, name):
    (stage.tmp_path / "file").touch()
    return stage.run(name, config={ROTATE: {"state_dir": stage.tmp_path / "file" / "state"}})


@ends_with(73, "reap-stale")
def no_place_for_the_journal(stage, name):
    (stage.tmp_path / "file").touch()
    stage.state.heartbeat("a", age=OLD, ttl=None)
    before = stage.r.get("blocking:heartbeat:a")
    done = stage.run(name, config={"reap-stale": {"undo_dir": stage.tmp_path / "file" / "undo"}})
    assert stage.r.get("blocking:heartbeat:a") == before
    return done


@ends_with(74, *JOBS)
def a_log_that_takes_nothing(stage, name):
    # something that is logged: this id's heartbeat, and for ttl-fixer its TTL
    stage.r.set("blocking:heartbeat:a", json.dumps({"timestamp": stage.state.now() - OLD}))
    stage.r.set("blocking:state:a", "x")
    return stage.run(name, "-v", config={"log": {"file": "/dev/full", "level": "debug"}})


@pytest.mark.parametrize("code, name, case", [
    pytest.param(code, name, case, id=f"{code}-{name}-{case.__name__}",
                 marks=pytest.mark.needs("root") if name == ROTATE else ())
    for code, name, case in CASES])
def test_a_run_that_ends_with(server, r, job, tmp_path, code, name, case):
    done = case(Stage(server, r, job, tmp_path), name)
    assert done.exit == code, done
    if code > 2 and case is not a_log_that_takes_nothing:
        assert done.stderr, done


def test_no_code_of_the_table_is_without_a_run():
    table = (root_dir() / "README.md").read_text().split("## Exit codes")[1].split("\n## ")[0]
    codes = {int(c) for c in re.findall(r"^\| (\d+) \|", table, re.M)}
    assert {code for code, _, _ in CASES} == codes and codes
