"""conf/grafana/coordkeep.json: a dashboard of the metrics that the jobs write, of all of them
and of no others, and every query of it is PromQL."""

import itertools
import json
import re
import subprocess

import pytest

from harness import root_dir, wait_for
from rotating import RotatingHost

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


@pytest.fixture
def series(r, job, tmp_path):
    """{series: value} of what a run of each job wrote, as Prometheus has it from node_exporter."""
    r.set("blocking:signal:a", "{}")
    jobs = [job(name, {"liveness": {"confirm": "0s"}})
            for name in ("reap-stale", "escalate-dead", "ttl-fixer", "clock-audit")]
    assert all(j.run().exit in (0, 1) for j in jobs)
    # a rotation that is far enough for the signatures in flight to be counted
    host = RotatingHost(job, tmp_path, share_proc=False)
    rotation = host.job.textfile_dir / "coordkeep_secret_rotate_phase.prom"
    try:
        host.run()
        host.run("--start")
        wait_for(lambda: host.run() and "in_flight" in rotation.read_text())
    finally:
        host.close()
    found = {}
    for path in (rotation, *jobs[0].textfile_dir.glob("*.prom")):
        for line in path.read_text().splitlines():
            if not line.startswith("#"):
                name, value = line.rsplit(" ", 1)
                name = name.replace('{job="', '{instance="h1",job="node",exported_job="')
                found[name] = float(value)
    return found


def named(expr, label):
    """1 if the query finds something and all of it has the label."""
    return f'count by (has) (label_replace({expr}, "has", "it", "{label}", ".+")) > bool 0'


def test_each_query_finds_what_the_jobs_write(dashboard, series, tmp_path):
    """With its labels too: `by (family)` of a metric that has none is one nameless line."""
    tests = []
    for target in (t for p in dashboard["panels"] for t in p.get("targets", [])):
        expr = target["expr"].replace("$__rate_interval", "5m").replace("$instance", ".*")
        labels = re.findall(r"{{(\w+)}}", target.get("legendFormat", ""))
        for group in re.findall(r"\bby \(([^)]*)\)", expr):
            labels += group.split(", ")
        asked = {named(expr, label): '{has="it"}' for label in labels} or \
            {f"count({expr}) > bool 0": "{}"}
        tests += [{"expr": e, "eval_time": "20m", "exp_samples": [{"labels": s, "value": 1}]}
                  for e, s in asked.items()]
    path = tmp_path / "panels.yml"
    path.write_text(json.dumps({"evaluation_interval": "1m", "tests": [{
        "interval": "1m", "promql_expr_test": tests,
        "input_series": [{"series": s, "values": f"{v:f}x20"} for s, v in series.items()]}]}))
    done = subprocess.run(["promtool", "test", "rules", path], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_alerts_see_the_same_metrics():
    alerts = set(re.findall(r"\bcoordkeep_\w+", re.sub(r"#.*", "", RULES.read_text())))
    assert alerts and alerts <= written()
