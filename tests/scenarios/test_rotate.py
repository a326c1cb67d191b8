"""secret-rotate-phase: three hosts and one Redis, from the start of a rotation to its end."""

import json
import socket
import subprocess

import pytest

from harness import snapshot
from rotation_hosts import OTHER, PHASES, RECORD, REPORTS, SIGN, SIGNAL, fingerprint, \
    message, signed

HOUR = 3_600_000


def no_secret_is_told(hosts, secrets):
    """In Redis, in the copies, in the metrics: fingerprints only."""
    seen = repr(snapshot(hosts.r, without=())).encode()
    for host in hosts:
        seen += host.copy() + b"".join(p.read_bytes() for p in host.job.textfile_dir.iterdir())
    for secret in secrets:
        assert secret.encode() not in seen


# A whole rotation

@pytest.mark.long
def test_running_coordinators_reject_nothing_in_a_whole_rotation(hosts, fleet):
    names = [h.name for h in hosts]
    for host in hosts:
        host.coordinate(fleet, [n for n in names if n != host.name])
    hosts.quiet()
    hosts.start()
    new, seen = hosts.new_secret(), []
    for _ in hosts.steps(rounds=40, ok=(0, 1)):   # 1: what the drain of 0s is held up by
        seen.append(hosts.phase())
        if seen[-1] == "idle":
            break
        hosts.quiet()
    assert list(dict.fromkeys(seen)) == [*PHASES, "idle"]
    hosts.round()
    assert hosts.files() == {(new, None)} and new != hosts.secret
    hosts.quiet()
    assert hosts.counts("signals_rejected") == 0 and hosts.counts("acks_rejected") == 0
    assert hosts.counts("signals_accepted") > 100 and hosts.counts("acks_verified") > 50
    # restarted in distribute, promote and retire, and no more often
    assert [h.restarts.read_text().count("x") for h in hosts] == [3, 3, 3]
    assert hosts[1].rotation()["in_flight"]["old"] == 0
    no_secret_is_told(hosts, (hosts.secret, new, hosts.master))


def test_the_status_of_each_phase(hosts):
    old, seen = fingerprint(hosts.secret), {}
    before = hosts[0].rotation()
    assert before["epoch"] == 0 and before["phase"] == "idle", before
    assert [h["standing"] for h in before["hosts"]] == ["absent"] * 3
    hosts.start()
    new = fingerprint(hosts.new_secret())
    for _ in hosts.steps():
        now = hosts[2].rotation()
        if now["phase"] == "idle":
            break
        seen[now["phase"]] = (now["sign"], now["other"])
        assert {h["host"] for h in now["hosts"]} == {h.name for h in hosts}
        assert now["waits_for"] in ("hosts", "pass", "run") and not now["blocked"]
        text = hosts[1].job.run("--status")
        assert text.exit == 0 and f"Phase {now['phase']}" in text.stdout, text
        assert all(h.name in text.stdout for h in hosts) and "In flight:" in text.stdout
    assert seen == {"distribute": (old, new), "promote": (new, old), "drain": (new, old),
                    "retire": (new, old)}
    hosts.round()
    after = hosts[0].rotation()
    assert after["sign"] == new and after["other"] is None and after["waits_for"] == "start"
    assert all(h["standing"] == "good" and h["file"] == {"sign": new, "other": None}
               for h in after["hosts"])
    assert hosts.record()["retired"] == old
    metrics = hosts[0].metrics()
    assert metrics["rotation_phase", "idle"] == 1
    assert metrics["rotation_phase", "drain"] == 0
    assert metrics["rotation_blocked"] == metrics["rotation_hosts_late"] == 0
    assert 0 <= metrics["rotation_age_seconds"] < 3600


def test_soak_and_drain_are_waited_for(make_hosts):
    hosts = make_hosts(config={"soak": "1h", "drain": "2h"})
    hosts.start()
    for _ in range(4):
        hosts.round()
    now = hosts[0].rotation()
    assert now["phase"] == "distribute" and now["waits_for"] == "time"
    assert 0 < now["left_ms"] <= HOUR
    for host in hosts:
        host.set(soak="0s")
    hosts.until("drain")
    for _ in range(4):
        hosts.round()
    now = hosts[0].rotation()
    assert now["phase"] == "drain" and HOUR < now["left_ms"] <= 2 * HOUR


