"""The life of a run, the same for every job, shown by a job that does nothing of its own."""

import json
import os
import pty
import re
import signal
import subprocess

import pytest

from harness import Job, differences, snapshot, spawn, wait_for
from harness.job import build_dir

LEASE = b"coordkeep:lease:nop"


@pytest.fixture
def nop(server, tmp_path):
    job = Job("nop", server.url, tmp_path / "host")
    job.program = build_dir() / "tools" / "nop"
    yield job
    job.close()


def everything(r, nop):
    """The keyspace and the job's directories, to prove that nothing changed."""
    files = {p: p.read_bytes() for d in (nop.state_dir, nop.textfile_dir, nop.undo_dir)
             for p in sorted(d.rglob("*")) if p.is_file()}
    return snapshot(r, without=()), files


def metric(nop, name, **labels):
    inside = ",".join(f'{k}="{v}"' for k, v in {"job": "nop", **labels}.items())
    return nop.metrics().get(f"coordkeep_{name}{{{inside}}}")


# Exit codes and what is said.

@pytest.mark.parametrize("args,code", [
    ([], 0),
    (["--finding", "a"], 1),
    (["--finding", "a", "--critical", "b"], 2),
    (["--failed", "a"], 2),
    (["--fail", "69"], 69),
    (["--fail", "73", "--finding", "a"], 73),
    (["--fail", "74"], 74),
    (["--fail", "75"], 75),
    (["--fail", "75", "--critical", "b"], 2),
    (["--fail", "77", "--failed", "a"], 77),
    (["--fail", "64"], 64),
    (["--fail", "2"], 2),
])
def test_exit_code(nop, r, args, code):
    done = nop.json(*args)
    assert done.exit == code, done
    assert ("error" in done.json) == ("--fail" in args), done
    assert done.json["complete"] == ("--fail" not in args), done
    assert r.get(LEASE) is None


def test_an_error_is_said_once(nop):
    done = nop.run("--fail", "69")
    assert done.exit == 69
    assert done.stderr.count("asked to fail with 69") == 1, done
    assert "event=run-failed" in done.stderr, done
    assert done.stdout == "", done


def test_result_has_all_that_it_promises(nop, server, r):
    r.mset({f"k{i}": "v" for i in range(250)})
    done = nop.json("--finding", "coord-1", "--critical", b"\xff\xfe", "--act", "--scan",
                    "--level", "--level")
    result = done.json
    assert result["job"] == "nop" and result["schema"] == 1
    assert result["counts"] == {"keys-scanned": 251}, done  # the lease is a key, too
    assert result["findings"][0] == {"code": "nop-finding", "severity": "warning",
                                     "key": "coord-1", "text": "coord-1 was found"}
    assert result["findings"][1]["key_b64"] == "//4=", done
    assert result["actions"] == [{"action": "write", "key": "coordkeep:nop",
                                  "text": "coordkeep:nop written"}]
    assert (result["findings_total"], result["actions_total"]) == (2, 1)
    assert result["nop"] == {"level": 2}
    assert result["run"] in done.stderr


def test_findings_go_to_the_log_and_are_summed_up(nop):
    done = nop.run("--say", "hello", "--finding", "coord\n-1")
    assert done.exit == 1
    assert done.stdout == "hello\n1 finding, 0 critical: see the log\n", done
    assert len(done.stderr.splitlines()) == 1 and "coord\\x0a-1" in done.stderr, done


def test_quiet_prints_nothing_when_all_is_well(nop):
    done = nop.run("-q", "--say", "hello", "--act")
    assert (done.exit, done.stdout, done.stderr) == (0, "", ""), done
    done = nop.run("-q", "--format", "json")
    assert (done.exit, done.stdout, done.stderr) == (0, "", ""), done


def test_quiet_prints_a_finding_once(nop):
    done = nop.run("-q", "--say", "hello", "--finding", "coord-1")
    assert done.exit == 1
    assert done.stdout == "", done
    assert len(done.stderr.splitlines()) == 1 and "coord-1" in done.stderr, done
    done = nop.json("-q", "--finding", "coord-1")
    assert done.exit == 1 and len(done.findings()) == 1, done


def test_verbose_says_more(nop):
    done = nop.run("-v")
    assert "level=debug" in done.stderr, done


