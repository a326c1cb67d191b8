#!/usr/bin/python3
"""Run unit tests and scenarios and end with one line: N passed, N failed, N skipped.

    tests/check.py [--under "VALGRIND ..."] [--unit RUNNER]... [--scenarios [PYTEST ARGUMENT]...]

Exits 1 if anything failed, if nothing ran, and, where CI is set, if anything was skipped.
"""

import argparse
import concurrent.futures
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET

HERE = pathlib.Path(__file__).resolve().parent
# libcheck's summary, a line a runner: "99%: Checks: 120, Failures: 1, Errors: 0"
SUMMARY = re.compile(r"^\d+%: Checks: (\d+), Failures: (\d+), Errors: (\d+)$", re.M)


class Counts:
    def __init__(self):
        self.passed = self.failed = self.skipped = 0

    def add(self, passed, failed, skipped=0):
        self.passed += passed
        self.failed += failed
        self.skipped += skipped


def run_unit(runner, under):
    # A time limit is for what hangs, not for what a busy machine or valgrind makes slow.
    env = {"CK_DEFAULT_TIMEOUT": "300", "CK_TIMEOUT_MULTIPLIER": "10" if under else "3",
           **os.environ, "CK_VERBOSITY": "normal"}
    if under:
        env["CK_TIMEOUT_MULTIPLIER"] = "20"
        env["CK_EXCLUDE_TAGS"] = f"no-{pathlib.Path(under[0]).name}"
    return subprocess.run([*under, runner], env=env, stdin=subprocess.DEVNULL, text=True,
                          errors="replace", stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def run_units(runners, under, counts):
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for runner, done in zip(runners, pool.map(lambda r: run_unit(r, under), runners)):
            print(f"== unit {pathlib.Path(runner).name}")
            sys.stdout.write(done.stdout)
            failed = 0
            for checks, failures, errors in SUMMARY.findall(done.stdout):
                bad = int(failures) + int(errors)
                counts.add(int(checks) - bad, bad)
                failed += bad
            if not SUMMARY.search(done.stdout) or (done.returncode != 0 and not failed):
                print(f"{runner} ended with {done.returncode} and no summary of a failure")
                counts.add(0, 1)
            sys.stdout.flush()


def with_xdist():
    return subprocess.run([sys.executable, "-c", "import xdist"],
                          stderr=subprocess.DEVNULL).returncode == 0


def run_scenarios(arguments, counts):
    print("== scenarios", flush=True)
    with tempfile.TemporaryDirectory(prefix="coordkeep-check-") as directory:
        report = pathlib.Path(directory) / "report.xml"
        argv = [sys.executable, "-B", "-m", "pytest", "-q", "-rfEs", "--durations=5",
                f"--basetemp={directory}/t", f"--junitxml={report}",
                *(["-n", "3"] if with_xdist() else []), *arguments]
        done = subprocess.run(argv, cwd=HERE, stdin=subprocess.DEVNULL)
        if done.returncode not in (0, 1) or not report.exists():
            print(f"pytest ended with {done.returncode}")
            counts.add(0, 1)
            return
        for suite in ET.parse(report).getroot().iter("testsuite"):
            total, bad, skipped = (int(suite.get(k, 0)) for k in ("tests", "failures", "skipped"))
            bad += int(suite.get("errors", 0))
            counts.add(total - bad - skipped, bad, skipped)


def main():
    p = argparse.ArgumentParser(description=__doc__,
                                formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--unit", action="append", default=[], metavar="RUNNER")
    p.add_argument("--under", default="", metavar="COMMAND", help="run the unit tests under it")
    p.add_argument("--scenarios", nargs=argparse.REMAINDER, metavar="ARGUMENT")
    options = p.parse_args()
    counts = Counts()
    run_units(options.unit, options.under.split(), counts)
    if options.scenarios is not None:
        run_scenarios(options.scenarios, counts)
    strict = counts.skipped and os.environ.get("CI")
    if strict:
        print("In CI nothing may be skipped; the reasons are above.")
    print(f"{counts.passed} passed, {counts.failed} failed, {counts.skipped} skipped", flush=True)
    return 1 if counts.failed or strict or not counts.passed else 0


if __name__ == "__main__":
    sys.exit(main())
