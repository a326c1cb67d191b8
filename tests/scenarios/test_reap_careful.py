"""What a sceptic tried: outages, steps of the clock, activity without a heartbeat, pauses and holds
that come in mid-run, odd journals. Nothing that may live goes."""

import json

import pytest

from harness import differences, names, snapshot, wait_for

SHORT = {"liveness": {"confirm": "200ms"}, "reap-stale": {"stale_after": "2s"},
         "escalate-dead": {"dead_after": "1s", "warning_interval": "500ms"}}
FAST = {"liveness": {"confirm": "0s"}}
OLD = 11 * 60 * 1000


def later(r, ms):
    def now():
        return r.time()[0] * 1000 + r.time()[1] // 1000
    end = now() + ms
    wait_for(lambda: now() > end)


def beats(r, heartbeat, n):
    for i in range(n):
        heartbeat(f"l{i}", ttl=None)
        r.set(f"blocking:state:l{i}", "s", ex=3600)


def seen_to_live(r, reap, heartbeat, n):
    """Three runs, each of which sees new beats."""
    for i in range(3):
        beats(r, lambda ident, ttl: heartbeat(ident, ttl=ttl, sequence=i), n)
        assert reap.run().exit == 0


def test_an_outage_is_no_death(r, job, heartbeat):
    """Unwatched time is no silence that anybody saw: all that fell silent at once is a mass loss."""
    reap = job("reap-stale", SHORT)
    seen_to_live(r, reap, heartbeat, 6)
    before = snapshot(r)
    later(r, 2200)
    done = reap.json()
    assert done.exit == 2 and done.finding_codes() == ["mass-loss"], done
    assert differences(before, snapshot(r)) == []
    seen_to_live(r, reap, heartbeat, 6)


def test_one_that_fell_silent_unseen_is_looked_at_twice(server, r, job, proxy, heartbeat):
    reap = job("reap-stale", {**SHORT, "liveness": {"confirm": "1s"}}, url=proxy.url)
    seen_to_live(r, reap, heartbeat, 1)
    later(r, 2200)
    run = reap.start()
    # It beats again while the run waits for its second look.
    looks = [0]

    def on_command(number, words):
        if words[0].upper() == b"GETRANGE" and b"blocking:heartbeat:l0" in words:
            looks[0] += 1
            if looks[0] == 2:
                heartbeat("l0", ttl=None, sequence=99)
        return None

    proxy.on_command = on_command
    run.wait()
    assert r.exists("blocking:heartbeat:l0", "blocking:state:l0") == 2


def test_what_scan_gives_twice_is_deleted_once(r, job, proxy, heartbeat):
    """SCAN may return a key several times: what is counted is what went."""
    before = snapshot(r)
    heartbeat("gone", age_ms=OLD, ttl=None)
    r.set("blocking:state:gone", "s")
    reap = job("reap-stale", FAST, url=proxy.url)

    def on_command(_, words):
        if words[0].upper() == b"SCAN" and any(b"[bc]" in w for w in words):
            key = b"$19\r\nblocking:state:gone\r\n"
            return b"*2\r\n$1\r\n0\r\n*3\r\n" + key * 3
        return None

    proxy.on_command = on_command
    done = reap.json()
    proxy.on_command = None
    assert done.exit == 0 and done.count("keys-deleted") == 2, done
    assert differences(before, snapshot(r)) == []


def test_a_step_of_the_servers_clock(server, r, job, proxy, heartbeat):
    """700 s forward between two runs: everybody's silence is 700 s all at once."""
    reap = job("reap-stale", FAST, url=proxy.url)
    seen_to_live(r, reap, heartbeat, 10)
    before = snapshot(r)

    def on_command(number, words):
        if words[0].upper() == b"TIME":
            seconds, micro = r.time()
            return b"*2\r\n$10\r\n%d\r\n$6\r\n%06d\r\n" % (seconds + 700, micro)
        return None

    proxy.on_command = on_command
    done = reap.json()
    assert done.exit == 2 and done.count("keys-deleted") == 0, done
    assert differences(before, snapshot(r)) == []