# Starting

def test_a_drain_that_is_too_short_is_warned_of(make_hosts):
    for drain, short in (("1s", True), ("2s", False)):   # against a signal TTL and a retry TTL of 1 s
        hosts = make_hosts(names=(f"only-{drain}",), config={"drain": drain})
        hosts.r.flushall()
        hosts.round()
        done = hosts[0].run("--start")
        assert done.exit == 0 and ("drain-short" in done.stderr) == short, done


def test_two_starts_at_once_make_one_rotation(hosts):
    hosts.round()
    runs = [h.job.start("--start", "--format", "json") for h in hosts]
    done = [x.wait().parse() for x in runs]
    # Who lost says so; whichever it was, there is one rotation. The winner may have seen a loser's
    # report from before that one had moved its file: a finding that the next round ends.
    assert all(d.exit in (0, 1, 2, 75) for d in done), done
    won = [d for d in done if d.exit in (0, 1)]
    assert len(won) == 1 and set(won[0].finding_codes()) <= {"host-blocks"}, done
    assert hosts.record()["phase"] == "distribute"
    assert len({h.file()[1] for h in hosts if h.file()[1]}) <= 1
    hosts.round(ok=(0, 1))
    hosts.finish()


def test_a_second_run_on_a_host_is_kept_out(hosts):
    hosts.round()
    (hosts[0].dir / "check").write_text(
        f"touch {hosts[0].dir}/looking; while test ! -e {hosts[0].dir}/go; do sleep 0.05; done")
    hosts[0].set(check_command=f"sh {hosts[0].dir}/check")
    first = hosts[0].job.start("--format", "json")
    while not (hosts[0].dir / "looking").exists():
        assert first.running()
    second = hosts[0].run()
    assert second.exit == 75 and "another run" in second.json["error"], second
    (hosts[0].dir / "go").touch()
    assert first.wait().exit == 0


def test_a_start_is_refused(hosts, make_hosts):
    done = hosts[0].run("--start")
    assert done.exit == 2 and "host-b" in done.json["error"], done
    assert hosts.r.exists(RECORD) == 0
    refused = hosts[0].run("--start", config={"secret-rotate-phase": {
        "coordinators_accept_other": "no"}})
    assert refused.exit == 78 and "coordinators_accept_other" in refused.json["error"]
    hosts.round()
    hosts[1].env_file.write_text(hosts[1].env_file.read_text().replace(
        f"{SIGN}=", f"{SIGN}=another-secret-of-32-characters-"))
    done = hosts[1].run()
    assert done.exit == 2 and done.finding_codes() == ["secret-mismatch"], done
    done = hosts[0].run("--start")
    assert done.exit == 2 and "different secrets" in done.json["error"], done
    assert hosts.r.exists(RECORD) == 0


def test_where_nothing_is_set_up_there_is_nothing_to_do(hosts):
    hosts[0].env_file.unlink()
    for words in ((), ("--catch-up",)):
        done = hosts[0].job.json(*words, config={"secret-rotate-phase": {"hosts": ""}})
        assert done.exit == 0 and not hosts.r.dbsize(), done
    assert hosts[0].job.run().exit == 78


def test_options_that_exclude_one_another(hosts):
    for words in (("--start", "--abort"), ("--status", "--catch-up"), ("--turn", "a", "--rollback"),
                  ("--exclude-host", "a b"), ("--yes",)):
        assert hosts[0].job.run(*words).exit == 64


def test_by_age(make_hosts):
    hosts = make_hosts(config={"auto": "yes", "max_age": "90d"})
    hosts.start()
    hosts.finish()
    hosts.r.hset(RECORD, "rotated", int(hosts.record()["rotated"]) - 91 * 24 * HOUR)
    done = hosts[0].run("-n")
    assert done.actions("start") and hosts.phase() == "idle"
    done = hosts[0].run()
    assert done.exit == 0 and done.actions("start"), done
    assert hosts.phase() == "distribute"
    hosts.finish()


