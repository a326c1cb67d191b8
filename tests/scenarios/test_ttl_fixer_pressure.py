"""A server that is full: long TTLs are cut, work never, and what was said is so."""

import re

import pytest

from harness import differences, snapshot

H = 3600
DAY = 24 * H


def fill(r):
    for key, ttl in {"blocking:signal:a": 7 * DAY, "blocking:ack:a:s": 2 * DAY,
                     "blocking:other": 30 * DAY, "coordinator:activity:a": 2 * DAY,
                     "blocking:idempotency:a:b:wake:1:99": DAY + 60,
                     # these stay
                     "blocking:state:a": DAY - 60, "blocking:signal:short": 60,
                     "coordinator:work:s:a:w": 7 * DAY, "coordinator:escalation:a": 7 * DAY,
                     "coordinator:spawn:a": 7 * DAY, "coordkeep:roster": 7 * DAY,
                     "session:a": 7 * DAY}.items():
        r.set(key, "x", ex=ttl)


CUT = ["blocking:signal:a", "blocking:ack:a:s", "blocking:other", "coordinator:activity:a",
       "blocking:idempotency:a:b:wake:1:99"]


def press(r, per_cent, policy="noeviction"):
    """Make the memory in use so many per cent of maxmemory. It is enough memory that what
    connections take does not count, and no client sends it: its buffers would."""
    r.execute_command("DEBUG", "POPULATE", 1000, "pad", 10_000)
    r.config_set("maxmemory-policy", policy)
    r.config_set("maxmemory", int(r.info("memory")["used_memory"] * 100 / per_cent))


@pytest.mark.parametrize("policy, says", [("noeviction", "refused"), ("allkeys-lru", "evicted"),
                                          ("volatile-ttl", "evicted")])
def test_under_pressure(r, job, policy, says):
    fill(r)
    press(r, 95, policy)
    before = snapshot(r, without=())
    fixer = job("ttl-fixer")
    dry = fixer.json("--pressure", "-n")
    assert dry.count("ttl-cut") == len(CUT), dry
    assert differences(before, snapshot(r, without=())) == []

    done = fixer.run("--pressure")
    assert done.exit == 1, done
    for key in CUT:
        assert H - 60 <= r.ttl(key) <= H, key
    assert len(differences(before, snapshot(r, without=()))) == len(CUT)
    assert "Memory before: " in done.stdout and "Memory now: " in done.stdout, done
    assert re.search(rf"Memory before: \d+MB of \S+ \(9\d %\), policy {policy}", done.stdout), done
    assert "within 1h" in done.stdout and says in done.stderr, done
    again = fixer.json("--pressure")
    assert again.count("ttl-cut") == 0 and again.finding_codes() == ["eviction-policy"], again


def test_refused_below_the_limit(r, job):
    fill(r)
    press(r, 50)
    before = snapshot(r, without=())
    fixer = job("ttl-fixer")
    done = fixer.run("--pressure")
    assert done.exit == 2 and "refused" in done.stderr and "90 %" in done.stderr, done
    assert differences(before, snapshot(r, without=())) == []
    assert fixer.run("--pressure", config={"ttl-fixer": {"pressure_at": 40}}).exit == 1
    assert r.ttl("blocking:signal:a") <= H


def test_refused_without_a_limit_unless_forced(r, job):
    fill(r)
    before = snapshot(r, without=())
    fixer = job("ttl-fixer")
    done = fixer.run("--pressure")
    assert done.exit == 2 and "no maxmemory" in done.stderr and "--force" in done.stderr, done
    assert differences(before, snapshot(r, without=())) == []
    forced = fixer.run("--pressure", "--force")
    assert forced.exit == 0 and "no maxmemory" in forced.stdout, forced
    assert r.ttl("blocking:signal:a") <= H and r.ttl("coordinator:work:s:a:w") > 6 * DAY


def test_configured(r, job):
    fill(r)
    config = {"ttl-fixer": {"pressure_over": "3d", "pressure_ttl": "2h"}}
    assert job("ttl-fixer", config).json("--pressure", "--force").count("ttl-cut") == 2
    assert H < r.ttl("blocking:signal:a") <= 2 * H and r.ttl("blocking:ack:a:s") > DAY


def test_out_of_memory_at_the_lease(r, job):
    """The cure must not need what it is to free."""
    fill(r)
    r.set("blocking:signal:none", "x")
    r.config_set("maxmemory", 1)
    fixer = job("ttl-fixer")
    done = fixer.run("--pressure")
    assert done.exit == 1 and "event=no-lease" in done.stderr, done
    assert r.ttl("blocking:signal:a") <= H and r.ttl("blocking:signal:none") > 23 * H
    for key in CUT:
        r.expire(key, 7 * DAY)
    plain = fixer.run()
    assert plain.exit == 0 and "event=no-lease" in plain.stderr, plain


def test_out_of_memory_when_the_time_is_up(r, job):
    """The place cannot be stored in the server: it is kept on the host."""
    pipe = r.pipeline(transaction=False)
    for i in range(2000):
        pipe.set(f"blocking:signal:{i}", "x", ex=7 * DAY)
    pipe.execute()
    r.config_set("maxmemory", 1)
    slow = {"scan": {"max_keys_per_second": 500}}
    fixer = job("ttl-fixer")
    cut = 0
    for args in (("--max-runtime", "1s"), ("--max-runtime", "1s"), ()):
        done = fixer.json("--pressure", *args, config=slow if args else None)
        assert done.exit == (75 if args else 1) and done.count("ttl-cut") > 0, done
        assert ("event=cursor-in-file" in done.stderr) == bool(args), done
        assert "begins at the start" not in done.stderr, done
        assert r.keys("coordkeep:cursor:*") == []
        assert (fixer.state_dir / "ttl-fixer.cursor-pressure").exists() == bool(args)
        cut += done.count("ttl-cut")
    assert cut == 2000


