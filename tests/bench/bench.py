#!/usr/bin/python3
"""How long the jobs take, against the least that any client must do. See README.md beside it.

    make bench                        every data set but the largest
    make bench BENCH=--small          a tenth of each, for a quick look
    make bench BENCH=--large          the five million keys too
    make bench BENCH="--runs 5 fleet" one data set, the median of five runs
"""

import argparse
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from harness import RedisServer, build_dir  # noqa: E402

TOOLS = build_dir() / "bench"
# name: (generator, size, floor, job, what it is)
SETS = {
    "fleet": ("fleet", 10_000, "reap", "reap-stale",
              "10 k coordinators x 6 keys, every second one stale"),
    "beside": ("beside", 1_000_000, "scan2", "reap-stale",
               "10 k living coordinators beside 1 M other keys; the floor is two bare SCANs"),
    "deaths": ("deaths", 10_000, "scan", "escalate-dead",
               "10 k coordinators, of which 100 died; the floor is one bare SCAN of all keys"),
    "mixed": ("mixed", 1_000_000, "ttl", "ttl-fixer",
              "1 M keys, 5 % coordination, half of those without a TTL"),
    "coord": ("coord", 1_000_000, "ttl", "ttl-fixer",
              "1 M coordination keys, half without a TTL"),
    "beats": ("fleet", 100_000, "scan", "clock-audit",
              "100 k coordinators x 6 keys; the floor is one bare SCAN of them"),
    "mixed5m": ("mixed", 5_000_000, "ttl", "ttl-fixer", "5 M keys, otherwise as mixed"),
}