def test_by_age_if_that_cannot_be(hosts):
    hosts.start()
    hosts.finish()
    hosts.r.hset(RECORD, "rotated", int(hosts.record()["rotated"]) - 91 * 24 * HOUR)
    hosts.r.hdel(REPORTS, "host-b")
    done = hosts[0].run(config={"secret-rotate-phase": {"auto": "yes"}})
    assert done.exit == 1 and "auto-refused" in done.finding_codes(), done
    done = hosts[0].run(config={"secret-rotate-phase": {"auto": "yes",
                                                        "coordinators_accept_other": "no"}})
    assert done.exit == 1 and "auto-refused" in done.finding_codes(), done
    assert hosts.phase() == "idle"


def test_overdue(hosts):
    hosts.start()
    hosts.finish()
    hosts.r.hset(RECORD, "rotated", int(hosts.record()["rotated"]) - 91 * 24 * HOUR)
    done = hosts[0].run()
    assert done.exit == 1 and done.finding_codes() == ["rotation-overdue"], done
    assert hosts[0].metrics()["rotation_overdue"] == 1


# A host that is down

@pytest.mark.parametrize("phase", PHASES)
def test_a_host_that_is_down_is_waited_for(hosts, phase):
    hosts.start()
    hosts.until(phase)
    down = hosts[2]
    for _ in range(4):
        hosts.round(down)
    assert hosts.phase() == phase
    assert hosts[0].rotation()["waits_for"] == "hosts"
    hosts.age_report(down.name, 2 * HOUR)
    done = hosts[0].run("--status")
    assert done.exit == 1 and done.finding_codes() == ["host-late"], done
    assert [f["key"] for f in done.findings("host-late")] == [down.name]
    assert done.json["rotation"]["blocked"]
    assert [h["host"] for h in done.json["rotation"]["hosts"] if h["late"]] == [down.name]
    assert hosts[1].run().exit == 1 and hosts.phase() == phase
    metrics = hosts[1].metrics()
    assert metrics["rotation_blocked"] == metrics["rotation_hosts_late"] == 1
    # it boots: first its file, then its part
    done = down.run("--catch-up")
    assert done.exit == 0, done
    assert hosts.phase() == phase
    hosts.finish()
    assert len(hosts.files()) == 1


def test_a_host_that_was_forgotten_in_the_list_keeps_a_rotation_from_starting(hosts, heartbeat):
    for host in hosts:
        host.set(check_command=f"echo {fingerprint(hosts.secret)} -")
    hosts.round()
    heartbeat("coord-1", hostname="host-a.example.org")
    heartbeat("coord-2", hostname="-not a name-")
    heartbeat("coord-3", hostname=socket.gethostname())
    key = heartbeat("coord-9", hostname="host-d")
    before = hosts.files()
    done = hosts[0].run("--start")
    assert done.exit == 2 and "runs on host-d, which is not in" in done.json["error"], done
    assert hosts.files() == before and hosts.phase() == "idle"
    hosts.r.delete(key)
    hosts[0].run("--start")
    assert hosts.phase() == "distribute"


def test_names_of_containers_keep_no_rotation_from_starting(hosts, heartbeat):
    heartbeat("coord-1", hostname="4f1c9a77d2e0")
    hosts.start()


def test_a_host_that_was_forgotten_can_be_overridden(hosts, heartbeat):
    heartbeat("coord-1", hostname="host-a")
    hosts.round()
    done = hosts[0].run("--start")
    assert done.exit == 2 and "runs on host-a, but no process" in done.json["error"], done
    done = hosts[0].run("--start", "--force")
    assert done.exit == 0 and hosts.phase() == "distribute", done


@pytest.fixture
def other_boot(tmp_path):
    """A prefix for a command: as if it ran on a machine that was booted another time."""
    fake = tmp_path / "boot_id"
    fake.write_text("0d6c3f9e-3c0a-4b55-9d5e-2f3c1f0a7b11\n")
    prefix = ("unshare", "--mount", "sh", "-c",
              f"mount --bind {fake} /proc/sys/kernel/random/boot_id && exec \"$@\"", "sh")
    if subprocess.run([*prefix, "true"], capture_output=True, check=False).returncode != 0:
        pytest.skip("needs root, to mount over boot_id")
    return prefix


