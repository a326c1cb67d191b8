"""What the programs, the man pages, the README and the config say of one another agrees."""

import json
import re
import shlex
import subprocess

import pytest

from harness import build_dir, root_dir

JOBS = sorted(p.parent.name for p in (root_dir() / "jobs").glob("*/main.c"))
SECTION_8 = {job: root_dir() / "jobs" / job / f"{job}.8" for job in JOBS}
OVERVIEW = root_dir() / "conf" / "coordkeep.7"
README = (root_dir() / "README.md").read_text()
# What stands for a value in an example.
MEANT = {"ID": "coord-1", "FILE": "/tmp/journal", "TEXT": "why", "DURATION": "2h", "H": "host-1"}


def program(job, *words):
    # no run is meant here; one that came about by mistake finds no Redis
    env = {"PATH": "/usr/bin:/bin", "HOME": "/", "REDIS_URL": "unix:///nonexistent/redis.sock"}
    return subprocess.run([build_dir() / job, *words], capture_output=True, text=True,
                          stdin=subprocess.DEVNULL, timeout=60, cwd="/", env=env)


def section(page, name):
    """The lines of a section of a man page."""
    found = re.search(rf"^\.Sh {name}\n(.*?)(?=^\.Sh |\Z)", page.read_text(), re.M | re.S)
    assert found, f"{page.name} has no {name}"
    return found[1].splitlines()


def flags(lines, only=r"\.It Fl"):
    """{"-n", "--dry-run", ...} that stand in a list."""
    text = "\n".join(line for line in lines if re.match(only, line))
    return {f"-{f}" for f in re.findall(r"\bFl (-?[a-z][a-z-]*)", text)}


def said_by_help(job):
    done = program(job, "--help")
    assert done.returncode == 0 and not done.stderr
    return set(re.findall(r"(?<![\w-])(--?[a-z][a-z-]*)", done.stdout))


# Options

@pytest.mark.parametrize("job", JOBS)
def test_help_and_man_page_name_the_same_options(job):
    common, own = flags(section(OVERVIEW, "OPTIONS")), flags(section(SECTION_8[job], "OPTIONS"))
    own -= {"-n", "-q", "-v", "--dry-run"}
    helped = said_by_help(job) | {"-h"}
    assert helped == common | own
    assert ".Xr coordkeep 7" in "\n".join(section(SECTION_8[job], "OPTIONS"))
    # the job's own are all in the list at the head of its help, and nowhere but in its page
    head = program(job, "--help").stdout.split("Options of all jobs:")[0]
    listed = set(re.findall(r"^  (--[a-z-]+)", head, re.M))
    assert listed - common <= own and own - common <= listed


@pytest.mark.parametrize("job", JOBS)
def test_the_synopsis_names_only_options_that_there_are(job):
    known = said_by_help(job)
    for flag in flags(section(SECTION_8[job], "SYNOPSIS"), only=r"\.(Op )?Fl|.*\bFl "):
        for one in [flag] if flag.startswith("--") else [f"-{letter}" for letter in flag[1:]]:
            assert one in known, one


@pytest.mark.parametrize("job", JOBS)
def test_the_program_knows_each_option(job):
    for flag in sorted(said_by_help(job) | {"-h"}):
        # --help ends it before anything is done; to a flag the value is an argument too many
        done = program(job, flag, "1h", "--help")
        assert done.returncode in (0, 64) and "unknown option" not in done.stderr, flag
    assert "unknown option" in program(job, "--unheard-of").stderr


# Exit codes

def test_exit_codes_agree():
    table = README.split("## Exit codes")[1].split("\n## ")[0]
    readme = set(re.findall(r"^\| (\d+) \|", table, re.M))
    overview = set(re.findall(r"^\.It (\d+)$", "\n".join(section(OVERVIEW, "EXIT STATUS")), re.M))
    assert readme == overview and len(readme) == 12
    schema = json.loads((root_dir() / "conf/result.schema.json").read_text())
    assert {str(c) for c in schema["properties"]["exit"]["enum"]} == readme
    for job in JOBS:
        helped = program(job, "--help").stdout.split("Exit codes: ")[1]
        assert set(re.findall(r"\b(\d+) ", helped)) == readme, job
        page = section(SECTION_8[job], "EXIT STATUS")
        named = set(re.findall(r"\b\d+\b", " ".join(x for x in page if x.startswith(".It"))))
        assert named and named <= readme, job


# Config

@pytest.fixture(scope="module")
def empty(tmp_path_factory):
    path = tmp_path_factory.mktemp("agree") / "empty.ini"
    path.touch()
    return path


def printed(empty, form):
    texts = {job: program(job, "-c", str(empty), f"--print-config={form}") for job in JOBS}
    assert all(t.returncode == 0 for t in texts.values())
    assert len({t.stdout for t in texts.values()}) == 1
    return texts[JOBS[0]].stdout


def test_the_annotated_config_is_what_the_programs_print(empty):
    assert (root_dir() / "conf/coordkeep.ini").read_text() == printed(empty, "annotated")


