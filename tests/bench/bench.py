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


def programs(entry, server, directory):
    """(label, argv) of what is compared on one data set; the first is the floor."""
    _, _, floor, job, _ = entry
    yield "floor", [TOOLS / "floor", server.socket, floor, "300"]
    config = pathlib.Path(directory) / "coordkeep.ini"
    config.write_text(f"[redis]\nurl = {server.url}\n[job]\nmax_runtime = 1h\n"
                      f"state_dir = {directory}/state\n[reap-stale]\nundo_dir = {directory}/undo\n"
                      # what is met for the first time is looked at twice, after no wait
                      "[liveness]\nconfirm = 0s\n[log]\nlevel = error\n")
    if (build_dir() / job).exists():
        for mode in ("fast", "gentle"):
            yield f"{job} ({mode})", [build_dir() / job, "-q", "-c", config,
                                      f"--set=scan.mode={mode}"]


def middle(runs):
    return {k: statistics.median(r[k] for r in runs) for k in runs[0]}


def guide_loop(server, keys):
    """The guide's shell loop over `keys` of the keys: seconds a key."""
    start = time.monotonic()
    subprocess.run(
        ["bash", "-c", f"redis-cli -s {server.socket} --scan --pattern 'blocking:*' | head -{keys}"
         " | while read -r key; do"
         f" ttl=$(redis-cli -s {server.socket} TTL \"$key\" </dev/null);"
         f" [ \"$ttl\" -eq -1 ] && redis-cli -s {server.socket} EXPIRE \"$key\" 86400 </dev/null;"
         " done"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    return (time.monotonic() - start) / keys


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
        generator, size, *_, what = entry = SETS[name]
        size = size // 10 if o.small else size
        print(f"\n{name}: {what}" + (", a tenth of that" if o.small else ""))
        print(row.format("", "wall s", "cpu s", "srv s", "RSS MB", "x floor", "p99 ms"))
        with RedisServer() as server, tempfile.TemporaryDirectory() as directory:
            floor = None
            expected = None
            for label, argv in programs(entry, server, directory):
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
                load(server, generator, 10_000)
                each = guide_loop(server, 500)
                print(f"the guide's redis-cli loop: {each * 1000:.1f} ms a key, "
                      f"{each * size / 60:.0f} minutes for all")


if __name__ == "__main__":
    main()