@pytest.mark.parametrize("state", ["reaped", "retired", "escalated"])
def test_back_with_activity_before_its_first_heartbeat(r, job, now_ms, heartbeat, state):
    reap = job("reap-stale", SHORT)
    heartbeat("d", age_ms=OLD, ttl=None)
    assert reap.json().count("coordinators-reaped") == 1
    entry = r.hget("coordkeep:roster", "d")
    assert b"reaped" in entry
    r.hset("coordkeep:roster", "d", entry.replace(b"reaped", state.encode()))
    later(r, 2200)
    r.set("coordinator:activity:d", json.dumps({"coordinatorId": "d", "lastActivity": now_ms()}), ex=600)
    r.set("blocking:state:d", "fresh", ex=3600)
    before = snapshot(r)
    done = reap.json()
    assert done.exit == 0 and done.count("keys-deleted") == 0, done
    assert differences(before, snapshot(r)) == []


def test_fresh_idempotency_records_stay(r, job, now_ms, heartbeat):
    heartbeat("t1", age_ms=OLD, ttl=None)
    fresh = f"blocking:idempotency:t1:x:t:1:{now_ms()}"
    r.set(fresh, "1", ex=86400)
    r.set(f"blocking:idempotency:t1:x:t:1:{now_ms() - OLD}", "1", ex=86400)
    assert job("reap-stale", FAST).json().count("keys-deleted") == 2
    assert names(r) == [fresh]


def test_the_newer_of_two_times_counts(r, job, now_ms):
    r.set("blocking:heartbeat:c", json.dumps({"timestamp": now_ms() - OLD, "lastHeartbeat": now_ms()}))
    before = snapshot(r)
    assert job("reap-stale", FAST).run().exit == 0
    assert differences(before, snapshot(r)) == []


@pytest.mark.parametrize("what", ["pause", "hold"])
def test_a_pause_and_a_hold_in_mid_run(r, job, proxy, heartbeat, now_ms, what):
    heartbeat("d", age_ms=OLD, ttl=None)
    r.set("blocking:state:d", "s")
    before = snapshot(r)

    def on_command(number, words):
        if words[0].upper() == b"SCAN" and b"blocking:heartbeat:*" not in words:
            if what == "pause":
                r.set("coordkeep:pause", "stop", ex=100)
            else:
                r.hset("coordkeep:hold", "d", now_ms() + 900_000)
        return None

    proxy.on_command = on_command
    done = job("reap-stale", FAST, url=proxy.url).json()
    assert done.exit == (75 if what == "pause" else 0), done
    assert differences(before, snapshot(r)) == []


@pytest.mark.parametrize("when", ["while it waits", "before its keys go", "before its heartbeat goes"])
@pytest.mark.parametrize("line", [[], ["--coordinator", "d"]])
def test_a_suspect_of_meanwhile(r, job, proxy, heartbeat, when, line):
    """escalate-dead has begun to judge it: it is left, and the roster goes on saying so."""
    heartbeat("d", age_ms=OLD, ttl=None)
    r.set("blocking:state:d", "s")
    r.set("coordinator:work:s:d:w", json.dumps({"assignedTo": "d"}))
    looks, warned = [], []

    def suspect():
        if not warned:
            warned.append(job("escalate-dead", SHORT).json())

    def on_command(number, words):
        name = words[0].upper()
        if name == b"GETRANGE" and b"coordinator:activity:d" in words:
            looks.append(1)
            if when == "while it waits" and len(looks) == 2:
                suspect()
        if when == "before its keys go" and name == b"SCAN" and b"blocking:heartbeat:*" not in words:
            suspect()
        if when == "before its heartbeat goes" and name == b"EVALSHA" and b"blocking:state:d" in words:
            suspect()

    proxy.on_command = on_command
    done = job("reap-stale", SHORT, url=proxy.url).json(*line)
    assert warned and warned[0].count("suspects") == 1, (warned, done)
    assert r.exists("blocking:heartbeat:d", "blocking:warning:d") == 2, done
    assert r.exists("blocking:state:d") == (when != "before its heartbeat goes"), done
    assert b"suspect" in r.hget("coordkeep:roster", "d"), done
    assert done.count("suspects-left-to-escalate-dead") == 1 and done.exit == 0, done
    assert done.count("coordinators-reaped") == 0, done


