"""secret-rotate-phase: what a fresh reader found. What is said is true, and what is due is done."""

import json

import pytest

from rotation_hosts import RECORD, REPORTS, Hosts, fingerprint, message

HOUR = 3_600_000


def set_file(host, sign, other):
    text = host.env_file.read_text()
    now = host.file()
    text = text.replace(f"={now[0]}\n", f"={sign}\n", 1)
    host.env_file.write_text(text.replace(f"_NEW={now[1]}\n", f"_NEW={other}\n", 1))


# The drain

def test_the_drain_begins_again_after_one_that_signed_with_the_old(make_hosts):
    """Mended in the very run that finds it: what it signed until then may be under way."""
    hosts = make_hosts(config={"drain": "1h"})
    hosts.start()
    new = hosts.new_secret()
    hosts.until("drain")
    hosts.round()
    set_file(hosts[1], hosts.secret, new)
    done = hosts[1].run()
    assert done.exit == 1 and "signs-old" in done.finding_codes(), done
    assert hosts[1].file() == (new, hosts.secret)
    assert hosts.phase() == "promote"
    hosts.until("drain")
    assert hosts[0].rotation()["waits_for"] != "pass"


@pytest.mark.parametrize("spoil", [
    lambda m: m[:-1] + ',"payload":"x\\u0000y"}',
    lambda m: m[:-1] + ',"type":"again"}',
    lambda m: m[:-1] + ',"n":NaN}',
])
def test_what_only_another_parser_reads_holds_the_drain(hosts, now_ms, spoil):
    hosts.start()
    hosts.until("drain")
    key, value = message("signal", hosts.secret, now_ms())
    hosts.r.set(key, spoil(value), ex=7200)
    for _ in range(3):
        hosts.round(ok=(0, 1))
    now = hosts[0].rotation()
    assert now["phase"] == "drain" and now["in_flight"]["unreadable"] == 1, now
    hosts.r.delete(key)
    hosts.finish()


@pytest.mark.parametrize("wrap", [
    lambda m: {"signal": m},
    lambda m: {"payload": {"message": json.loads(m)}},
    lambda m: {"data": json.dumps({"message": m})},
])
def test_a_message_deep_in_a_retry_record_is_found(hosts, now_ms, wrap):
    hosts.start()
    hosts.until("drain")
    _, value = message("signal", hosts.secret, now_ms())
    hosts.r.set("blocking:retry:m:1", json.dumps(wrap(value)), ex=7200)
    for _ in range(3):
        hosts.round(ok=(0, 1))
    now = hosts[0].rotation()
    assert now["phase"] == "drain" and now["in_flight"]["old"] == 1, now
    hosts.r.delete("blocking:retry:m:1")
    hosts.finish()


def test_a_list_of_messages_to_retry_holds_the_drain(hosts, now_ms):
    hosts.start()
    hosts.until("drain")
    _, value = message("signal", hosts.secret, now_ms())
    hosts.r.set("blocking:retry:m:1", f"[{value}]", ex=7200)
    hosts.round(ok=(0, 1))
    hosts.round(ok=(0, 1))
    assert hosts[0].rotation()["in_flight"]["unreadable"] == 1


# Age

def aged(hosts, ms):
    """As if the last rotation had been that much longer ago."""
    for host in hosts:
        host.set(max_age="24h")
    hosts.start()
    hosts.finish()
    then = int(hosts.record()["rotated"]) - ms
    hosts.r.hset(RECORD, "rotated", then)
    hosts.r.hincrby(RECORD, "epoch", 1)
    hosts.r.hset(RECORD, "by", "byhand")
    hosts.round(ok=(0, 1))
    return then


@pytest.mark.parametrize("order", ["--abort", "--rollback"])
def test_what_goes_back_makes_the_secret_no_newer(hosts, order):
    then = aged(hosts, 48 * HOUR)
    assert hosts[0].rotation()["overdue"]
    assert hosts[0].run("--start").exit in (0, 1)
    if order == "--rollback":
        hosts.until("promote", ok=(0, 1))
        assert hosts[0].rotation()["age_ms"] < HOUR
    assert hosts[0].run(order).exit == 0
    if order == "--rollback":
        assert hosts[0].rotation()["age_ms"] > 48 * HOUR
    hosts.until("idle", rounds=40, ok=(0, 1))
    hosts.round(ok=(0, 1))
    now = hosts[0].rotation()
    assert now["overdue"] and now["rotated"] == then and now["age_ms"] > 48 * HOUR
    # and what does come is new from when it began to sign
    assert hosts[0].run("--start").exit in (0, 1)
    hosts.until("promote", ok=(0, 1))
    promoted = int(hosts.record()["promoted"])
    hosts.until("idle", rounds=40, ok=(0, 1))
    hosts.round(ok=(0, 1))
    assert hosts[0].rotation()["rotated"] == promoted and not hosts[0].rotation()["overdue"]


