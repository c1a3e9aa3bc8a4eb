"""The table of resources against the discovery of a real kube-apiserver."""

import base64
import gzip
import json
from pathlib import Path
from typing import Any

from auditproxy.audit.policy.builtinresources import GROUPS_OF, RESOURCES, is_cluster_scoped

EXCHANGES = Path(__file__).parents[2] / "conformance" / "data" / "exchanges.jsonl.gz"


def discovered() -> dict[str, dict[str, bool]]:
    """By group: what recorded discovery documents have, and whether it has a namespace."""
    found: dict[str, dict[str, bool]] = {}
    with gzip.open(EXCHANGES, "rt", encoding="utf-8") as lines:
        for line in lines:
            if "APIResourceList" in line or "/api" in line[:200]:
                take(json.loads(line), found)
    return found


def take(exchange: dict[str, Any], found: dict[str, dict[str, bool]]) -> None:
    """Add what one exchange has, if it is discovery."""
    path = exchange["target"].partition("?")[0].strip("/").split("/")
    if path[0] not in ("api", "apis") or len(path) > 3 or exchange["status"] != 200:
        return
    body = b"".join(base64.b64decode(part) for _, part in exchange["responseParts"])
    headers = {name.lower(): value for name, value in exchange["responseHeaders"]}
    if headers.get("content-encoding") == "gzip":
        body = gzip.decompress(body)
    if not body.startswith(b"{"):
        return
    document = json.loads(body)
    if document.get("kind") == "APIResourceList":
        group = document["groupVersion"].rpartition("/")[0]
        for resource in document["resources"]:
            found.setdefault(group, {})[resource["name"]] = resource["namespaced"]


def test_as_discovered() -> None:
    """Every resource and subresource, with its scope."""
    found = discovered()
    known = {group: names for group, names in found.items() if group in RESOURCES}
    assert known
    for group, names in known.items():
        for name, namespaced in names.items():
            assert name in RESOURCES[group]
            assert is_cluster_scoped(group, name.partition("/")[0]) is not namespaced


def test_scope_and_groups() -> None:
    """Resources of extensions are not known."""
    assert is_cluster_scoped("", "nodes")
    assert not is_cluster_scoped("", "pods")
    assert not is_cluster_scoped("example.com", "nodes")
    assert GROUPS_OF["events"] == ("", "events.k8s.io")
    assert "pods/exec" in RESOURCES[""]
