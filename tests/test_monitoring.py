"""Dashboard and alert rules: they parse strictly and name only metrics and labels that exist."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from auditproxy.metrics.registry import Metrics
from tests import promql
from tests.manifests import MANIFESTS, render_with

FOLDER = MANIFESTS / "monitoring"
DOCS = MANIFESTS.parent / "docs"
RULES = yaml.safe_load((FOLDER / "auditproxy.rules.yml").read_text(encoding="utf-8"))
DASHBOARD = json.loads((FOLDER / "dashboard.json").read_text(encoding="utf-8"))
ALERTS = [rule for group in RULES["groups"] for rule in group["rules"]]
FUNCTIONS = {"sum", "max", "min", "rate", "increase", "histogram_quantile", "absent", "time"}
RUNBOOK = "https://auditproxy.example.com/docs/runbook.md"
OF_PROMETHEUS = {"up"}
TARGET_LABELS = {"job", "instance"}
SUFFIXES = {"counter": ("_total",), "gauge": ("",), "histogram": ("_bucket", "_sum", "_count")}


def known_metrics() -> dict[str, str]:
    """Every series name of the registry, with the name that docs/metrics.md has for it."""
    names = {}
    for family in Metrics().registry.collect():
        documented = f"{family.name}_total" if family.type == "counter" else family.name
        for suffix in SUFFIXES[family.type]:
            names[family.name + suffix] = documented
    return names


def documented_labels() -> dict[str, frozenset[str]]:
    """The labels of each metric as docs/metrics.md lists them."""
    found: dict[str, frozenset[str]] = {}
    text = (DOCS / "metrics.md").read_text(encoding="utf-8")
    request_labels: frozenset[str] = frozenset()
    for name, cell in re.findall(r"^\| `([a-z_]+)` \| \w+ \|([^|]*)\|", text, re.MULTILINE):
        if cell.strip().startswith("as above"):
            labels = request_labels - {"code"} | {"le"}
        else:
            labels = frozenset(re.findall(r"[a-z_]+", cell))
        if name == "apiserver_request_total":
            request_labels = labels
        found[name] = labels
    return found


KNOWN = known_metrics()
LABELS = documented_labels()


def fault(expression: str) -> str:
    """What is wrong with the names in an expression, "" when nothing is."""
    read = promql.read(expression)
    if unknown := read.functions - FUNCTIONS:
        return f"functions {unknown}"
    if unknown := read.metrics - set(KNOWN) - OF_PROMETHEUS:
        return f"metrics {unknown}"
    if not read.metrics:
        return "no metric"
    allowed = set(TARGET_LABELS)
    for metric in read.metrics - OF_PROMETHEUS:
        allowed |= LABELS[KNOWN[metric]]
    return f"labels {read.labels - allowed}" if read.labels - allowed else ""


def targets() -> Iterator[tuple[str, dict[str, Any]]]:
    """Each query of the dashboard with its panel's title."""
    for panel in DASHBOARD["panels"]:
        for target in panel.get("targets", ()):
            yield panel["title"], target


class TestPromql:
    """The reader of expressions, and that it can find a fault."""

    @pytest.mark.parametrize(
        ("text", "metrics", "labels", "functions"),
        [
            ("up", {"up"}, set(), set()),
            ('a{b="x,y}", c!~"d"}', {"a"}, {"b", "c"}, set()),
            (
                "sum by (x, y) (rate(a_total[5m] offset 5m)) > 0.5",
                {"a_total"},
                {"x", "y"},
                {"sum", "rate"},
            ),
            ("a and on (z) b unless c or d", {"a", "b", "c", "d"}, {"z"}, set()),
            ("rate(a{}[$__rate_interval])", {"a"}, set(), {"rate"}),
        ],
    )
    def test_rows(
        self, text: str, metrics: set[str], labels: set[str], functions: set[str]
    ) -> None:
        """Metrics, labels and functions are told apart."""
        assert promql.read(text) == promql.Expression(
            frozenset(metrics), frozenset(labels), frozenset(functions)
        )

    @pytest.mark.parametrize(
        "expression",
        [
            "rate(auditproxy_audit_events_written[5m])",
            "rate(auditproxy_no_such_thing_total[5m])",
            'apiserver_audit_level_total{verb="get"}',
            "sum by (plugin) (apiserver_audit_level_total)",
            "delta(apiserver_audit_event_total[5m])",
            "1 + 1",
        ],
    )
    def test_faults_are_found(self, expression: str) -> None:
        """An unknown metric, label or function is a fault."""
        assert fault(expression)