def test_the_table_of_its_man_page_is_what_the_programs_print(empty):
    page = (root_dir() / "conf/coordkeep.ini.5").read_text()
    table = re.search(r'^\.\\" BEGIN TABLE.*?\n(.*)^\.\\" END TABLE', page, re.M | re.S)[1]
    assert table == printed(empty, "mdoc")


def known_options():
    """{section: {key}} of the annotated config."""
    known, here = {}, None
    for line in (root_dir() / "conf/coordkeep.ini").read_text().splitlines():
        head, key = re.match(r"^\[(.+)\]$", line), re.match(r"^[#;]?\s?([\w.<>-]+) =", line)
        if head:
            here = known.setdefault(head[1], set())
        elif key and here is not None:
            here.add(key[1])
    return known


def test_options_that_documents_name_exist():
    known = known_options()
    assert known["ttl-fixer"] >= {"max_ttl", "pressure_at"}
    pages = [OVERVIEW, *SECTION_8.values()]
    named = re.findall(r"`\[([\w-]+)\] (\w+)", README)
    for page in pages:
        text = page.read_text()
        named += re.findall(r"\[([\w-]+)\] (\w+) =", text)
        named += [tuple(m.split(".")) for m in re.findall(r"--set ([\w-]+\.\w+)=", text)]
    assert named
    for head, key in named:
        assert key in known.get(head, ()), f"[{head}] {key}"


def test_the_config_of_the_readme_is_accepted(tmp_path):
    password = tmp_path / "redis-password"
    password.write_text("secret\n")
    password.chmod(0o600)
    (block,) = re.findall(r"```ini\n(.*?)```", README, re.S)
    config = tmp_path / "readme.ini"
    config.write_text(block.replace("/etc/coordkeep/redis-password", str(password))
                      .replace("/var/lib/prometheus/node-exporter", str(tmp_path)))
    config.chmod(0o600)
    for job in JOBS:
        done = program(job, "-c", str(config), "--check-config")
        assert done.returncode == 0, done.stdout + done.stderr


# Commands

def commands(text):
    """The words of each command of ours in `text`, a line or a shell line."""
    found = []
    for part in re.split(r"\s*(?:&&|\|\||;|, (?=`))\s*", text):
        words = shlex.split(part.replace("`", ""), comments=True)
        while words and words[0] in ("$", "#", "sudo"):
            words = words[1:]
        if words and (words[0] in SECTION_8 or words[0] == "JOB"):
            found.append(words)
    return found


def examples():
    """(where, [words]) of every command that a document shows."""
    found = []
    for job, page in {"coordkeep.7": OVERVIEW, **SECTION_8}.items():
        for line in page.read_text().splitlines():
            if line.startswith((".Dl ", ".Ql ")):
                line = re.sub(r"Qq (\w+)", r'"\1"', line[4:])
                found += [(job, words) for words in commands(line)]
    for block in re.findall(r"```sh\n(.*?)```", README, re.S):
        for line in block.splitlines():
            found += [("README", words) for words in commands(line)]
    outside = re.sub(r"```.*?```", "", README, flags=re.S)
    for code in re.findall(r"(?<!`)`([^`\n]+)`", outside):
        found += [("README", words) for words in commands(code)]
    for job in JOBS:
        example = re.search(r"^Example:\n  (.*)$", program(job, "--help").stdout, re.M)
        assert example, job
        found += [(f"{job} --help", words) for words in commands(example[1])]
    return found


def test_commands_of_the_documents_are_understood(empty):
    """--check-config reads the whole command line and the config, and does nothing."""
    seen = {}
    for where, words in examples():
        for job in JOBS if words[0] == "JOB" else [words[0]]:
            line = [MEANT.get(w, w) for w in words[1:]]
            special = {"--pause", "--resume", "--check-config", "--print-config", "--help"}
            if special & set(line):
                # these cannot be joined with --check-config; with --help nothing is done
                done = program(job, "-c", str(empty), *line, "--help")
            else:
                done = program(job, "-c", str(empty), *line, "--check-config")
            seen.setdefault(job, []).append(line)
            assert done.returncode == 0, f"{where}: {words}\n{done.stderr}"
    assert set(seen) == set(JOBS)
    assert sum(map(len, seen.values())) > 40


def test_what_the_readme_makes_and_enables_exists():
    targets = set(re.findall(r"^([a-z-]+):", (root_dir() / "Makefile").read_text(), re.M))
    makes = re.findall(r"(?:`|^|sudo )make ([a-z-]+)", README, re.M)
    assert makes and set(makes) <= targets | {"install"}
    development = README.split("`make help` lists the targets: ")[1].split(". ")[0]
    assert set(re.findall(r"`([a-z-]+)`", development)) <= targets
    units = {p.name for p in (root_dir() / "systemd-timers").iterdir()}
    enabled = set(re.findall(r"\b[a-z-]+\.(?:timer|service)\b", README))
    assert enabled and enabled <= units
    for path in re.findall(r"`((?:conf|cron|systemd-timers|jobs|shared|tests)/[\w./-]*)`", README):
        assert (root_dir() / path).exists(), path