def test_where_no_place_can_be_kept_that_is_said(r, job):
    pipe = r.pipeline(transaction=False)
    for i in range(2000):
        pipe.set(f"blocking:signal:{i}", "x")
    pipe.execute()
    r.config_set("maxmemory", 1)
    slow = {"scan": {"max_keys_per_second": 500}, "job": {"state_dir": "/dev/null/no"}}
    fixer = job("ttl-fixer")
    done = fixer.run("--max-runtime", "1s", config=slow)
    assert done.exit == 75 and "event=cursor-not-stored" in done.stderr, done
    assert "goes on" not in done.stderr + done.stdout, done
    assert "begins at the start" in done.stderr, done


@pytest.mark.parametrize("age_ms, begins", [(599_000, False), (601_000, True), (-60_000, True)])
def test_the_place_in_the_file_is_for_minutes(r, job, now_ms, age_ms, begins):
    """The next incident begins at the start."""
    fill(r)
    fixer = job("ttl-fixer")
    run_id = r.info("server")["run_id"]
    (fixer.state_dir / "ttl-fixer.cursor-pressure").write_text(
        f"{run_id} 0 12345 {now_ms() - age_ms}")
    done = fixer.run("--pressure", "--force")
    assert ("Going on" in done.stdout) != begins, done
    assert not (fixer.state_dir / "ttl-fixer.cursor-pressure").exists()
    if begins:
        assert r.ttl("blocking:signal:a") <= H


def test_nothing_was_cut(r, job):
    r.set("blocking:signal:a", "x", ex=60)
    done = job("ttl-fixer").run("--pressure", "--force")
    assert done.exit == 0 and "is freed" not in done.stdout, done


def test_a_pass_that_is_cut_short_has_a_cursor_of_its_own(r, job):
    pipe = r.pipeline(transaction=False)
    for i in range(2000):
        pipe.set(f"blocking:signal:{i}", "x", ex=7 * DAY)
    pipe.execute()
    fixer = job("ttl-fixer")
    slow = {"scan": {"max_keys_per_second": 500}}
    first = fixer.json("--pressure", "--force", "--max-runtime", "1s", config=slow)
    assert first.exit == 75 and 0 < first.count("ttl-cut") < 2000, first
    assert r.keys("coordkeep:cursor:*") == [b"coordkeep:cursor:ttl-fixer:pressure"]
    assert 0 < r.ttl("coordkeep:cursor:ttl-fixer:pressure") <= 600
    assert fixer.json().exit == 0
    assert r.keys("coordkeep:cursor:*") == [b"coordkeep:cursor:ttl-fixer:pressure"]
    second = fixer.json("--pressure", "--force")
    assert second.exit == 0, second
    assert first.count("ttl-cut") + second.count("ttl-cut") == 2000
    assert r.keys("coordkeep:cursor:*") == []


def test_excludes_report(r, job):
    done = job("ttl-fixer").run("--pressure", "--report")
    assert done.exit == 64, done


WORK = ["coordinator:work:s:a:w", "coordinator:escalation:a", "coordinator:spawn:a"]


@pytest.mark.parametrize("policy", ["volatile-ttl", "volatile-lru"])
def test_work_is_not_made_evictable(r, job, policy):
    """Where the server drops what has a TTL, work without one is out of its reach."""
    for key in [*WORK, "blocking:signal:a"]:
        r.set(key, "x")
    press(r, 50, policy)
    fixer = job("ttl-fixer")
    done = fixer.json()
    assert done.exit == 1 and done.finding_codes() == ["work-without-ttl"], done
    assert policy in done.findings()[0]["text"] and "3 keys" in done.findings()[0]["text"], done
    assert done.count("work-left") == 3 and done.count("ttl-set") == 1, done
    assert [r.ttl(k) for k in WORK] == [-1, -1, -1] and r.ttl("blocking:signal:a") > 0
    r.config_set("maxmemory-policy", "noeviction")
    assert fixer.json().count("ttl-set") == 3


@pytest.mark.parametrize("policy", ["noeviction", "allkeys-lru", "volatile-ttl"])
def test_under_pressure_work_is_given_no_ttl(r, job, policy):
    for key in WORK:
        r.set(key, "x")
    press(r, 95, policy)
    done = job("ttl-fixer").json("--pressure")
    assert done.count("ttl-set") == 0 and done.count("work-left") == 3, done
    assert [r.ttl(k) for k in WORK] == [-1, -1, -1]


def test_heartbeats_and_warnings_are_never_cut(r, job):
    r.set("blocking:heartbeat:a", '{"timestamp":1}', ex=30 * DAY)
    r.set("blocking:warning:a", "2", ex=30 * DAY)
    done = job("ttl-fixer", {"ttl-fixer": {"max_ttl": "10m"}}).json("--pressure", "--force")
    assert done.exit == 0 and done.count("ttl-cut") == 0, done
    assert r.ttl("blocking:heartbeat:a") > 29 * DAY and r.ttl("blocking:warning:a") > 29 * DAY


@pytest.mark.parametrize("option", [{"max_ttl": "1s"}, {"max_ttl": "9m59s"},
                                    {"pressure_ttl": "1s"}, {"pressure_ttl": "299s"}])
def test_a_cut_that_is_too_short_is_refused(r, job, option):
    done = job("ttl-fixer", {"ttl-fixer": option}).run()
    assert done.exit == 78 and next(iter(option)) in done.stderr, done
