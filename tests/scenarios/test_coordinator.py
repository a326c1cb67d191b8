"""The test coordinator does what real ones do; other scenarios rest on that."""

import json
import pathlib

from harness import wait_for


def secrets(path, sign, other=None):
    text = f"# secrets\nOTHER=kept\nBLOCKING_COORDINATION_SECRET={sign}\n"
    if other:
        text += f'BLOCKING_COORDINATION_SECRET_NEW="{other}"\n'
    path.write_text(text)
    return path


def environ(pid):
    raw = pathlib.Path(f"/proc/{pid}/environ").read_bytes()
    return dict(e.split(b"=", 1) for e in raw.split(b"\0") if b"=" in e)


def test_beats_crashes_hangs_and_shuts_down(fleet, r):
    a = fleet.start("coord-a", work=["w1"], ttl=90)
    first = r.get("blocking:heartbeat:coord-a")
    a.wait_for_beats()
    assert r.get("blocking:heartbeat:coord-a") != first
    assert 0 < r.ttl("blocking:heartbeat:coord-a") <= 90
    item = json.loads(r.get("coordinator:work:swarm-1:coord-a:w1"))
    assert item["assignedTo"] == "coord-a" and item["status"] == "in_progress"
    a.hang()
    hung = r.get("blocking:heartbeat:coord-a")
    a.wake()
    wait_for(lambda: r.get("blocking:heartbeat:coord-a") != hung)
    a.crash()
    assert r.exists("blocking:heartbeat:coord-a")
    a.run()
    a.shut_down()
    assert not r.exists("blocking:heartbeat:coord-a")
    assert r.exists("coordinator:work:swarm-1:coord-a:w1")


def test_clock_and_field_of_its_heartbeat(fleet, r, now_ms):
    a = fleet.start("a", offset_ms=-660_000, field="lastHeartbeat")
    b = fleet.start("b", field="ts", bare=True, seconds=True, ttl=0)
    value = json.loads(r.get("blocking:heartbeat:a"))
    assert abs(now_ms() - 660_000 - value["lastHeartbeat"]) < 60_000
    assert "timestamp" not in value
    assert list(json.loads(r.get("blocking:heartbeat:b"))) == ["ts"]
    assert r.ttl("blocking:heartbeat:b") == -1
    b.tell("mute")
    wait_for(lambda: b.status().get("muted"))
    a.tell("offset 0")
    wait_for(lambda: now_ms() - json.loads(r.get("blocking:heartbeat:a"))["lastHeartbeat"] < 60_000)


def test_signals_are_verified_under_both_secrets(fleet, tmp_path):
    one, two = "s" * 40, "t" * 40
    a = fleet.start("a", env_file=secrets(tmp_path / "a.env", one), peer=["b"], signal_interval=0.05)
    b = fleet.start("b", env_file=secrets(tmp_path / "b.env", two))
    assert environ(a.pid)[b"BLOCKING_COORDINATION_SECRET"] == one.encode()
    assert environ(a.pid)[b"OTHER"] == b"kept"
    wait_for(lambda: b.status().get("signals_rejected", 0) > 1)
    assert b.status()["signals_accepted"] == 0
    secrets(tmp_path / "b.env", two, one)
    pid = b.pid
    b.reload()
    assert b.pid == pid and b.running()
    assert environ(pid)[b"BLOCKING_COORDINATION_SECRET_NEW"] == one.encode()
    wait_for(lambda: b.status().get("signals_accepted", 0) > 1)
    # a does not know b's secret yet, so b's acks do not verify there
    wait_for(lambda: a.status().get("acks_rejected", 0) > 0)
    secrets(tmp_path / "a.env", one, two)
    a.restart()
    wait_for(lambda: a.status().get("acks_verified", 0) > 1)