@pytest.mark.parametrize("args,says", [
    (["--nonsense"], "unknown option --nonsense"),
    (["-q", "-v"], "-q and -v"),
    (["--finding", ""], "the KEY is empty"),
    (["--finding", "a", "--finding", "b"], "more than once"),
    (["--list", "--unread"], "--list and --unread"),
    (["extra"], "\"extra\" is an argument too many"),
    (["--bad\x1b[31m"], "\\x1b"),
])
def test_wrong_usage(nop, args, says):
    done = nop.run(*args)
    assert done.exit == 64, done
    assert done.stdout == "", done
    lines = done.stderr.splitlines()
    assert len(lines) == 2 and lines[0].startswith("nop: ") and says in lines[0], done
    assert lines[1] == "Try 'nop --help'.", done
    done = nop.run(*args, "--format", "json") if args != ["extra"] else \
        nop.run("--format", "json", *args)
    assert done.parse().exit == 64, done
    assert done.json["error"] in done.stderr or "\\x1b" in done.stderr, done
    assert not (nop.textfile_dir / "coordkeep_nop.prom").exists()


def test_help_and_version(nop):
    done = nop.run(argv=["--help"])
    assert done.exit == 0 and "Exit codes:" in done.stdout and done.stderr == "", done
    assert nop.run(argv=["-h"]).stdout == done.stdout
    done = nop.run(argv=["--version"])
    assert done.exit == 0 and re.fullmatch(r"nop \(coordkeep\) \d+\.\d+\.\d+\n", done.stdout), done


def test_every_help_fits_on_a_screen(nop):
    names = ["reap-stale", "escalate-dead", "ttl-fixer", "secret-rotate-phase", "clock-audit"]
    programs = [build_dir() / n for n in names if (build_dir() / n).exists()]
    for program in [*programs, nop.program]:
        out = subprocess.run([program, "--help"], capture_output=True, text=True, check=True).stdout
        lines = out.splitlines()
        assert len(lines) <= 40 and max(map(len, lines)) <= 80, f"{program}\n{out}"


# Dry run, pause, lease.

def test_a_dry_run_changes_nothing_anywhere(nop, r):
    r.set("blocking:signal:a", "x")
    nop.run("--act")
    r.delete("coordkeep:nop")
    before = everything(r, nop)
    config = {"hooks": {"on_findings": f"touch {nop.dir}/told", "on_failure": "touch /told"}}
    done = nop.json("-n", "--act", "--scan", "--finding", "a", "--counter", "5",
                    "--hook", f"touch {nop.dir}/hooked", config=config)
    assert done.exit == 1, done
    assert done.json["dry_run"] is True and len(done.actions("write")) == 1, done
    assert "(dry run)" in done.stderr, done
    for args in (["-n", "--fail", "69"], ["-n", "--pause", "1h"], ["-n", "--resume"]):
        nop.json(*args, config=config)
    after = everything(r, nop)
    assert differences(before[0], after[0]) == [] and before[1] == after[1]
    assert not (nop.dir / "told").exists() and not (nop.dir / "hooked").exists()


def test_pause_stops_a_run_and_says_why(nop, r):
    done = nop.run("--pause", "1h", "--reason", "moving the \x01 fleet")
    assert done.exit == 0 and "1h" in done.stdout, done
    assert 3590 <= r.ttl("coordkeep:pause") <= 3600
    done = nop.run("--act")
    assert done.exit == 75, done
    assert "moving the \\x01 fleet" in done.stderr and "paused" in done.stderr, done
    assert r.get("coordkeep:nop") is None and r.get(LEASE) is None
    done = nop.json("--act")
    assert done.exit == 75 and "moving the" in done.json["error"], done
    done = nop.run("-q", "--act")
    assert (done.exit, done.stdout, done.stderr) == (75, "", ""), done
    # A dry run changes nothing anyway, and says that a real one would be stopped.
    done = nop.run("-n", "--act")
    assert done.exit == 0 and "a real run would be stopped" in done.stderr, done
    # So does a mode that only looks.
    done = nop.run("--list")
    assert done.exit == 0 and "paused" not in done.stderr, done
    # --force goes on, and says so.
    done = nop.run("--force", "--act")
    assert done.exit == 0 and "--force" in done.stderr and r.get("coordkeep:nop") == b"1", done
    done = nop.run("--resume")
    assert done.exit == 0 and "over" in done.stdout and r.get("coordkeep:pause") is None, done
    assert nop.run("--act").exit == 0
    done = nop.run("--resume")
    assert done.exit == 0 and "no pause" in done.stdout, done