def test_two_machines_under_one_name(hosts, other_boot):
    clone = hosts[2]
    hosts.round()
    done = clone.run(prefix=other_boot)
    assert done.exit == 2 and done.findings("host-twice"), done
    for host in hosts:
        done = host.run("--start")
        assert done.exit == 2 and "two machines" in done.json["error"], done
    for host in hosts:      # each sees it, and each of the two says so again
        assert host.run().findings("host-twice")
        assert clone.run(prefix=other_boot).findings("host-twice")
    # In promote nothing moves either, and what is signed is accepted everywhere.
    forget_rival(hosts)
    hosts.start()
    hosts.until("promote")
    for _ in range(3):
        assert clone.run(prefix=other_boot).findings("host-twice")
        hosts.round(ok=(2,))
    assert hosts.phase() == "promote"
    forget_rival(hosts)
    hosts.finish()


def forget_rival(hosts):
    """As if host_timeout had passed since the clone was switched off."""
    hosts.r.delete(REPORTS)
    hosts.round()


def test_a_host_that_was_booted_again_is_no_other(hosts, other_boot):
    hosts.start()
    for host in hosts:
        hosts.age_report(host.name, 10**10)     # before this boot
        done = host.run(prefix=other_boot)
        assert done.exit == 0 and not done.findings(), done


def test_a_host_that_is_gone_is_excluded(hosts, heartbeat):
    hosts.start()
    hosts.until("promote")
    key = heartbeat("coord-9", hostname="HOST-C.example.org")
    hosts.age_report("host-c", 2 * HOUR)
    done = hosts[0].run("--exclude-host", "host-c")
    assert done.exit == 2 and "heartbeat" in done.json["error"], done
    hosts.r.delete(key)
    done = hosts[0].run("--exclude-host", "host-c")
    assert done.exit == 0 and done.actions("order"), done
    assert hosts.record()["hosts"] == "host-a host-b"
    assert hosts[0].run("--exclude-host", "host-a").exit == 2
    assert hosts[0].run("--exclude-host", "host-x").exit == 2
    for _ in range(20):
        hosts.round(hosts[2])
    assert hosts.phase() == "idle"
    assert hosts[0].file() == hosts[1].file() and hosts[0].file()[1] is None


# Redis loses everything

@pytest.mark.parametrize("phase", PHASES)
def test_redis_is_flushed(hosts, phase):
    hosts.start()
    # the one that knows the latest record; another one's copy can be a step behind
    last = hosts.until(phase) or hosts[0]
    before = hosts.record()
    hosts.r.flushall()
    done = last.run("--status")
    assert done.exit == 1 and "record-lost" in done.finding_codes(), done
    assert done.json["rotation"]["phase"] == phase and hosts.r.exists(RECORD) == 0
    done = last.run()
    assert done.exit == 1 and done.finding_codes() == ["record-put-back"], done
    after = hosts.record()
    assert {k: v for k, v in after.items() if k not in ("by", "turn", "turn_since")} == \
        {k: v for k, v in before.items() if k not in ("by", "turn", "turn_since")}
    hosts.finish()
    assert len(hosts.files()) == 1 and hosts[0].file()[1] is None


def test_redis_is_restored_from_an_old_backup(hosts):
    hosts.start()
    backup = hosts.r.dump(RECORD), hosts.r.dump(REPORTS)
    last = hosts.until("drain")
    new = hosts.new_secret()
    hosts.r.flushall()
    for key, value in zip((RECORD, REPORTS), backup):
        hosts.r.restore(key, 0, value)
    assert hosts.phase() == "distribute"
    done = last.run()
    assert done.exit == 1 and "record-put-back" in done.finding_codes()
    assert hosts.phase() == "drain"
    hosts.finish()
    assert hosts.files() == {(new, None)}


@pytest.mark.parametrize("damage", [{"epoch": "x"}, {"phase": "later"}, {"sign": "short"},
                                    {"format": "2"}])
def test_a_damaged_record_is_not_guessed(hosts, damage):
    hosts.start()
    before = hosts.files()
    hosts.r.hset(RECORD, mapping=damage)
    damaged = hosts.record()
    for words in ((), ("--status",), ("--abort",), ("--catch-up",)):
        done = hosts[0].run(*words)
        assert done.exit == 2 and next(iter(damage)) in done.json["error"], done
        assert "rotation" not in done.json, done
    assert hosts.record() == damaged and hosts.files() == before
    hosts.r.delete(RECORD)
    assert hosts[0].run().finding_codes() == ["record-put-back"]
    hosts.finish()


