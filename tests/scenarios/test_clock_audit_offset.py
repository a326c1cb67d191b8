"""clock-audit: this host's clock against Redis's, the kernel, jumps."""

import time

import pytest
from harness import differences, snapshot
from harness.clocks import Clocks

SECOND = 1000000  # the results are in microseconds


@pytest.fixture(scope="module")
def clocks(tmp_path_factory):
    return Clocks(tmp_path_factory.mktemp("clocks"))


@pytest.fixture
def audit(job):
    # Many exchanges: on a loaded machine at least one of them is quick.
    return job("clock-audit", {"clock-audit": {"samples": 64, "host": "host-a"}})


def clock_of(run):
    return run.json["clock"]


def gauge_of(audit, name):
    """The value of a gauge in the metrics file; None: it is not there."""
    return audit.metrics().get(f'coordkeep_{name}{{job="clock-audit"}}')


def holds(clock, truth):
    """Is the true offset within the stated error?"""
    return abs(clock["offset_us"] - truth) <= clock["error_us"]


@pytest.mark.parametrize("wall, truth, code", [
    ("+0", 0, 0), ("+20", 20 * SECOND, 1), ("-120", -120 * SECOND, 2),
    ("+7200", 7200 * SECOND, 2), ("+0.3", 300000, 0), ("-0.3", -300000, 0),
    ("+4.5", 4500000, 0), ("+59", 59 * SECOND, 1), ("+61", 61 * SECOND, 2),
])
def test_the_truth_is_within_the_stated_error(audit, clocks, wall, truth, code):
    done = audit.json(env=clocks.env(wall))
    assert done.exit == code, done
    assert holds(clock_of(done), truth), done
    assert clock_of(done)["error_us"] < 1000, done
    found = done.findings("clock-offset")
    assert [f["severity"] for f in found] == {0: [], 1: ["warning"], 2: ["critical"]}[code]
    if found:
        assert found[0]["key"] == "host-a"
        assert ("ahead of" if truth > 0 else "behind") in found[0]["text"]
        for command in ("timedatectl", "chronyc"):
            assert command in found[0]["text"]
    assert abs(gauge_of(audit, "clock_offset_seconds") - truth / SECOND) < 0.001
    assert 0 < gauge_of(audit, "clock_offset_error_seconds") < 0.001


def test_one_line_when_all_is_well(audit, clocks, heartbeat):
    for i in range(12):
        heartbeat(f"coord-{i}")
    done = audit.run(env=clocks.env())
    assert done.exit == 0, done
    line, = done.stdout.splitlines()
    start, *rest = line.split(", ")
    assert start.startswith(("offset +", "offset -")) and " ms ± " in start, done
    assert rest[:2] == ["synchronised", "12 coordinators"], done
    assert rest[2].startswith("largest skew "), done


def test_quiet_says_nothing_when_all_is_well(audit, clocks, heartbeat):
    heartbeat("coord-1")
    done = audit.run("-q", env=clocks.env())
    assert (done.exit, done.stdout, done.stderr) == (0, "", ""), done


def test_no_coordinators(audit, clocks):
    done = audit.run(env=clocks.env())
    assert done.exit == 0, done
    assert done.stdout.rstrip().endswith(", synchronised, no coordinators"), done


def test_verbose_shows_the_tables(audit, clocks, heartbeat, r):
    heartbeat("coord-fast", age_ms=-300000)
    done = audit.run("-v", env=clocks.env())
    assert "Hosts, offset from Redis:" in done.stdout, done
    assert "host-a" in done.stdout and "this host" in done.stdout, done
    assert "coord-fast" in done.stdout and "ahead (heartbeat)" in done.stdout, done
    assert "the kernel's estimated error 0.3 ms, at most 4.2 ms" in done.stdout or \
        "the kernel's estimated error 0.4 ms, at most 4.2 ms" in done.stdout, done


@pytest.mark.parametrize("which", ["requests", "replies"])
@pytest.mark.parametrize("wall, truth", [("+0", 0), ("+0.3", 300000)])
def test_a_slow_direction_widens_the_error(job, proxy, clocks, which, wall, truth):
    """50 ms one way look like 25 ms of offset. The truth stays within the error."""
    audit = job("clock-audit", {"clock-audit": {"samples": 4}}, url=proxy.url)
    proxy.delay(**{which: 0.05})
    done = audit.json(env=clocks.env(wall))
    assert done.exit == 0, done
    assert holds(clock_of(done), truth), done
    assert clock_of(done)["error_us"] >= 25000, done


def test_an_error_as_large_as_the_offset_is_no_finding(job, proxy, clocks):
    """Limits are held against what is certain."""
    audit = job("clock-audit", {"clock-audit": {"samples": 1, "warn": "10ms"}}, url=proxy.url)
    proxy.delay(replies=0.05)
    done = audit.json(env=clocks.env())
    assert abs(clock_of(done)["offset_us"]) > 10000, done
    assert done.exit == 0, done