def test_a_pause_that_lasts_longer_is_not_cut_short(nop, r):
    """It is somebody else's: who wants to replace it is told what it is."""
    assert nop.run("--pause", "6h", "--reason", "alice: maintenance").exit == 0
    for args in (("-n",), ()):
        done = nop.run("--pause", "10m", "--reason", "bob", *args)
        assert done.exit == 2, done
        for word in ("alice: maintenance", "5h59m", "until 2", "--force"):
            assert word in done.stderr, done
    assert r.get("coordkeep:pause") == b"alice: maintenance" and r.ttl("coordkeep:pause") > 21_000
    done = nop.run("--pause", "10m", "--reason", "bob", "--force", "-n")
    assert done.exit == 0 and "Would be paused for 10m" in done.stdout, done
    assert "Until" not in done.stdout and r.get("coordkeep:pause") == b"alice: maintenance"
    assert nop.run("--pause", "10m", "--reason", "bob", "--force").exit == 0
    assert r.get("coordkeep:pause") == b"bob" and r.ttl("coordkeep:pause") <= 600
    # a longer one replaces it, and one without an end is the longest
    assert nop.run("--pause", "20m").exit == 0 and r.ttl("coordkeep:pause") > 600
    r.persist("coordkeep:pause")
    done = nop.run("--pause", "24h")
    assert done.exit == 2 and "without an end" in done.stderr and "until" not in done.stderr, done
    done = nop.run("--resume", "-n")
    assert "would be ended" in done.stdout and r.exists("coordkeep:pause"), done


def test_a_pause_of_another_type(nop, r):
    r.rpush("coordkeep:pause", "x")
    for args in ((), ("--pause", "10m")):
        done = nop.run(*args)
        assert done.exit == 2 and "no string (it is of type list)" in done.stderr, done
        assert "WRONGTYPE" not in done.stderr and "RENAME" in done.stderr


def test_pause_without_a_reason_names_the_host(nop, r):
    assert nop.run("--pause", "5m").exit == 0
    assert os.uname().nodename.encode() in r.get("coordkeep:pause")


def test_a_second_run_is_kept_out(nop, r):
    first = nop.start("--beats", "60s")
    wait_for(lambda: r.get(LEASE))
    done = nop.json("--act")
    assert done.exit == 75, done
    assert "coordkeep:lease:nop" in done.json["error"], done
    assert done.json["complete"] is False and r.get("coordkeep:nop") is None, done
    # What only looks, and a dry run, need no lease.
    assert nop.run("--list").exit == 0
    assert nop.run("-n", "--act").exit == 0
    # One that waits gets it when the first is done.
    waiting = nop.start("--wait", "60s", "--act")
    first.signal(signal.SIGTERM)
    assert first.wait().exit == 75
    done = waiting.wait()
    assert done.exit == 0 and r.get("coordkeep:nop") == b"1", done
    assert r.get(LEASE) is None


def test_waiting_has_an_end(nop, r):
    r.set(LEASE, "of another", px=600000)
    done = nop.run("--wait", "300ms")
    assert done.exit == 75 and "another run holds the lease" in done.stderr, done
    assert r.get(LEASE) == b"of another"


def test_a_signal_ends_the_wait_for_a_lease(nop, r):
    r.set(LEASE, "of another", px=600000)
    run = nop.start("--wait", "100s", "--max-runtime", "200s", "-v")
    wait_for(lambda: r.info("commandstats").get("cmdstat_set", {}).get("calls", 0) > 2)
    run.signal()
    done = run.wait()
    assert done.exit == 75 and r.get(LEASE) == b"of another", done


def test_a_server_without_memory_is_no_other_run(nop, r):
    r.config_set("maxmemory", 1)
    done = nop.run("--act")
    assert done.exit == 69 and "out of memory" in done.stderr, done