class TestOne:
    """--coordinator"""

    def test_a_heartbeat_that_only_just_vanished(self, r, job, heartbeat):
        reap = job("reap-stale", FAST)
        for i in range(2):
            heartbeat("lv", sequence=i)
            reap.run()
        r.delete("blocking:heartbeat:lv")
        r.set("blocking:state:lv", "s")
        refused = reap.run("--coordinator", "lv")
        assert refused.exit == 2 and "lv: refused" in refused.stderr, refused
        assert "life within the threshold" in refused.stderr, refused
        assert r.exists("blocking:state:lv") == 1

    def test_on_hold(self, r, job, heartbeat, now_ms):
        heartbeat("d", age_ms=OLD, ttl=None)
        r.hset("coordkeep:hold", "d", now_ms() + 900_000)
        refused = job("reap-stale", FAST).run("--coordinator", "d")
        assert refused.exit == 2 and "on hold" in refused.stderr, refused

    def test_a_typo_is_not_called_success(self, r, job, heartbeat):
        heartbeat("c1")
        done = job("reap-stale", FAST).run("--coordinator", "blocking:heartbeat:c1")
        assert "No key of blocking:heartbeat:c1 is there" in done.stdout, done


class TestAll:
    """--all without --force"""

    def refused(self, r, reap):
        before = snapshot(r)
        done = reap.run("--all", "--yes")
        assert done.exit == 2 and "refused" in done.stderr, done
        assert differences(before, snapshot(r)) == []

    def test_activity_alone(self, r, job, now_ms):
        r.set("coordinator:activity:w1", json.dumps({"lastActivity": now_ms()}))
        r.set("coordinator:work:s:w1:w", "{}")
        self.refused(r, job("reap-stale", FAST))

    def test_a_heartbeat_that_only_just_vanished(self, r, job, heartbeat):
        reap = job("reap-stale", FAST)
        for i in range(2):
            heartbeat("lv", sequence=i)
            reap.run()
        r.delete("blocking:heartbeat:lv")
        r.set("blocking:state:lv", "s")
        self.refused(r, reap)

    def test_on_hold(self, r, job, now_ms):
        r.set("blocking:state:d", "s")
        r.hset("coordkeep:hold", "d", now_ms() + 900_000)
        self.refused(r, job("reap-stale", FAST))


def test_orphans_with_activity_or_work(r, job, now_ms):
    reap = job("reap-stale", {**FAST, "reap-stale": {"orphans": "reap", "orphan_after": "1s"}})

    def busy():
        r.set("coordinator:activity:o1", json.dumps({"lastActivity": now_ms()}), ex=600)
        r.set("coordinator:work:s:o2:w", json.dumps({"assignedTo": "o2", "n": now_ms()}), ex=600)

    for o in ("o1", "o2", "o3"):
        r.set(f"blocking:state:{o}", "s")
    busy()
    reap.run()
    later(r, 1100)
    busy()
    reap.run()
    assert names(r, "blocking:*") == ["blocking:state:o1", "blocking:state:o2"]


def test_a_run_too_short_for_its_second_look_gets_there_at_last(r, job, heartbeat):
    heartbeat("d", age_ms=OLD, ttl=None)
    reap = job("reap-stale", {"liveness": {"confirm": "3s"}})
    assert reap.run("--max-runtime", "2s").exit == 75
    later(r, 3100)
    assert reap.json("--max-runtime", "2s").count("keys-deleted") == 1


def test_the_brake_says_that_it_is_on(r, job, heartbeat):
    reap = job("reap-stale", FAST)
    for i in range(5):
        heartbeat(f"c{i}")
    reap.run()
    r.delete(*(f"blocking:heartbeat:c{i}" for i in range(5)))
    heartbeat("dead", age_ms=OLD, ttl=None)
    done = reap.run()
    assert done.exit == 2 and "brake is on" in done.stdout, done
    assert "Cleanup complete" not in done.stdout and "No stale keys" not in done.stdout, done
    assert reap.run("--override-brake").exit == 1


def test_one_with_the_brake_on_is_told_of_it(r, job, heartbeat):
    """A person asked for it, so it goes; that many others are missing is a finding."""
    reap = job("reap-stale", FAST)
    for i in range(5):
        heartbeat(f"c{i}")
    reap.run()
    r.delete(*(f"blocking:heartbeat:c{i}" for i in range(5)))
    heartbeat("dead", age_ms=OLD, ttl=None)
    baseline = r.get("coordkeep:baseline")
    for line in (["-n"], []):
        done = reap.json("--coordinator", "dead", *line)
        assert done.exit == 1 and done.finding_codes() == ["mass-loss"], done
        assert "5 of 5" in done.findings()[0]["text"], done
    assert not r.exists("blocking:heartbeat:dead") and r.get("coordkeep:baseline") == baseline
    assert reap.run().exit == 2, "the brake stays on for the rest"