class TestRules:
    """The alert rules."""

    def test_shape(self) -> None:
        """Groups and rules have the keys that Prometheus knows and no others."""
        assert set(RULES) == {"groups"}
        for group in RULES["groups"]:
            assert set(group) == {"name", "rules"}
        for rule in ALERTS:
            assert set(rule) - {"for"} == {"alert", "expr", "labels", "annotations"}
            assert rule["labels"].keys() == {"severity"}
            assert rule["labels"]["severity"] in ("critical", "warning")
            assert re.fullmatch(r"\d+[mh]", rule.get("for", "1m"))
        names = [rule["alert"] for rule in ALERTS]
        assert len(names) == len(set(names))

    @pytest.mark.parametrize("rule", ALERTS, ids=lambda rule: str(rule["alert"]))
    def test_names_exist(self, rule: dict[str, Any]) -> None:
        """Each expression names metrics of the registry and labels that they have."""
        assert not fault(rule["expr"])

    @pytest.mark.parametrize("rule", ALERTS, ids=lambda rule: str(rule["alert"]))
    def test_ours_are_told_from_kube_apiservers(self, rule: dict[str, Any]) -> None:
        """A metric that kube-apiserver has too is always asked for with our job."""
        for name in re.findall(r"apiserver_\w+(?:\{[^}]*\})?", rule["expr"]):
            assert '{job="auditproxy"' in name, name

    @pytest.mark.parametrize("rule", ALERTS, ids=lambda rule: str(rule["alert"]))
    def test_says_what_to_do(self, rule: dict[str, Any]) -> None:
        """Each alert has a summary, a description, and its section in the runbook."""
        annotations = rule["annotations"]
        assert annotations.keys() == {"summary", "description", "runbook_url"}
        assert len(annotations["description"]) > len(annotations["summary"]) > 20
        # C11: Alertmanager makes a link of it.
        assert annotations["runbook_url"] == f"{RUNBOOK}#{rule['alert'].lower()}"
        used = set(re.findall(r"\$labels\.(\w+)", str(annotations)))
        assert used <= promql.read(rule["expr"]).labels | TARGET_LABELS

    def test_the_runbook_has_a_section_for_each(self) -> None:
        """No alert without a section, no section without an alert."""
        text = (DOCS / "runbook.md").read_text(encoding="utf-8")
        assert re.findall(r"^## (\w+)$", text, re.MULTILINE) == [rule["alert"] for rule in ALERTS]

    def test_what_must_alert(self) -> None:
        """C11: reloads that fail, certificates that end, an upstream that does not serve; lost
        events page once, though two metrics count them."""
        alerted = [promql.read(rule["expr"]).metrics for rule in ALERTS]
        for metric in (
            "auditproxy_config_reloads_total",
            "auditproxy_serving_certificate_expiry_timestamp_seconds",
            "auditproxy_audit_events_dropped_total",
        ):
            assert sum(metric in metrics for metrics in alerted) == 1, metric
        assert not any("apiserver_audit_error_total" in metrics for metrics in alerted)
        assert "auditproxy_upstream_ready" in set().union(*alerted)

    def test_every_alert_is_tried(self) -> None:
        """The rule tests make each alert fire once."""
        text = (FOLDER / "auditproxy.rules.test.yml").read_text(encoding="utf-8")
        for rule in ALERTS:
            assert rule["alert"] in text

    @pytest.mark.skipif(shutil.which("promtool") is None, reason="there is no promtool")
    @pytest.mark.parametrize(
        "words",
        [
            ("check", "rules", "auditproxy.rules.yml"),
            ("test", "rules", "auditproxy.rules.test.yml"),
        ],
        ids=" ".join,
    )
    def test_promtool(self, words: tuple[str, ...]) -> None:
        """Prometheus' own tool takes the rules, and they fire when they should and only then."""
        done = subprocess.run(
            ["promtool", *words],
            cwd=FOLDER,
            capture_output=True,
            text=True,
            timeout=50,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr


class TestDashboard:
    """The Grafana dashboard."""

    def test_importable(self) -> None:
        """It belongs to no installation: no database id, a uid, a schema version."""
        assert DASHBOARD["id"] is None
        assert DASHBOARD["uid"] == "auditproxy"
        assert DASHBOARD["schemaVersion"] >= 36
        assert DASHBOARD["title"]

    def test_data_source_is_a_variable(self) -> None:
        """Every panel, query and variable asks the data source that the user chooses."""
        chosen = {"type": "prometheus", "uid": "${datasource}"}
        names = [one["name"] for one in DASHBOARD["templating"]["list"]]
        assert names == ["datasource", "job", "instance"]
        for one in DASHBOARD["templating"]["list"][1:]:
            assert one["datasource"] == chosen
        for panel in DASHBOARD["panels"]:
            assert panel["type"] == "row" or panel["datasource"] == chosen
        for _, target in targets():
            assert target["datasource"] == chosen

    def test_panels_lie_side_by_side(self) -> None:
        """Panels have different ids, a description, and do not cover one another."""
        ids = [panel["id"] for panel in DASHBOARD["panels"]]
        assert len(ids) == len(set(ids))
        covered: set[tuple[int, int]] = set()
        for panel in DASHBOARD["panels"]:
            place = panel["gridPos"]
            assert place["x"] + place["w"] <= 24
            cells = {
                (x, y)
                for x in range(place["x"], place["x"] + place["w"])
                for y in range(place["y"], place["y"] + place["h"])
            }
            assert not cells & covered, panel["title"]
            covered |= cells
            assert panel["type"] == "row" or (panel["description"] and panel["targets"])

    def test_names_exist(self) -> None:
        """Each query names metrics of the registry and labels that they have."""
        for title, target in targets():
            assert not fault(target["expr"]), title
            legend = set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]))
            assert legend <= promql.read(target["expr"]).labels, title

    def test_every_query_is_narrowed(self) -> None:
        """Each metric is asked for the chosen job and replicas only."""
        for title, target in targets():
            count = len(re.findall(r"\b(?:apiserver|auditproxy)_\w+", target["expr"]))
            assert target["expr"].count('job=~"$job", instance=~"$instance"') == count, title

    def test_variables(self) -> None:
        """The variables take their values from a metric that is there from the start."""
        for one in DASHBOARD["templating"]["list"][1:]:
            (metric,) = re.findall(r"label_values\((\w+)", one["definition"])
            assert metric in KNOWN
            assert not LABELS[metric], "a counter with labels has no series before its first event"

    def test_what_must_be_shown(self) -> None:
        """The accounting of events and what operators alert on is on the dashboard."""
        shown = {
            KNOWN[name] for _, target in targets() for name in promql.read(target["expr"]).metrics
        }
        alerted = {
            KNOWN[name]
            for rule in ALERTS
            for name in promql.read(rule["expr"]).metrics - OF_PROMETHEUS
        }
        accounting = {
            f"auditproxy_audit_events_{word}_total" for word in ("generated", "written", "dropped")
        }
        assert accounting | alerted <= shown

    @pytest.mark.skipif(shutil.which("promtool") is None, reason="there is no promtool")
    def test_promtool(self, tmp_path: Path) -> None:
        """Every query is PromQL."""
        rules = [
            {
                "record": f"panel:{number}",
                "expr": target["expr"].replace("$__rate_interval", "5m").replace("$__range", "6h"),
            }
            for number, (_, target) in enumerate(targets())
        ]
        path = tmp_path / "panels.yml"
        path.write_text(json.dumps({"groups": [{"name": "panels", "rules": rules}]}))
        done = subprocess.run(
            ["promtool", "check", "rules", str(path)],
            capture_output=True,
            text=True,
            timeout=50,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr


class TestComponent:
    """The kustomize component."""

    @pytest.fixture
    def rendered(self, tmp_path: Path) -> list[dict[str, Any]]:
        """The base with the component, as kubectl renders them."""
        return render_with("monitoring", tmp_path)

    def test_same_rules(self) -> None:
        """The PrometheusRule has the groups of the plain file."""
        rule = yaml.safe_load((FOLDER / "prometheusrule.yaml").read_text(encoding="utf-8"))
        assert rule["apiVersion"] == "monitoring.coreos.com/v1"
        assert rule["kind"] == "PrometheusRule"
        assert rule["spec"] == RULES

    def test_the_monitor_finds_the_service(self, rendered: list[dict[str, Any]]) -> None:
        """It selects the Service of the metrics by label and port, and names the job as the rules do."""
        (monitor,) = [one for one in rendered if one["kind"] == "ServiceMonitor"]
        spec = monitor["spec"]
        assert spec.keys() == {"jobLabel", "selector", "endpoints"}
        (endpoint,) = spec["endpoints"]
        assert endpoint.keys() == {"port", "path", "interval"}
        wanted = spec["selector"]["matchLabels"].items()
        found = [
            one
            for one in rendered
            if one["kind"] == "Service"
            and wanted <= one["metadata"]["labels"].items()
            and endpoint["port"] in [port["name"] for port in one["spec"]["ports"]]
        ]
        assert [one["metadata"]["name"] for one in found] == ["auditproxy-metrics"]
        assert found[0]["metadata"]["namespace"] == monitor["metadata"]["namespace"]
        assert found[0]["metadata"]["labels"][spec["jobLabel"]] == "auditproxy"

    def test_the_dashboard_is_the_file(self, rendered: list[dict[str, Any]]) -> None:
        """Grafana's sidecar gets the dashboard as it lies here."""
        (config,) = [one for one in rendered if one["metadata"]["name"] == "auditproxy-dashboard"]
        assert json.loads(config["data"]["dashboard.json"]) == DASHBOARD
        assert config["metadata"]["labels"]["grafana_dashboard"] == "1"