def test_a_record_of_another_type(hosts):
    hosts.r.set(RECORD, "x")
    for words in ((), ("--status",)):
        done = hosts[0].run(*words)
        assert done.exit == 2 and "is no hash" in done.json["error"], done
        assert "delete it" in done.json["error"]
    assert hosts.r.get(RECORD) == b"x"


# Back

def test_an_abort(hosts):
    hosts.start()
    hosts.round()
    given_up = fingerprint(hosts.new_secret())
    assert hosts[1].run("--abort").exit == 0
    assert hosts.phase() == "hold"
    hosts.finish()
    assert hosts.files() == {(hosts.secret, None)}
    assert hosts.record()["retired"] == given_up
    done = hosts[0].run("--abort")
    assert done.exit == 2 and "distribute" in done.json["error"]
    hosts.start()
    assert fingerprint(hosts.new_secret()) != given_up
    hosts.finish()


@pytest.mark.parametrize("phase", ["promote", "drain"])
def test_a_rollback(hosts, phase):
    hosts.start()
    hosts.until(phase)
    hosts[2].run()
    assert hosts[0].run("--rollback").exit == 0
    assert hosts.phase() == "hold"
    hosts.finish()
    assert hosts.files() == {(hosts.secret, None)}
    assert hosts[0].run("--rollback").exit == 2


def test_status_before_the_first_rotation(hosts):
    hosts[0].run()
    hosts[1].run()
    done = hosts[0].job.run("--status")
    rows = [x for x in done.stdout.splitlines() if x.startswith("  host-")]
    assert done.exit == 0 and len(rows) == 3, done
    assert rows[0].endswith(" good") and rows[1].endswith(" good"), done
    assert rows[2].endswith("has never reported"), done
    assert "2 of 3 hosts report" in hosts[0].job.run().stdout


def test_a_rollback_that_one_host_cannot_follow_says_so_everywhere(hosts):
    """Redis is set back while one host has dropped the old secret already."""
    hosts.start()
    ahead = hosts.until("retire")
    others = [h for h in hosts if h is not ahead]
    assert ahead.file()[1] is None and all(h.file()[1] == hosts.secret for h in others)
    hosts.r.flushall()
    others[0].run()
    assert hosts.phase() == "drain"
    assert others[0].run("--rollback").exit in (0, 1) and hosts.phase() == "hold"
    done = ahead.run()
    assert done.exit == 1 and "source-changed" in done.finding_codes(), done
    assert fingerprint(hosts.secret) in done.findings("source-changed")[0]["text"]
    for host in [*others, *hosts]:
        done = host.run()
        assert done.exit == 1 and ahead.name in [f["key"] for f in done.findings("host-blocks")], done
        assert done.json["rotation"]["blocked"]
    ahead.env_file.write_text(ahead.env_file.read_text() + f"{OTHER}={hosts.secret}\n")
    hosts.finish(ok=(0, 1))
    assert hosts.files() == {(hosts.secret, None)}


@pytest.mark.long
def test_a_rollback_under_coordinators_that_talk(hosts, fleet):
    names = [h.name for h in hosts]
    for host in hosts:
        host.coordinate(fleet, [n for n in names if n != host.name])
    hosts.quiet()
    hosts.start()
    hosts.until("promote")
    hosts[0].run()
    hosts.quiet()
    assert hosts[1].run("--rollback").exit == 0
    for _ in hosts.steps(rounds=40, ok=(0, 1)):   # 1: what the drain of 0s is held up by
        if hosts.phase() == "idle":
            break
        hosts.quiet()
    hosts.round()
    assert hosts.files() == {(hosts.secret, None)}
    hosts.quiet()
    assert hosts.counts("signals_rejected") == 0 and hosts.counts("acks_rejected") == 0


# Nothing is changed

@pytest.mark.parametrize("phase", ("idle", *PHASES))
def test_a_dry_run_changes_nothing(hosts, phase):
    hosts.round()
    if phase != "idle":
        hosts[0].run("--start")
        hosts.until(phase)
    before = snapshot(hosts.r, without=())
    files = [(h.env_file.read_bytes(), h.copy()) for h in hosts]
    metrics = [h.job.metrics() for h in hosts]
    for words in ((), ("--start",), ("--abort",), ("--rollback",), ("--skip-drain",),
                  ("--turn", "none"), ("--catch-up",), ("--exclude-host", "host-c", "--force")):
        for host in hosts[:2]:
            done = host.run("-n", *words)
            assert done.exit in (0, 1, 2), done
            assert done.json["dry_run"]
    assert hosts[0].run("--status").exit == 0
    assert snapshot(hosts.r, without=()) == before
    assert [(h.env_file.read_bytes(), h.copy()) for h in hosts] == files
    assert [h.job.metrics() for h in hosts] == metrics