def test_the_leases_of_all_jobs(nop, r):
    run = nop.start("--all", "--beats", "60s")
    names = {b"coordkeep:lease:" + n for n in (b"nop", b"reap-stale", b"escalate-dead",
                                               b"ttl-fixer")}
    wait_for(lambda: set(r.scan_iter("coordkeep:lease:*")) == names)
    run.signal()
    assert run.wait().exit == 75
    assert list(r.scan_iter("coordkeep:lease:*")) == []
    r.set("coordkeep:lease:ttl-fixer", "of another", px=600000)
    done = nop.run("--all")
    assert done.exit == 75 and "coordkeep:lease:ttl-fixer" in done.stderr, done
    assert list(r.scan_iter("coordkeep:lease:*")) == [b"coordkeep:lease:ttl-fixer"]


def test_a_killed_run_blocks_the_next_for_no_longer_than_the_lease(nop, r):
    run = nop.start("--beats", "60s", config={"job": {"lease_ttl": "2s"}})
    wait_for(lambda: r.get(LEASE))
    run.kill()
    run.process.wait()
    assert nop.run().exit == 75
    assert nop.run("--wait", "60s").exit == 0


def test_the_lease_is_kept_while_the_run_goes_on(nop, r):
    run = nop.start("--beats", "60s", config={"job": {"lease_ttl": "1s"}})
    token = wait_for(lambda: r.get(LEASE))
    left = []

    def renewed():
        left.append(r.pttl(LEASE))
        return sum(b > a for a, b in zip(left, left[1:])) >= 3
    wait_for(renewed)
    assert r.get(LEASE) == token
    run.signal()
    assert run.wait().exit == 75


def test_a_run_that_lost_its_lease_stops(nop, r):
    run = nop.start("--beats", "100s", config={"job": {"lease_ttl": "1s", "max_runtime": "200s"}})
    wait_for(lambda: r.get(LEASE))
    r.set(LEASE, "of another", px=600000)
    done = run.wait()
    assert done.exit == 75 and "lost" in done.stderr, done
    assert r.get(LEASE) == b"of another"


# Signals, time, restarts.

@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_a_run_in_order(nop, r, number):
    run = nop.start("--format", "json", "--beats", "60s", "--finding", "a")
    wait_for(lambda: r.get(LEASE))
    run.signal(number)
    run.signal(number)
    done = run.wait().parse()
    assert done.exit == 75, done
    assert "signal" in done.json["error"] and done.json["complete"] is False, done
    assert done.json["findings_total"] == 1, done
    assert r.get(LEASE) is None
    assert metric(nop, "runs_total", result="try-again") == 1


def test_time_up(nop, r):
    done = nop.run("--max-runtime", "1s", "--beats", "60s", "--say", "hello")
    assert done.exit == 75, done
    assert done.stderr.count("the time is up (1s)") == 1, done
    assert "hello\n" in done.stdout, done
    assert r.get(LEASE) is None


def test_a_wait_that_cannot_end_in_time_is_not_begun(nop):
    done = nop.json("--max-runtime", "2s", "--sleep", "90s")
    assert done.exit == 75 and done.json["duration_ms"] < 60000, done
    assert "too short" in done.json["error"], done


def test_a_server_that_hangs_does_not_hold_a_run(nop, server):
    server.hang()
    done = nop.json("--max-runtime", "2s")
    assert done.exit in (69, 75), done
    server.go_on()


def test_a_scan_begins_anew_when_the_server_restarted(nop, server, r):
    pipe = r.pipeline()
    for i in range(20000):
        pipe.set(f"k{i}", i)
    pipe.execute()
    config = {"scan": {"max_keys_per_second": 1000}, "redis": {"retries": 10}}
    run = nop.start("--scan", "--format", "json", "--progress", "always", config=config)
    wait_for(lambda: r.get(LEASE) and r.info("commandstats").get("cmdstat_scan", {}).get(
        "calls", 0) > 2)
    server.restart()
    done = run.wait().parse()
    assert done.exit == 0, done
    assert "starting again" in done.stderr, done
    assert done.count("keys-scanned") == 1, done  # the lease, which it took again
    with server.client() as c:
        assert c.get(LEASE) is None


