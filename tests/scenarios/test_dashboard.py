"""conf/grafana/coordkeep.json: a dashboard of the metrics that the jobs write, of all of them
and of no others, and every query of it is PromQL."""

import itertools
import json
import re
import subprocess

import pytest

from harness import root_dir

RULES = root_dir() / "conf" / "prometheus" / "coordkeep.rules.yml"


@pytest.fixture(scope="module")
def dashboard():
    return json.loads((root_dir() / "conf" / "grafana" / "coordkeep.json").read_text())


def queries(dashboard):
    return [t["expr"] for p in dashboard["panels"] for t in p.get("targets", [])]


def written():
    """The names of the metrics that the programs write."""
    own = r'result_(?:gauge|gauge_labelled|counter)\(\s*[^,()]+(?:\([^()]*\))?,\s*"(\w+)"'
    common = r'\bset(?:_plain)?\(m, "(\w+)"'
    names = set()
    for source in root_dir().glob("jobs/*/*.c"):
        names |= set(re.findall(own, source.read_text()))
    names |= set(re.findall(common, (root_dir() / "shared/job/metrics.c").read_text()))
    assert {"runs_total", "exit_code", "coordinators_alive", "clock_offset_seconds"} <= names
    return {f"coordkeep_{n}" for n in names}


def test_its_shape(dashboard):
    assert dashboard["title"] and dashboard["uid"] and dashboard["schemaVersion"] >= 36
    variables = {v["name"] for v in dashboard["templating"]["list"]}
    assert variables == {"datasource", "instance"}
    ids = [p["id"] for p in dashboard["panels"]]
    assert len(set(ids)) == len(ids)
    titles = [p["title"] for p in dashboard["panels"]]
    assert len(set(titles)) == len(titles) and all(titles)
    for p in dashboard["panels"]:
        if p["type"] == "row":
            continue
        assert p["type"] in ("stat", "timeseries", "bargauge")
        assert p["datasource"]["uid"] == "${datasource}"
        refs = [t["refId"] for t in p["targets"]]
        assert refs and len(set(refs)) == len(refs)
        assert p["fieldConfig"]["defaults"]["unit"] in ("short", "none", "s"), p["title"]
        for t in p["targets"]:
            assert t["datasource"] == p["datasource"] and "$instance" in t["expr"]


def test_no_panel_lies_on_another(dashboard):
    boxes = [(p["title"], p["gridPos"]) for p in dashboard["panels"]]
    for title, b in boxes:
        assert 0 <= b["x"] and b["x"] + b["w"] <= 24 and b["h"] > 0, title
    for (one, a), (other, b) in itertools.combinations(boxes, 2):
        apart = a["x"] + a["w"] <= b["x"] or b["x"] + b["w"] <= a["x"] \
            or a["y"] + a["h"] <= b["y"] or b["y"] + b["h"] <= a["y"]
        assert apart, (one, other)


def test_it_shows_what_the_jobs_write_and_nothing_else(dashboard):
    text = " ".join(queries(dashboard)) + str(dashboard["templating"])
    shown = set(re.findall(r"\bcoordkeep_\w+", text))
    assert shown == written()


def test_its_queries_are_valid(dashboard, tmp_path):
    rules = []
    for i, expr in enumerate(queries(dashboard)):
        expr = expr.replace("$__rate_interval", "5m").replace("$instance", ".*")
        assert "$" not in expr, expr
        rules.append({"record": f"panel:{i}", "expr": expr})
    # JSON is YAML
    path = tmp_path / "panels.yml"
    path.write_text(json.dumps({"groups": [{"name": "panels", "rules": rules}]}))
    done = subprocess.run(["promtool", "check", "rules", path], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_alerts_see_the_same_metrics():
    alerts = set(re.findall(r"\bcoordkeep_\w+", re.sub(r"#.*", "", RULES.read_text())))
    assert alerts and alerts <= written()