def test_a_retired_secret_is_refused_for_good(hosts):
    hosts.start()
    first = hosts.secret
    hosts.finish()
    for _ in range(18):
        assert hosts[0].run("--start").exit == 0
        assert hosts[0].run("--abort").exit == 0
        hosts.finish()
    assert fingerprint(first) in hosts.record()["retired"].split()
    source = hosts[0].dir / "fresh"
    source.write_text(first)
    source.chmod(0o600)
    hosts[0].set(source="file", new_secret_file=source)
    done = hosts[0].run("--start")
    assert done.exit == 2 and "was retired" in done.json["error"], done


# Who is named

def test_who_has_the_turn_and_nothing_running_is_named_everywhere(hosts):
    hosts.start()
    for host in hosts:
        host.set(check_command="true")
    turn = int(hosts.record()["since"])
    hosts.r.hset(RECORD, mapping={"turn": "host-a", "turn_since": turn})
    hosts[0].run()
    for host, words in ((hosts[1], ()), (hosts[1], ("--status",)), (hosts[2], ())):
        done = host.run(*words)
        assert done.exit == 1 and done.finding_codes() == ["turn-kept"], done
        assert done.findings()[0]["key"] == "host-a" and done.json["rotation"]["blocked"], done


def test_a_late_host_is_late_with_the_turn_too(hosts):
    hosts.start()
    hosts.round()
    assert hosts[0].run("--turn", "host-b").exit == 0
    hosts.age_report("host-b", 2 * HOUR)
    hosts.r.hset(RECORD, "turn_since", int(hosts.record()["turn_since"]) - 2 * HOUR)
    done = hosts[0].run()
    assert done.finding_codes() == ["host-late"], done
    assert "--turn none" in done.findings()[0]["text"]
    row, = (h for h in done.json["rotation"]["hosts"] if h["host"] == "host-b")
    assert row["late"] and hosts[0].metrics()["rotation_hosts_late"] == 1


@pytest.mark.parametrize("where", ["file", "process"])
def test_the_secret_that_nobody_knows_is_the_one_that_is_told(hosts, where):
    hosts.start()
    hosts.round()
    stranger = "S" * 40
    if where == "file":
        set_file(hosts[1], hosts[1].file()[0], stranger)
    else:
        hosts[1].set(check_command=f"echo {fingerprint(hosts.secret)} {fingerprint(stranger)}")
    done = hosts[1].run()
    found = done.findings("secret-mismatch")[0]["text"]
    assert fingerprint(stranger) in found and ("a process" if where == "process" else "its file") \
        in found, done
    assert done.exit == 2


# What was done, and what was not

def test_in_hold_nobody_signs_with_what_comes(hosts):
    hosts.start()
    hosts.until("drain")
    assert hosts[0].run("--rollback").exit == 0
    told = hosts[1].job.run("--status").stdout
    assert "Hosts go on as they are; then they sign with" in told and "\nSigns with" not in told


def test_a_start_that_cannot_write_the_file_is_not_nothing(hosts):
    hosts.round()
    (hosts[0].dir / ".env.coordkeep").mkdir()
    done = hosts[0].run_unchecked("--start")
    assert done.exit == 74 and hosts.phase() == "distribute", done


def test_a_turn_in_a_dry_run(hosts):
    hosts.start()
    done = hosts[0].run("-n", "--turn", "host-b")
    assert done.exit == 0 and not done.findings(), done
    assert hosts.record()["turn"] == ""


def test_a_start_that_is_refused_blocks_nobody(hosts):
    hosts.start()
    assert hosts[1].run("--start").exit == 2
    done = hosts[0].run()
    assert done.exit == 0 and not done.findings(), done


def test_a_record_is_not_put_into_the_redis_of_others(hosts, job, tmp_path):
    """That have never rotated: no record of theirs says whose it is."""
    hosts.start()
    hosts.finish()
    hosts.r.flushall()
    (tmp_path / "others").mkdir()
    others = Hosts(job, hosts.r, tmp_path / "others", names=("o1", "o2"))
    others.round()
    before = hosts.r.hgetall(REPORTS)
    done = hosts[0].run()
    assert done.exit == 78 and "another environment" in done.json["error"], done
    assert not hosts.r.exists(RECORD) and hosts.r.hgetall(REPORTS) == before
    assert others[0].run("--start").exit == 0


@pytest.mark.parametrize("line", ["export {}", "\ufeff{}"])
def test_a_line_that_systemd_does_not_read_is_told(hosts, line):
    text = hosts[0].env_file.read_text()
    name = "BLOCKING_COORDINATION_SECRET="
    hosts[0].env_file.write_text(text.replace(name, line.format(name)))
    done = hosts[0].job.json()
    assert done.exit == 78 and "export" in done.json["error"], done