def test_progress(nop, r):
    r.mset({f"k{i}": "v" for i in range(3000)})
    config = {"scan": {"max_keys_per_second": 3000}}
    done = nop.run("--scan", "--progress", "always", config=config)
    assert done.exit == 0, done
    assert re.search(r"\r\d+ of 300\d keys, \d+ keys/s", done.stderr), done
    assert re.search(r"\r +\r$", done.stderr), done  # taken away
    for mode in ("auto", "never"):
        done = nop.run("--scan", "--progress", mode, config=config)
        assert "\r" not in done.stderr, done


# Metrics.

def promtool(nop):
    text = (nop.textfile_dir / "coordkeep_nop.prom").read_bytes()
    done = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True)
    assert done.returncode == 0 and done.stderr == b"", (text, done.stderr)


def test_metrics(nop, r):
    r.mset({f"k{i}": "v" for i in range(50)})
    assert nop.run("--scan", "--counter", "2", "--gauge", "0.5", "--finding", "a\"b").exit == 1
    path = nop.textfile_dir / "coordkeep_nop.prom"
    assert path.stat().st_mode & 0o777 == 0o644
    promtool(nop)
    assert metric(nop, "keys_scanned") == 51
    assert metric(nop, "exit_code") == 1
    assert metric(nop, "nop_levels", id="a\\\"b") == 0.5
    first = metric(nop, "last_success_timestamp_seconds")
    assert first == metric(nop, "last_complete_pass_timestamp_seconds") > 1.7e9
    assert nop.run("--counter", "3").exit == 0
    assert metric(nop, "runs_total", result="ok") == 1
    assert metric(nop, "runs_total", result="warning") == 1
    assert metric(nop, "nop_things_total") == 5
    assert metric(nop, "nop_level") is None
    # A run that fails keeps what the last one that did not has said.
    assert nop.run("--gauge", "7").exit == 0
    success = metric(nop, "last_success_timestamp_seconds")
    assert nop.run("--fail", "69").exit == 69
    assert metric(nop, "runs_total", result="unavailable") == 1
    assert metric(nop, "nop_level") == 7
    assert metric(nop, "nop_things_total") == 5
    assert metric(nop, "exit_code") == 69
    assert metric(nop, "last_success_timestamp_seconds") == success
    assert metric(nop, "last_run_timestamp_seconds") > success
    promtool(nop)


def test_no_server_is_counted(nop, server):
    assert nop.run("--gauge", "7").exit == 0
    server.kill()
    assert nop.run("-q").exit == 69
    assert metric(nop, "runs_total", result="unavailable") == 1
    assert metric(nop, "nop_level") == 7


def test_what_leaves_no_metrics(nop, r):
    for args in (["-n"], ["--list"], ["--pause", "1s"], ["--resume"], ["--check-config"],
                 ["--nonsense"], ["--set", "redis.timeout=soon"], ["--set", "redis.cluster=yes"]):
        nop.run(*args)
    assert list(nop.textfile_dir.iterdir()) == []


@pytest.mark.parametrize("content", [b"<<<<", b"coordkeep_runs_total 5", b"\x00" * 100, b""])
def test_corrupt_metrics_begin_anew(nop, content):
    path = nop.textfile_dir / "coordkeep_nop.prom"
    path.write_bytes(content)
    done = nop.run()
    assert done.exit == 0 and ("metrics-corrupt" in done.stderr) == (content != b""), done
    assert metric(nop, "runs_total", result="ok") == 1
    promtool(nop)


def test_metrics_that_cannot_be_written_are_logged(nop):
    done = nop.run(config={"metrics": {"textfile_dir": nop.dir / "missing"}})
    assert done.exit == 0 and "metrics-unwritten" in done.stderr, done


def test_runs_that_end_at_once_are_all_counted(nop, r):
    runs = [nop.start("--wait", "60s", "--counter", "1") for _ in range(12)]
    assert [run.wait().exit for run in runs] == [0] * 12
    assert metric(nop, "runs_total", result="ok") == 12
    assert metric(nop, "nop_things_total") == 12


# Hooks.