@pytest.mark.parametrize("line", [[], ["--coordinator", "d"]])
def test_a_time_in_the_roster_that_has_not_come(r, job, heartbeat, now_ms, line):
    """Against it nobody is ever silent: that is said."""
    reap = job("reap-stale", SHORT)
    heartbeat("d", age_ms=OLD, ttl=None)
    heartbeat("alive")
    reap.run("--set", "reap-stale.stale_after=1d")
    ahead = now_ms() + 86_400_000
    for ident in ("d", "alive"):
        words = r.hget("coordkeep:roster", ident).split(b" ")
        for i in (1, 2, 8, 9, 10):
            words[i] = b"%d" % ahead
        r.hset("coordkeep:roster", ident, b" ".join(words))
    for i in range(2):
        heartbeat("alive", sequence=i + 1)
        done = reap.json(*line)
        assert done.exit == (2 if line else 1) and done.finding_codes() == ["roster-ahead"], done
        assert [f["key"] for f in done.findings()] == ["d"] and "23h" in done.findings()[0]["text"]
    r.hdel("coordkeep:roster", "d")
    assert reap.json(*line).count("coordinators-reaped") == 1


def test_one_number_for_a_clock_that_is_off(r, job, heartbeat, now_ms):
    reap = job("reap-stale", FAST)
    heartbeat("slow", ttl=89)
    reap.run()
    heartbeat("slow", age_ms=83 * 60 * 1000 + 30_000, ttl=89)
    done = reap.json()
    assert "off by -1h23m (" in done.findings("skewed-clock")[0]["text"], done


def test_no_undo_is_offered_where_nothing_went(server, r, job, heartbeat):
    heartbeat("d", age_ms=OLD, ttl=None)
    r.execute_command("ACL", "SETUSER", "limited", "reset", "on", ">pw", "~*", "&*", "+@all", "-evalsha",
                      "-eval")
    done = job("reap-stale", FAST, url=server.url.replace("unix://", "unix://limited:pw@")).run()
    assert done.exit == 77 and "Undo with" not in done.stdout, done


class TestUndo:
    def journal(self, r, job, heartbeat):
        heartbeat("d", age_ms=OLD, ttl=None)
        r.set("blocking:warning:d", 1, ex=300)
        reap = job("reap-stale", FAST)
        reap.run()
        return reap, reap.journals()[0]

    def test_only_keys_of_the_families(self, r, job, heartbeat):
        reap, journal = self.journal(r, job, heartbeat)
        import base64
        text = journal.read_text()
        hostile = base64.b64encode(b"users:1").decode()
        key = base64.b64encode(b"blocking:heartbeat:d").decode()
        journal.write_text(text.replace(key, hostile))
        done = reap.json("--undo", journal)
        assert done.exit == 2 and done.count("failed") == 1, done
        assert r.exists("users:1") == 0

    def test_a_file_that_others_can_write(self, r, job, heartbeat):
        reap, journal = self.journal(r, job, heartbeat)
        journal.chmod(0o666)
        done = reap.run("--undo", journal)
        assert done.exit == 64 and "chmod" in done.stderr, done

    def test_what_is_not_restored_is_said(self, r, job, heartbeat):
        reap, journal = self.journal(r, job, heartbeat)
        done = reap.run("--undo", journal)
        assert "Restored 1 key of 1 coordinator" in done.stdout, done
        assert "1 key held warnings" in done.stdout, done


@pytest.mark.parametrize("key", ["coordkeep:roster", "coordkeep:hold"])
def test_what_is_ours_and_was_overwritten_is_named_and_tells_the_hook(r, job, tmp_path, key):
    r.set(key, "x")
    told = tmp_path / "told"
    done = job("reap-stale", {**FAST, "hooks": {"on_failure": f"cat > {told}"}}).run("-q")
    assert done.exit == 2 and key in done.stderr and "delete it" in done.stderr, done
    assert json.loads(told.read_text())["exit"] == 2


def test_a_lease_that_nobody_can_hold(r, job):
    reap = job("reap-stale", FAST)
    r.set("coordkeep:lease:reap-stale", "x")
    done = reap.run("-q")
    assert done.exit == 2 and "no TTL" in done.stderr, done
    r.expire("coordkeep:lease:reap-stale", 43)
    done = reap.run()
    assert done.exit == 75 and "for 43 s more" in done.stderr, done


@pytest.mark.parametrize("value", ["", "undo"])
def test_a_directory_that_is_nowhere(r, job, value):
    done = job("reap-stale", {"reap-stale": {"undo_dir": value}}).run("--check-config")
    assert done.exit == 78 and "undo_dir" in done.stderr, done