def load(server, generator, size):
    """The same data set each time; only its heartbeats are stamped anew."""
    r = server.client(socket_timeout=600)
    r.flushall()
    r.config_resetstat()
    make = subprocess.Popen([TOOLS / "generate", generator, str(size),
                             str(time.time_ns() // 1_000_000)], stdout=subprocess.PIPE)
    subprocess.run(["redis-cli", "-s", server.socket, "--pipe"], stdin=make.stdout, check=True,
                   stdout=subprocess.DEVNULL)
    if make.wait() != 0:
        sys.exit("generate failed")


def without_ttl(server):
    keyspace = server.client().info("keyspace").get("db0", {"keys": 0, "expires": 0})
    return keyspace["keys"] - keyspace["expires"], keyspace["keys"]


def server_cpu(server):
    with open(f"/proc/{server.process.pid}/stat", encoding="ascii") as f:
        fields = f.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measure(server, argv):
    """Run it beside a client that pings: {wall, cpu, server, rss, p99}."""
    probe = subprocess.Popen([TOOLS / "probe", server.socket], stdin=subprocess.PIPE,
                             stdout=subprocess.PIPE, text=True)
    before = server_cpu(server)
    done = subprocess.run([str(a) for a in (TOOLS / "measure", *argv)], capture_output=True,
                          text=True, errors="replace", stdin=subprocess.DEVNULL, check=True)
    spent = server_cpu(server) - before
    said, _ = probe.communicate()
    wall, cpu, rss, status = done.stderr.splitlines()[-1].split()
    if status not in ("0", "1"):
        sys.exit(f"{argv[0]} ended with {status}:\n{done.stdout}{done.stderr}")
    return {"wall": float(wall), "cpu": float(cpu), "server": spent, "rss": int(rss) / 1024,
            "p99": int(said.split()[2]) / 1000}


# What people do about keys without a TTL instead, all of it in one call: nobody else is served.
SERVER_SIDE_LOOP = """
local cursor = '0'
repeat
  local page = redis.call('SCAN', cursor, 'MATCH', 'blocking:*', 'COUNT', 1000)
  cursor = page[1]
  for _, key in ipairs(page[2]) do
    if redis.call('TTL', key) == -1 then redis.call('EXPIRE', key, 86400) end
  end
until cursor == '0'
"""


def programs(name, server, directory):
    """(label, argv) of what is compared on one data set; the first is the floor."""
    _, _, floor, job, _ = SETS[name]
    yield "floor", [TOOLS / "floor", server.socket, floor, "300"]
    config = pathlib.Path(directory) / "coordkeep.ini"
    config.write_text(f"[redis]\nurl = {server.url}\n[job]\nmax_runtime = 1h\n"
                      f"state_dir = {directory}/state\n[reap-stale]\nundo_dir = {directory}/undo\n"
                      # what is met for the first time is looked at twice, after no wait
                      # and the server has just been started, which is no restart
                      "[liveness]\nconfirm = 0s\nrestart_grace = 0s\n[log]\nlevel = error\n")
    for mode in ("fast", "gentle"):
        argv = [build_dir() / job, "-q", "-c", config, f"--set=scan.mode={mode}"]
        yield f"{job} ({mode})", argv
        if name == "coord":
            yield f"  --dry-run ({mode})", [*argv, "--dry-run"]
            yield f"  --report ({mode})", [*argv, "--report"]
    if name == "coord":
        yield "a loop in the server", ["redis-cli", "-s", server.socket, "EVAL", SERVER_SIDE_LOOP,
                                       "0"]


def middle(runs):
    return {k: statistics.median(r[k] for r in runs) for k in runs[0]}


def by_hand(server, size):
    """What people do with redis-cli, over a sample of the keys: (what, seconds a key)."""
    cli, keys = f"redis-cli -s {server.socket}", 500
    some = f"{cli} --scan --pattern 'blocking:*' | head -{keys}"
    for what, command in (
            ("the guide's loop, TTL and EXPIRE",
             f"{some} | while read -r key; do ttl=$({cli} TTL \"$key\" </dev/null);"
             f" [ \"$ttl\" -eq -1 ] && {cli} EXPIRE \"$key\" 86400 </dev/null; done"),
            ("--scan | xargs EXPIRE, also of keys that have a TTL",
             f"{some} | xargs -I% {cli} EXPIRE % 86400")):
        load(server, "coord", 10_000)
        start = time.monotonic()
        subprocess.run(["bash", "-c", command], stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL, check=False)
        each = (time.monotonic() - start) / keys
        print(f"{what}: {each * 1000:.1f} ms a key in a sample of {keys}, "
              f"so {each * size / 60:.0f} minutes for all")


def main():
    p = argparse.ArgumentParser(description=__doc__,
                                formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--small", action="store_true")
    p.add_argument("--large", action="store_true")
    p.add_argument("--runs", type=int, default=3)
    p.add_argument("sets", nargs="*", metavar="SET", help=", ".join(SETS))
    o = p.parse_args()
    unknown = set(o.sets) - set(SETS)
    if unknown:
        p.error(f"no such data set: {', '.join(sorted(unknown))}; there are {', '.join(SETS)}")
    names = o.sets or [n for n in SETS if o.large or n != "mixed5m"]

    version = subprocess.run(["redis-server", "--version"], capture_output=True, text=True).stdout
    print(f"{' '.join(version.split()[:3])}, {os.cpu_count()} processors, unix socket, "
          f"median of {o.runs}")
    row = "{:<26} {:>7} {:>7} {:>7} {:>8} {:>9} {:>9}"
    for name in names:
        generator, size, *_, what = SETS[name]
        size = size // 10 if o.small else size
        print(f"\n{name}: {what}" + (", a tenth of that" if o.small else ""))
        print(row.format("", "wall s", "cpu s", "srv s", "RSS MB", "x floor", "p99 ms"))
        with RedisServer() as server, tempfile.TemporaryDirectory() as directory:
            floor = None
            expected = None
            m = measure(server, ["sleep", "1"])
            print(row.format("(idle, a second)", "", "", "", "", "", f"{m['p99']:.2f}"))
            for label, argv in programs(name, server, directory):
                runs = []
                for _ in range(o.runs):
                    load(server, generator, size)
                    runs.append(measure(server, argv))
                    left = without_ttl(server)
                m = middle(runs)
                floor = floor or m
                expected = expected or left
                print(row.format(label, f"{m['wall']:.2f}", f"{m['cpu']:.2f}",
                                 f"{m['server']:.2f}", f"{m['rss']:.1f}",
                                 f"{m['wall'] / floor['wall']:.2f}", f"{m['p99']:.2f}"))
                if label.startswith("ttl") and left != expected:
                    sys.exit(f"{label} left {left[0]} keys without a TTL, the floor {expected[0]}")
            if name == "coord":
                by_hand(server, size)


if __name__ == "__main__":
    main()