@pytest.fixture
def hook(nop):
    """A hook command that keeps what it is given, and the list of those documents."""
    def make(name):
        script = nop.dir / "hook"  # a line of the config has no room for long paths
        script.write_text(f"#!/bin/sh\ncat > {nop.dir}/{name}.$COORDKEEP_RUN\n"
                          f"env > {nop.dir}/env\n")
        script.chmod(0o700)
        return str(script), lambda: [json.loads(p.read_bytes()) for p in
                                 sorted(nop.dir.glob(f"{name}.*"), key=lambda p: p.stat().st_mtime_ns)]
    return make


def test_on_findings_is_told_of_changes(nop, hook):
    command, told = hook("findings")
    config = {"hooks": {"on_findings": command}}

    def run(*args):
        return nop.run(*args, config=config)
    run()
    assert told() == []
    run("--finding", "a")
    assert len(told()) == 1
    assert told()[0]["findings"][0]["key"] == "a" and told()[0]["exit"] == 1
    run("--finding", "a", "--say", "the same")
    assert len(told()) == 1
    run("--finding", "b")
    assert len(told()) == 2
    run("--finding", "b", "--critical", "c")
    assert len(told()) == 3 and told()[2]["exit"] == 2
    # A run that did not see everything does not say that all is well.
    run("--fail", "75")
    run("--fail", "69")
    assert len(told()) == 3
    run()
    assert len(told()) == 4 and told()[3]["findings"] == []
    run()
    assert len(told()) == 4
    environment = (nop.dir / "env").read_text()
    assert "COORDKEEP_JOB=nop\n" in environment and "COORDKEEP_EXIT=0\n" in environment
    assert "COORDKEEP_HOOK=on_findings\n" in environment


def test_on_findings_is_told_again(nop, hook):
    command, told = hook("findings")
    config = {"hooks": {"on_findings": command, "renotify": "1ms"}}
    for _ in range(3):
        nop.run("--finding", "a", config=config)
    assert len(told()) == 3


def test_a_hook_that_failed_is_tried_again_and_changes_nothing(nop, hook):
    done = nop.run("--finding", "a", config={"hooks": {"on_findings": "exit 3"}})
    assert done.exit == 1 and "on_findings exited with status 3" in done.stderr, done
    done = nop.run("--finding", "a", config={"hooks": {"on_findings": "sleep 60",
                                                       "timeout": "200ms"}})
    assert done.exit == 1 and "hook-failed" in done.stderr, done
    command, told = hook("findings")
    nop.run("--finding", "a", config={"hooks": {"on_findings": command}})
    assert len(told()) == 1


def test_on_failure(nop, hook, r):
    command, told = hook("failure")
    config = {"hooks": {"on_failure": command}}
    for args in ([], ["--finding", "a"], ["--critical", "a"], ["--fail", "75"], ["--nonsense"],
                 ["--list", "--fail", "69"]):
        nop.run(*args, config=config)
    assert told() == []
    assert nop.run("--fail", "69", config=config).exit == 69
    assert [d["error"] for d in told()] == ["asked to fail with 69"]
    done = nop.run("--set", "redis.cluster=yes", config=config)
    assert done.exit == 78 and len(told()) == 2, done


def test_a_corrupt_hook_state_begins_anew(nop, hook):
    command, told = hook("findings")
    (nop.state_dir / "nop.findings").write_bytes(b"\xff")
    done = nop.run("--finding", "a", config={"hooks": {"on_findings": command}})
    assert done.exit == 1 and len(told()) == 1, done
    assert (nop.state_dir / "nop.findings").stat().st_mode & 0o777 == 0o600


def test_without_a_state_dir_hooks_still_run(nop, hook):
    command, told = hook("findings")
    for state_dir in ("", "/proc/nowhere"):
        done = nop.run("--finding", "a", config={"hooks": {"on_findings": command},
                                                 "job": {"state_dir": state_dir}})
        assert done.exit == 1, done
    assert len(told()) == 2


# What surrounds a process.

def test_a_password_is_not_passed_on(nop, server, r):
    r.config_set("requirepass", "hunter2")
    for env in ({"REDIS_PASSWORD": "hunter2"}, {"REDIS_URL": f"unix://:hunter2@{server.socket}"}):
        done = nop.run("--hook", "env; tr '\\0' '\\n' < /proc/$PPID/environ", "-v", env=env)
        assert done.exit == 0, done
        assert "COORDKEEP_HOOK=on_nop" in done.stderr, done
        assert "hunter2" not in done.stderr + done.stdout, done
    done = nop.run()
    assert done.exit == 77, done
    done = nop.run(env={"REDIS_PASSWORD": "wrong-hunter"})
    assert done.exit == 77 and "wrong-hunter" not in done.stderr, done