def test_a_dry_run_leaves_no_directory(hosts):
    hosts[0].job.rotation_dir.rmdir()
    assert hosts[0].run("-n").exit == 0
    assert not hosts[0].job.rotation_dir.exists() and not hosts.r.dbsize()


# The drain

@pytest.mark.parametrize("kind", ["signal", "elsewhere", "ack", "retry", "retry-within"])
def test_the_old_secret_stays_while_something_needs_it(hosts, now_ms, kind):
    hosts.start()
    new = hosts.new_secret()
    hosts.until("drain")
    stamp = now_ms()
    key, value = message(kind, hosts.secret, stamp)
    hosts.r.set(key, value)
    hosts.r.set("blocking:signal:c", json.dumps({"receiverId": "c", "timestamp": stamp}))
    hosts.r.set(*signed(new, "blocking:signal:d", {
        "senderId": "a", "receiverId": "d", "type": "wake", "timestamp": stamp}, SIGNAL))
    hosts.r.set(*signed("nobody's", "blocking:signal:e", {
        "senderId": "a", "receiverId": "e", "type": "wake", "timestamp": stamp}, SIGNAL))
    for _ in range(4):
        hosts.round(ok=(0, 1))
    now = hosts[0].rotation()
    assert now["phase"] == "drain" and now["waits_for"] == "pass"
    assert now["in_flight"] == {"new": 1, "old": 1, "neither": 1, "unsigned": 1, "unreadable": 0}
    assert hosts[0].metrics()["rotation_in_flight", "old"] == 1
    hosts.r.delete(key)
    hosts.finish()
    assert hosts.files() == {(new, None)}


@pytest.mark.parametrize("what", ["old", "old with a TTL", "large", "list"])
def test_what_holds_the_drain_is_named(hosts, now_ms, what):
    hosts.start()
    hosts.until("drain")
    key, value = message("signal", hosts.secret, now_ms())
    if what == "list":
        hosts.r.rpush(key, value)
    else:
        hosts.r.set(key, value + 70_000 * " " if what == "large" else value,
                    ex=7200 if what == "old with a TTL" else None)
    for _ in range(3):
        hosts.round(ok=(0, 1))
    for words in ((), ("--status",)):
        done = hosts[0].run(*words)
        assert done.exit == 1 and done.finding_codes() == ["drain-held"], done
        held, = done.findings("drain-held")
        assert held["key"] == key and done.json["rotation"]["blocked"], done
        assert ("1 records" if what.startswith("old") else "1 cannot be read") in held["text"]
        assert ("in 1h59m" if what == "old with a TTL" else "no TTL") in held["text"], done
    assert hosts[0].metrics()["rotation_blocked"] == 1 and hosts.phase() == "drain"
    hosts.r.delete(key)
    hosts.finish()


def test_what_comes_back_before_the_drain_ends_is_seen(hosts, now_ms):
    """Redis restored, or a message sent again, between the first pass and the step to retire."""
    hosts.start()
    new = hosts.new_secret()
    hosts.until("drain")
    while hosts.record()["confirm"] == "0":
        assert hosts[0].run().exit == 0
        for host in hosts:
            if hosts.record()["confirm"] == "0":
                host.run()
    key, value = message("signal", hosts.secret, now_ms())
    hosts.r.set(key, value, ex=86400)
    for _ in range(3):
        hosts.round(ok=(0, 1))
    assert hosts.phase() == "drain" and hosts[0].rotation()["waits_for"] == "pass"
    hosts.r.delete(key)
    hosts.finish()
    assert hosts.files() == {(new, None)}


