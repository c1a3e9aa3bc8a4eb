"""The texts of the shipped rules read well of every request that a rule can match."""

import re
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import yaml

from auditproxy.alerts import rules as rules_module
from auditproxy.alerts.decoding import load_rules
from auditproxy.alerts.facts import Facts, attributes_of
from auditproxy.apis.audit import Event
from auditproxy.apis.session import SessionEvent
from auditproxy.audit.policy.builtinresources import is_cluster_scoped
from tests.fakes.alertrules import audit_event, session_event

FILE = Path(rules_module.__file__).with_name("rules.yaml").read_bytes()
WRITTEN = {rule["name"]: rule for rule in yaml.safe_load(FILE)["rules"]}
RULES = {rule.name: rule for rule in load_rules(FILE).rules}
COLLECTIONS = ("list", "watch", "deletecollection")
VERBS = ("get", "create", "update", "patch", "delete", *COLLECTIONS)
HOLE = re.compile(
    r"  |^ | $|^/|[ (]/(?!api/|version\b)|/(?=[ ,.)]|$)|\(\)|\( | [.,;)]|: ?[.)]|:$|"
    r"\b(?:of|in|with|from|by|the|to|at|is|as)$"
)
"""What an empty value leaves behind."""


def references(match: dict[str, Any]) -> Iterator[tuple[str, dict[str, str]]]:
    """Verbs and objects of requests that selectors of a rule admit, as kube-apiserver has them."""
    entries = match.get("resources", [{"group": ""}, {"group": "rbac.authorization.k8s.io"}])
    for entry in entries:
        group = entry["group"]
        default = ["clusterroles", "roles"] if group else ["pods", "secrets", "nodes"]
        for text, verb in product(entry.get("resources", default), match.get("verbs", VERBS)):
            resource, _, subresource = text.partition("/")
            found = {"apiGroup": group, "resource": resource, "subresource": subresource}
            names = [*entry.get("resourceNames", ["db"])]
            if not subresource and verb in COLLECTIONS:
                names = [""]
            elif not subresource and verb == "create":
                # A generateName: the server chooses.
                names += [""]
            spaces = match.get("namespaces", ["shop"])
            if is_cluster_scoped(group, resource):
                spaces = [""] if "" in match.get("namespaces", [""]) else []
            elif verb in COLLECTIONS:
                spaces = [*spaces, ""] if "namespaces" not in match else spaces
            else:
                spaces = [each for each in spaces if each]
            for name, namespace in product(names, spaces):
                yield verb, found | {"name": name, "namespace": namespace}


def events(match: dict[str, Any]) -> Iterator[Event | SessionEvent]:
    """Namespaced, cluster-wide and nameless requests, with all that clients may leave out."""
    if "sessionEvents" in match:
        for kind in match["sessionEvents"]:
            yield session_event(type=kind, reason="no space", line="id")
            # Through nodes/proxy, which names neither a namespace nor a pod.
            node = {"resource": "nodes", "subresource": "proxy", "name": "n1"}
            yield session_event(type=kind, reason="no space", line="id", objectRef=node)
        return
    members: dict[str, Any] = {}
    for verb, reference in references(match):
        members = {"verb": verb, "objectRef": reference}
        members["requestURI"] = "/api/v1/x?command=ls&container=c"
        members["impersonatedUser"] = {"username": "system:admin"}
        members["responseStatus"] = {"metadata": {}, "code": 200, "message": "no"}
        yield audit_event(**members)
        if reference["resource"] == "pods" and reference["subresource"] != "exec":
            members["requestURI"] = "/api/v1/x"
        if "userAgents" not in match:
            members["userAgent"] = ""
        if 403 in match.get("responseCodes", ()):
            members["responseStatus"] = {"metadata": {}, "code": 403}
        if 401 in match.get("responseCodes", ()):
            members["user"] = {}
        yield audit_event(**members)
    if "resources" not in match:
        members |= {"requestURI": "/version", "objectRef": None, "verb": "get"}
        yield audit_event(**members)


@pytest.mark.parametrize("name", WRITTEN)
def test_no_holes(name: str) -> None:
    """No double blank, no preposition at the end, no slash without what is before it."""
    rule = RULES[name]
    texts = {
        text.render(Facts(event, attributes_of(event)).field)
        for event in events(WRITTEN[name].get("match", {}))
        for text in (rule.summary, rule.description, *rule.annotations.values())
    }
    assert texts
    assert [text for text in texts if HOLE.search(text)] == []


@pytest.mark.parametrize(
    "text",
    [
        "admin reads all secrets of ",
        "admin changes clusterrolebindings /evil",
        "admin changes secrets shop/",
        "create pods . Needs level Request.",
        "Many requests of  from 192.0.2.1 were refused",
        "A command: (pods/attach: ).",
        "A command: pods/attach:.",
        "A command:",
        " reads all secrets",
        "/db was read",
        "outside: ls ()",
        "outside: ls ( from 192.0.2.1)",
        "Command: ",
        "outside: ls (container , from 192.0.2.1).",
    ],
)
def test_what_a_hole_is(text: str) -> None:
    """The pattern finds what it is for."""
    assert HOLE.search(text)


@pytest.mark.parametrize(
    ("rule", "reference", "summary"),
    [
        ("SecretsListed", {"resource": "secrets"}, "alice reads all secrets of all namespaces"),
        ("RightsChanged", {"resource": "clusterrolebindings", "name": "evil"},
         "alice changes clusterrolebindings evil"),
        ("RightsChanged", {"resource": "roles", "namespace": "shop"}, "alice changes roles in shop"),
        ("RightsChanged", {"resource": "clusterroles"},
         "alice changes clusterroles of the whole cluster"),
        ("SecretChanged", {"resource": "secrets", "namespace": "shop", "name": "db"},
         "alice changes secrets shop/db"),
    ],
)  # fmt: skip
def test_summaries(rule: str, reference: dict[str, str], summary: str) -> None:
    """Sentences of requests with and without a namespace and a name."""
    event = audit_event(objectRef=reference)
    assert RULES[rule].summary.render(Facts(event, attributes_of(event)).field) == summary
