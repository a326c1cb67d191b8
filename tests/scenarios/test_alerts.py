"""The alert rules are valid, and each fires and stays silent as its test says."""

import re
import subprocess

from harness import root_dir

RULES = root_dir() / "conf" / "prometheus" / "coordkeep.rules.yml"
TESTS = sorted((root_dir() / "tests" / "alerts").glob("*.yml"))


def promtool(*argv):
    done = subprocess.run(["promtool", *map(str, argv)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_rules_are_valid():
    promtool("check", "rules", RULES)


def test_the_rules_do_what_they_say():
    promtool("test", "rules", *TESTS)


def test_each_alert_has_a_test_in_which_it_fires():
    alerts = re.findall(r"- alert: (\w+)", RULES.read_text())
    tested = "".join(t.read_text() for t in TESTS)
    fired = set(re.findall(r"alertname: (\w+)\n\s+exp_alerts:\n", tested))
    assert alerts and set(alerts) == fired


def test_each_metric_is_written_by_a_job():
    """A rule on a metric that nobody writes never fires."""
    sources = "".join(p.read_text() for p in root_dir().glob("[js]*/*/*.c"))
    for name in set(re.findall(r"coordkeep_(\w+)", re.sub(r"#.*", "", RULES.read_text()))):
        assert f'"{name}"' in sources or f"coordkeep_{name}" in sources, name