def test_the_drain_is_skipped_by_who_says_so(hosts, now_ms):
    assert hosts[0].run("--skip-drain").exit == 2
    hosts.start()
    hosts.until("drain")
    hosts.r.set(*message("signal", hosts.secret, now_ms()))
    hosts.round(ok=(0, 1))
    done = hosts[0].run("--skip-drain")
    assert done.exit == 2 and "--yes" in done.json["error"], done
    assert "1 records in flight" in done.stderr and hosts.phase() == "drain"
    done = hosts[0].run("--skip-drain", "--yes")
    assert done.exit == 0, done
    hosts.finish()
    assert hosts[0].file()[1] is None


# What goes wrong on a host

def test_a_source_that_changed_is_not_installed(hosts):
    hosts.start()
    hosts[1].master.write_text("another master key, of more than 32 characters\n")
    done = hosts[1].run()
    assert done.exit == 1 and "source-changed" in done.finding_codes(), done
    assert hosts[1].file() == (hosts.secret, None)
    for _ in range(3):
        hosts.round(ok=(0, 1))
    done = hosts[0].run("--status")
    assert done.exit == 1 and [f["key"] for f in done.findings("host-blocks")] == ["host-b"]
    hosts[1].master.write_text(hosts.master)
    assert hosts[1].run().exit == 0
    hosts.finish()


def test_a_secret_that_nobody_knows_is_left_alone(hosts):
    hosts.start()
    hosts.until("promote")
    by_hand = hosts[2].env_file.read_text().replace(hosts[2].file()[0], "x" * 40)
    hosts[2].env_file.write_text(by_hand)
    done = hosts[2].run()
    assert done.exit == 2 and done.finding_codes() == ["secret-mismatch"], done
    assert hosts[2].env_file.read_text() == by_hand
    done = hosts[0].run()
    assert done.exit == 2 and [f["key"] for f in done.findings()] == ["host-c"], done
    for _ in range(3):
        hosts.round(ok=(2,))
    assert hosts.phase() == "promote"


def test_a_restart_that_fails_stops_the_others(hosts, fleet):
    for host in hosts:
        host.coordinate(fleet, [])
    hosts[0].set(restart_command="exit 3")
    hosts.round()
    done = hosts[0].run("--start")
    assert done.exit == 1 and done.finding_codes() == ["not-active"], done
    for host in hosts[1:]:
        assert host.run().exit == 0
        assert not host.restarts.exists()
    now = hosts[1].rotation()
    assert now["turn"] == "host-a" and now["phase"] == "distribute"
    hosts.r.hset(RECORD, "turn_since", int(now["turn_since"]) - 2 * HOUR)
    done = hosts[1].run("--status")
    assert done.exit == 1 and done.finding_codes() == ["turn-held"], done
    # a person lets the others go on; host-a is still waited for
    assert hosts[1].run("--turn", "none").exit == 0
    for host in hosts[1:]:
        host.run()
        assert host.restarts.read_text() == "x\n"
    assert hosts.phase() == "distribute"
    hosts[0].set(restart_command=f"sh {hosts[0].dir}/restart")
    hosts.finish()


# Catching up

def test_catch_up_without_redis_goes_by_the_copy(hosts, server):
    hosts.start()
    hosts.round()
    text = hosts[2].env_file.read_text()
    hosts[2].env_file.write_text("\n".join(
        x for x in text.splitlines() if not x.startswith(OTHER)) + "\n")   # an old disk image
    copies = [h.copy() for h in hosts]
    server.kill()
    done = hosts[2].run("--catch-up")
    assert done.exit == 1 and done.finding_codes() == ["redis-unreachable"], done
    assert hosts[2].file() == hosts[0].file() and hosts[2].file()[1]
    assert [h.copy() for h in hosts] == copies
    # any other run needs it
    assert hosts[2].run().exit == 69 and hosts[2].run("--status").exit == 69


def test_catch_up_without_redis_and_certainty(hosts, server, tmp_path):
    hosts.start()
    server.kill()
    fresh = hosts[1]
    (fresh.job.rotation_dir / "record").unlink()
    done = fresh.run("--catch-up")
    # it knows of no rotation: nothing to do
    assert done.exit == 1 and fresh.file() == (hosts.secret, None), done


def test_who_was_away_asks_the_others(hosts):
    hosts.start()
    hosts.until("drain")
    away = hosts[2]
    (away.job.rotation_dir / "record").unlink()
    before = away.file()
    hosts.r.delete(REPORTS)
    done = away.run("--catch-up", "--max-runtime", "4s")
    assert done.exit == 75 and away.file() == before, done
    assert hosts[0].run().exit == 0
    assert away.run("--catch-up").exit == 0
    hosts.finish()