def test_no_core_and_private_files(nop):
    done = nop.run("--hook", "echo core=$(ulimit -c) umask=$(umask)")
    assert "core=0 umask=0077" in done.stderr, done


def shell(nop, *args, redirect):
    argv = nop.argv(*args)
    return subprocess.run(["/bin/sh", "-c", f'exec "$@" {redirect}', "sh", *argv],
                          env=nop.environment(), stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, timeout=120)


@pytest.mark.parametrize("redirect", [">/dev/full", ">&-"])
@pytest.mark.parametrize("args", [["--say", "hello"], ["--format", "json"], ["--check-config"],
                                  ["--help"], ["--version"], ["--print-config"]])
def test_a_result_that_cannot_be_written_is_74(nop, redirect, args):
    done = shell(nop, *args, redirect=redirect)
    assert done.returncode == 74, done
    assert "written" in done.stderr, done


def test_a_reader_that_went_is_74(nop):
    read_end, write_end = os.pipe()
    os.close(read_end)
    done = subprocess.run(nop.argv("--say", "hello"), env=nop.environment(), stdout=write_end,
                          stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, timeout=120)
    os.close(write_end)
    assert done.returncode == 74, done


def test_what_is_worse_than_an_unwritten_result(nop):
    assert shell(nop, "--say", "x", "--failed", "a", redirect=">/dev/full").returncode == 2
    assert shell(nop, "--say", "x", "--fail", "77", redirect=">/dev/full").returncode in (74, 77)
    assert shell(nop, "--say", "x", "--finding", "a", redirect=">/dev/full").returncode == 74


def test_closed_descriptors_are_not_reused(nop, r):
    done = shell(nop, "-q", "--act", redirect="<&- >&- 2>&-")
    assert done.returncode == 0 and r.get("coordkeep:nop") == b"1", done


def test_the_log_file(nop):
    path = nop.dir / "nop.log"
    config = {"log": {"file": path}}
    assert nop.run("--act", config=config).exit == 0
    assert nop.run("--act", config=config).exit == 0
    assert path.read_text().count("event=write") == 2
    done = nop.run("--act", config={"log": {"file": nop.dir / "missing" / "log"}})
    assert done.exit == 73 and str(nop.dir / "missing") in done.stderr, done
    done = nop.json("--act", config={"log": {"file": "/dev/full"}})
    assert done.exit == 74, done


# A terminal.

def on_terminal(nop, args, answer):
    """Run with a terminal as all three; what was shown, and the exit code."""
    leader, follower = pty.openpty()
    process = spawn(nop.argv(*args), env=nop.environment({"TERM": "xterm"}), stdin=follower,
                    stdout=follower, stderr=follower)
    os.close(follower)
    shown = b""
    try:
        while True:
            try:
                got = os.read(leader, 4096)
            except OSError:
                break
            if not got:
                break
            shown += got
            if answer is not None and b"Really?" in shown:
                os.write(leader, answer)
                answer = None
        return process.wait(60), shown.decode()
    finally:
        os.close(leader)
        if process.poll() is None:
            process.kill()
            process.wait()


@pytest.mark.parametrize("answer,done", [(b"yes\n", True), (b"y\n", False), (b"\n", False),
                                         (b"yes please\n", False), (b"YES\n", False)])
def test_a_question_is_asked_on_the_terminal(nop, r, answer, done):
    code, shown = on_terminal(nop, ["--ask", "--act"], answer)
    assert code == 0, shown
    assert (r.get("coordkeep:nop") == b"1") == done, shown
    assert ("not confirmed" in shown) == (not done), shown


def test_without_a_terminal_nobody_is_asked(nop, r):
    done = nop.run("--ask", "--act", stdin=b"yes\n")
    assert done.exit == 0 and "not confirmed" in done.stdout and r.get("coordkeep:nop") is None


def test_an_unanswered_question_ends_with_the_time(nop):
    code, shown = on_terminal(nop, ["--ask", "--act", "--max-runtime", "1s"], None)
    assert code == 75, shown
