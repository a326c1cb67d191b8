"""The cron file, the units and what `make install` puts in place."""

import os
import pathlib
import re
import shutil
import subprocess

import pytest

from harness import build_dir, root_dir

JOBS = ("escalate-dead", "reap-stale", "ttl-fixer", "clock-audit", "secret-rotate-phase")
REDIS_ONLY = JOBS[:4]
UNITS = root_dir() / "systemd-timers"
CRON_LINE = re.compile(r"^(\S+) (\S+ \S+ \S+ \S+)\s+(\S+)\s+test -d /run/systemd/system \|\| (.*)$")


def sh(*argv, **options):
    return subprocess.run([str(a) for a in argv], capture_output=True, text=True,
                          stdin=subprocess.DEVNULL, timeout=300, **options)


def cron_lines():
    """{job: (minutes, user, command)}"""
    lines = {}
    for line in (root_dir() / "cron" / "coordkeep").read_text().splitlines():
        if line and not line.startswith("#") and "=" not in line.split()[0]:
            found = CRON_LINE.match(line)
            assert found and found[2] == "* * * *", line
            lines[pathlib.Path(found[4].split()[0]).name] = (found[1], found[3], found[4])
    return lines


def setting(unit, name):
    found = re.findall(rf"^{name}=(.*)$", (UNITS / unit).read_text(), re.M)
    assert len(found) == 1, (unit, name, found)
    return found[0]


@pytest.fixture(scope="module")
def verified_units(tmp_path_factory):
    """The units with programs that exist, as they are after an installation."""
    directory = tmp_path_factory.mktemp("units")
    for unit in UNITS.iterdir():
        text = re.sub(r"/usr/local/bin/\S+", "/bin/true", unit.read_text())
        (directory / unit.name).write_text(text)
    return directory


def test_cron_and_timer_run_the_same_command():
    lines = cron_lines()
    assert set(lines) == set(JOBS)
    for job, (_, user, command) in lines.items():
        assert command == setting(f"{job}.service", "ExecStart")
        unit_user = "root" if job == "secret-rotate-phase" else setting(f"{job}.service", "User")
        assert user == unit_user


@pytest.mark.parametrize("job,minutes", [("escalate-dead", 1), ("reap-stale", 5),
                                         ("clock-audit", 10), ("ttl-fixer", 15),
                                         ("secret-rotate-phase", 15)])
def test_both_run_as_often(job, minutes, verified_units):
    field = cron_lines()[job][0]
    assert field == "*" if minutes == 1 else re.fullmatch(rf"\d+-59/{minutes}", field)
    calendar = setting(f"{job}.timer", "OnCalendar")
    said = sh("systemd-analyze", "calendar", "--iterations=3", calendar, env={"TZ": "UTC",
              "PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"})
    assert said.returncode == 0, said.stderr
    times = re.findall(r"(\d\d):(\d\d):(\d\d) UTC", said.stdout)
    at = [int(h) * 60 + int(m) for h, m, s in times]
    assert all(s == "00" for _, _, s in times)
    assert {(b - a) % 1440 for a, b in zip(at, at[1:])} == {minutes}, said.stdout


def test_verify_has_nothing_to_say(verified_units):
    said = sh("systemd-analyze", "verify", "--man=no", *sorted(verified_units.iterdir()))
    assert (said.returncode, said.stdout, said.stderr) == (0, "", "")


# root with four capabilities, which sees the processes of others, cannot be hidden as well
@pytest.mark.parametrize("unit, most", [
    *((job, 1.5) for job in REDIS_ONLY), ("secret-rotate-phase", 2.5),
    ("secret-rotate-phase-catch-up", 2.5)])
def test_exposure(unit, most, verified_units):
    said = sh("systemd-analyze", "security", "--offline=true", f"--threshold={most * 10:.0f}",
              "--no-pager", verified_units / f"{unit}.service")
    assert said.returncode == 0, said.stdout + said.stderr
    exposure = re.search(r"exposure level for \S+: ([\d.]+)", said.stdout + said.stderr)
    assert float(exposure[1]) <= most