@pytest.mark.parametrize("state, words, code, gauge", [
    ("synchronised", "synchronised", 0, 1), ("unsynchronised", "not synchronised", 1, 0),
    ("refused", "synchronisation unknown", 0, None),
])
def test_what_the_kernel_says(audit, clocks, state, words, code, gauge):
    done = audit.run(env=clocks.env(kernel=state))
    assert done.exit == code, done
    assert f", {words}, no coordinators" in done.stdout, done
    assert gauge_of(audit, "clock_synchronised") == gauge
    done = audit.json(env=clocks.env(kernel=state))
    kernel = clock_of(done)["kernel"]
    assert kernel["synchronised"] == {0: False, 1: True, None: None}[gauge]
    if gauge is None:
        assert "adjtimex" in done.stderr, done
        assert not done.json["findings"], done
    else:
        assert (kernel["estimated_error_us"], kernel["maximum_error_us"]) == (350, 4200)
    # A warning of its own, not a skew.
    assert done.finding_codes() == (["clock-unsynchronised"] if code else []), done


def test_this_machines_own_kernel(audit):
    """Whatever it says, with nothing in between: said, and no other finding."""
    done = audit.json()
    said = clock_of(done)["kernel"]["synchronised"]
    assert done.finding_codes() == ([] if said in (True, None) else ["clock-unsynchronised"])
    assert done.exit == (0 if said in (True, None) else 1), done


@pytest.mark.parametrize("moved, forward", [("+20", True), ("-300", False)])
@pytest.mark.parametrize("command", ["TIME", "SCAN"])
def test_a_clock_that_jumps_in_mid_run(job, proxy, clocks, moved, forward, command):
    """Noticed, and the offset is that after the jump: nothing is averaged."""
    clock = clocks.file("+0")
    audit = job("clock-audit", {"clock-audit": {"samples": 8}}, url=proxy.url)
    seen = {"TIME": 0, "SCAN": 0}

    def on_command(_, words):
        name = words[0].decode()
        if name in seen:
            seen[name] += 1
            # The first TIME is the connection's own.
            if name == command and seen[name] == (5 if name == "TIME" else 1):
                clock.write_text(f"{moved}\n")

    proxy.on_command = on_command
    done = audit.json(env=clocks.env(clock))
    found, = done.findings("clock-jumped")
    assert ("forward" if forward else "back") in found["text"], done
    assert holds(clock_of(done), int(moved) * SECOND), done
    jump = clock_of(done)["jump_us"]
    assert (jump > 0) == forward and abs(jump - int(moved) * SECOND) < 2 * SECOND, done
    assert done.exit == (1 if forward else 2), done


def test_a_clock_that_never_stands_still(job, proxy, clocks):
    clock = clocks.file("+0")
    audit = job("clock-audit", {"clock-audit": {"samples": 2}}, url=proxy.url)
    jumps = [0]

    def on_command(_, words):
        if words[0] == b"TIME":
            jumps[0] += 1
            clock.write_text(f"+{100 * jumps[0]}\n")

    proxy.on_command = on_command
    done = audit.json(env=clocks.env(clock))
    assert done.exit == 2, done
    assert "clock-unsteady" in done.finding_codes(), done
    assert clock_of(done)["offset_us"] is None, done
    assert gauge_of(audit, "clock_offset_seconds") is None


@pytest.mark.parametrize("leap", [90, -90])
def test_a_server_whose_clock_jumps(job, proxy, clocks, leap):
    audit = job("clock-audit", {"clock-audit": {"samples": 8}}, url=proxy.url)
    times = [0]

    def on_command(_, words):
        if words[0] != b"TIME":
            return None
        times[0] += 1
        us = time.time_ns() // 1000 + (leap * SECOND if times[0] > 5 else 0)
        s, u = b"%d" % (us // SECOND), b"%d" % (us % SECOND)
        return b"*2\r\n$%d\r\n%s\r\n$%d\r\n%s\r\n" % (len(s), s, len(u), u)

    proxy.on_command = on_command
    done = audit.json(env=clocks.env())
    assert "server-clock-jumped" in done.finding_codes(), done
    assert "clock-jumped" not in done.finding_codes(), done
    assert holds(clock_of(done), -leap * SECOND), done


def test_dry_run_leaves_nothing(audit, clocks, heartbeat, r):
    heartbeat("coord-1", age_ms=-300000)
    before = snapshot(r, without=())
    done = audit.json("-n", env=clocks.env())
    assert not differences(before, snapshot(r, without=()), slack_ms=200), done
    assert done.findings("writer-skewed"), done
    assert len(clock_of(done)["hosts"]) == 1, done
    assert not list(audit.textfile_dir.iterdir())


def test_a_server_that_refuses_time(audit, clocks, r):
    r.acl_setuser("blind", enabled=True, nopass=True, keys=["*"],
                  commands=["+@all", "-time"])
    done = audit.run(env={**clocks.env(), "REDIS_URL":
                          audit.config["redis"]["url"].replace("unix://", "unix://blind:x@")})
    assert done.exit == 77, done
    assert "TIME" in done.stderr, done


def test_not_redis_at_all(audit, clocks, server):
    server.kill()
    done = audit.run(env=clocks.env())
    assert done.exit == 69, done


@pytest.mark.parametrize("wall", ["+20.04", "-20.049", "+0.30004", "-3.26"])
def test_what_is_printed_holds_the_truth(audit, clocks, wall):
    """The value is rounded, so the error is rounded up by as much."""
    units = {"ms": 0.001, "s": 1}
    done = audit.run(env=clocks.env(wall))
    value, unit, _, error, error_unit = done.stdout.split(",")[0].removeprefix("offset ").split()
    off = abs(float(value) * units[unit] - float(wall))
    assert off <= float(error) * units[error_unit] + 1e-9, done