def test_where_nobody_is_certain_every_run_says_so(hosts):
    hosts.start()
    hosts.until("promote")
    for host in hosts:
        (host.job.rotation_dir / "record").unlink()
    hosts.r.delete(REPORTS)
    epoch = hosts.record()["epoch"]
    for _ in range(3):
        for host in hosts:
            done = host.run()
            assert done.exit == 75 and "not-certain" in done.finding_codes(), done
            assert "--force" in done.json["error"] and done.json["rotation"]["blocked"], done
    assert hosts[0].metrics()["rotation_blocked"] == 1
    done = hosts[1].run("--status")
    assert done.exit == 1 and "not-certain" in done.finding_codes(), done
    assert hosts.record()["epoch"] == epoch
    assert hosts[0].run("--force").exit in (0, 1)
    hosts.finish(ok=(0, 1, 75))


def foreign(hosts, **fields):
    """As if Redis were that of another fleet, of the same hosts."""
    hosts.r.hset(RECORD, mapping={"fleet": "f" * 32, "id": "f" * 32, **fields})
    return hosts.record()


@pytest.mark.parametrize("epoch", ["1", "90"])
def test_a_record_of_another_fleet_is_left_alone(hosts, epoch):
    hosts.start()
    assert hosts.record()["fleet"] == ""    # two starts, of which Redis lost one, are one fleet
    hosts.until("promote")
    fleet = hosts.record()["fleet"]
    assert fleet == hosts.record()["id"]
    hosts.round()
    own = hosts.r.dump(RECORD), hosts.r.dump(REPORTS)
    other = foreign(hosts, epoch=epoch, sign="0123456789abcdef", other=hosts.record()["sign"])
    before = snapshot(hosts.r, without=()), [(h.file(), h.copy()) for h in hosts]
    for words in ((), ("--status",), ("--rollback",), ("--catch-up",), ("--force",)):
        done = hosts[0].run(*words)
        assert done.exit == 78 and "another fleet" in done.json["error"], done
        assert "REDIS_URL" in done.json["error"] and "unix" in done.json["error"], done
    assert (snapshot(hosts.r, without=()), [(h.file(), h.copy()) for h in hosts]) == before
    assert hosts.record() == other
    for key, value in zip((RECORD, REPORTS), own):
        hosts.r.restore(key, 0, value, replace=True)
    hosts.finish()
    assert hosts.record()["fleet"] == fleet


def test_without_a_copy_a_record_that_does_not_know_us_is_left_alone(hosts):
    hosts.start()
    hosts.finish()
    new, foreign = hosts[0].file()[0], "0123456789abcdef" * 4
    away = hosts[2]
    (away.job.rotation_dir / "record").unlink()
    away.env_file.write_text(away.env_file.read_text().replace(new, foreign))
    for words in ((), ("--catch-up",), ("--force",)):
        done = away.run(*words)
        assert done.exit == 2 and "no copy" in done.json["error"], done
        assert away.file() == (foreign, None) and b"\nepoch 0\n" in away.copy()
    away.env_file.write_text(away.env_file.read_text().replace(foreign, hosts.secret))  # long ago
    assert away.run("--catch-up").exit == 0
    assert away.file() == (new, None)
    assert b"fleet " + hosts.record()["fleet"].encode() in away.copy()


def test_a_record_from_before_there_were_fleets_gets_one(hosts):
    hosts.start()
    hosts.round()
    hosts.r.hdel(RECORD, "fleet")
    hosts.finish()
    assert hosts.record()["fleet"] == hosts.record()["id"]


def test_paused(hosts):
    hosts.round()
    hosts[0].job.run("--pause", "10m", "--reason", "maintenance")
    for words in ((), ("--start",)):
        done = hosts[0].run(*words)
        assert done.exit == 75 and "maintenance" in done.json["error"], done
    # a coordinator is about to start: its file is made right, pause or no pause
    done = hosts[0].run("--catch-up")
    assert done.exit == 0 and "not stopped by it" in done.stderr, done
    assert hosts[0].run("--status").exit == 0
    assert hosts[0].run("--start", "--force").exit == 0