def test_rotation_has_only_the_powers_it_needs():
    for unit in ("secret-rotate-phase.service", "secret-rotate-phase-catch-up.service"):
        text = (UNITS / unit).read_text()
        granted = set(" ".join(re.findall(r"^CapabilityBoundingSet=(.*)$", text, re.M)).split())
        assert granted == {"CAP_SYS_PTRACE", "CAP_DAC_OVERRIDE", "CAP_CHOWN", "CAP_FOWNER"}
        assert "ProtectSystem=strict" in text and "-/etc/coordinator" in text


@pytest.mark.parametrize("job", JOBS)
def test_findings_and_a_busy_lease_do_not_fail_the_unit(job):
    assert setting(f"{job}.service", "SuccessExitStatus") == "1 75"
    assert setting(f"{job}.service", "Type") == "oneshot"


def make(target, directory, **variables):
    return sh("make", "-s", "-C", root_dir(), target, f"BUILD={build_dir()}",
              f"DESTDIR={directory}", *(f"{k}={v}" for k, v in variables.items()),
              env={k: v for k, v in os.environ.items() if k not in ("MAKEFLAGS", "MAKELEVEL")})


def installed(directory):
    return {str(p.relative_to(directory)) for p in directory.rglob("*") if not p.is_dir()}


def test_install_and_uninstall(tmp_path):
    done = make("install", tmp_path, PREFIX="/opt/ck")
    assert done.returncode == 0, done.stdout + done.stderr
    there = installed(tmp_path)
    assert {f"opt/ck/bin/{j}" for j in JOBS} <= there
    assert {f"opt/ck/lib/systemd/system/{u.name}" for u in UNITS.iterdir()} <= there
    assert "etc/cron.d/coordkeep" in there and "opt/ck/share/doc/coordkeep/README.md" in there
    for name in ("etc/cron.d/coordkeep", "opt/ck/lib/systemd/system/reap-stale.service"):
        text = (tmp_path / name).read_text()
        assert "/opt/ck/bin/reap-stale -q" in text and "/usr/local/bin/reap" not in text
        assert (tmp_path / name).stat().st_mode & 0o777 == 0o644

    # what an administrator changed stays
    (tmp_path / "etc/cron.d/coordkeep").write_text("# mine\n")
    assert make("install", tmp_path, PREFIX="/opt/ck").returncode == 0
    assert (tmp_path / "etc/cron.d/coordkeep").read_text() == "# mine\n"

    assert make("uninstall", tmp_path, PREFIX="/opt/ck").returncode == 0
    left = installed(tmp_path)
    assert left == {f for f in there if f.startswith("etc/")}
    shutil.rmtree(tmp_path)


# secret-rotate-phase has nothing to do without a config; its own scenarios run it with one.
@pytest.mark.parametrize("job", REDIS_ONLY)
def test_the_command_works_in_crons_bare_environment(job, server, tmp_path):
    """As cron runs it: SHELL, PATH, HOME, LOGNAME, no terminal; only the path of the program
    and the config differ here."""
    program = build_dir() / job
    _, user, command = cron_lines()[job]
    cron = (root_dir() / "cron" / "coordkeep").read_text()
    env = {"SHELL": "/bin/sh", "HOME": str(tmp_path), "LOGNAME": user,
           "PATH": re.search(r"^PATH=(.*)$", cron, re.M)[1]}
    config = tmp_path / "coordkeep.ini"
    config.write_text(f"[redis]\nurl = {server.url}\n[job]\nstate_dir = {tmp_path}\n"
                      f"[reap-stale]\nundo_dir = {tmp_path}/undo\n"
                      "[clock-audit]\nwarn = 60s\n")
    line = command.replace(f"/usr/local/bin/{job}", str(program)) + f" -c {config}"
    done = sh("/bin/sh", "-c", line, env=env, cwd=tmp_path)
    # a machine without a time service is a finding of clock-audit
    assert done.returncode in ((0, 1) if job == "clock-audit" else (0,)), done.stderr
    assert done.stdout == ""
