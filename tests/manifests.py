"""The manifests, as kubectl renders them."""

import os
import subprocess
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from auditproxy.flags.pflag import parse
from auditproxy.flags.serve import FLAGS, options_from
from auditproxy.options import Options, validate
from tests.kubectl import kubectl_binaries

MANIFESTS = Path(__file__).parent.parent / "manifests"
FILES = sorted(MANIFESTS.rglob("*.yaml"))
ROOTS = tuple(
    sorted(
        str(path.parent.relative_to(MANIFESTS))
        for path in FILES
        if path.name == "kustomization.yaml"
        and "\nkind: Component\n" not in path.read_text(encoding="utf-8")
    )
)
PASSTHROUGH = ("overlays/aks", "overlays/eks", "overlays/gke", "overlays/sidecar")


def name_of(path: Path) -> str:
    """A path within the manifests."""
    return str(path.relative_to(MANIFESTS))


@cache
def render(root: str, binary: Path | None = None) -> tuple[dict[str, Any], ...]:
    """The objects of one kustomization, as a kubectl renders them; the first when none is given."""
    return tuple(_kustomized(MANIFESTS / root, binary or kubectl_binaries()[0]))


def render_with(
    component: str, folder: Path, base: str = "base", more: Mapping[str, Any] | None = None
) -> list[dict[str, Any]]:
    """The objects of a base with a component, from a kustomization in ``folder`` with ``more``."""
    folder = folder.resolve()
    resource, added = (os.path.relpath(MANIFESTS / name, folder) for name in (base, component))
    kustomization = {"resources": [resource], "components": [added], **(more or {})}
    (folder / "kustomization.yaml").write_text(yaml.safe_dump(kustomization), encoding="utf-8")
    return _kustomized(folder, kubectl_binaries()[0])


def _kustomized(folder: Path, binary: Path) -> list[dict[str, Any]]:
    done = subprocess.run(
        [str(binary), "kustomize", str(folder)],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert not done.stderr, done.stderr
    return list(yaml.safe_load_all(done.stdout))


def only(root: str, kind: str, name: str) -> dict[str, Any]:
    """The object of one kind and name in a rendered kustomization."""
    (found,) = [
        one for one in render(root) if (one["kind"], one["metadata"]["name"]) == (kind, name)
    ]
    return found


def pod_of(root: str) -> dict[str, Any]:
    """The pod template's spec of the kustomization's Deployment."""
    (deployment,) = [one for one in render(root) if one["kind"] == "Deployment"]
    spec: dict[str, Any] = deployment["spec"]["template"]["spec"]
    return spec


def proxy_of(root: str) -> dict[str, Any]:
    """The proxy's container, be it a sidecar."""
    pod = pod_of(root)
    containers = [*pod.get("initContainers", ()), *pod["containers"]]
    (container,) = [one for one in containers if one["name"] == "auditproxy"]
    found: dict[str, Any] = container
    return found


def options_of(root: str) -> Options:
    """What the proxy makes of the container's arguments; a fault fails the test."""
    command, *words = proxy_of(root)["args"]
    assert command == "serve"
    parsed = parse(words, FLAGS)
    assert parsed.faults == ()
    assert parsed.arguments == ()
    options = options_from(parsed.values)
    assert validate(options) == ()
    return options
