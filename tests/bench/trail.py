"""Generate a trail: an audit log of a small busy cluster, as kube-apiserver writes it.

    python -m tests.bench.trail --lines 1000000 --seed 1 > audit.log

Metadata of controllers, kubelets, operators and a few people, two lines for most requests. The
same seed writes the same bytes. The shares are made up: leases and lists of controllers are most
of it, one line in a hundred is of a person, and one request in a hundred is refused.
"""

import argparse
import random
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import BinaryIO

START = datetime(2026, 11, 1, tzinfo=UTC)
PER_SECOND = 120
"""Requests in a second of the trail."""

_AGENT = "{}/v1.36.1 (linux/amd64) kubernetes/1d9f0a4"
_CONTROLLERS = (
    ("system:serviceaccount:kube-system:generic-garbage-collector", "kube-controller-manager"),
    ("system:serviceaccount:kube-system:deployment-controller", "kube-controller-manager"),
    ("system:serviceaccount:monitoring:prometheus", "prometheus"),
    ("system:serviceaccount:argocd:argocd-application-controller", "argocd-application-controller"),
    ("system:serviceaccount:cert-manager:cert-manager", "cert-manager-controller"),
    ("system:kube-scheduler", "kube-scheduler"),
    ("system:kube-controller-manager", "kube-controller-manager"),
    ("system:node:node-1", "kubelet"),
    ("system:node:node-2", "kubelet"),
    ("system:node:node-3", "kubelet"),
)
_PEOPLE = ("alice@example.com", "bob@example.com", "carol@example.com", "deploy-bot")
_NAMESPACES = ("default", "shop", "payments", "monitoring", "kube-system", "argocd")
_RESOURCES = (
    ("", "v1", "pods"),
    ("", "v1", "configmaps"),
    ("", "v1", "secrets"),
    ("", "v1", "services"),
    ("apps", "v1", "deployments"),
    ("apps", "v1", "replicasets"),
    ("batch", "v1", "jobs"),
    ("networking.k8s.io", "v1", "ingresses"),
)
_DONE = '"annotations":{"authorization.k8s.io/decision":"allow","authorization.k8s.io/reason":"RBAC: allowed by ClusterRoleBinding \\"x\\" of ClusterRole \\"x\\" to ServiceAccount"}'
_REFUSED = (
    '"annotations":{"authorization.k8s.io/decision":"forbid","authorization.k8s.io/reason":""}'
)


def lines_of(count: int, seed: int = 1) -> Iterator[str]:
    """``count`` lines without their line ends, in the order in which they are written."""
    source = random.Random(seed)
    written, request = 0, 0
    second, stamp = -1, ""
    while written < count:
        if request // PER_SECOND != second:
            second = request // PER_SECOND
            stamp = (START + timedelta(seconds=second)).strftime("%Y-%m-%dT%H:%M:%S")
        micro = request % PER_SECOND * (1_000_000 // PER_SECOND)
        for line in _request(source, stamp, micro):
            if written < count:
                yield line
                written += 1
        request += 1


def _request(source: random.Random, stamp: str, micro: int) -> tuple[str, ...]:
    chance = source.random()
    bits = f"{source.getrandbits(128):032x}"
    audit_id = f"{bits[:8]}-{bits[8:12]}-4{bits[13:16]}-a{bits[17:20]}-{bits[20:]}"
    if chance < 0.01:
        user, agent = source.choice(_PEOPLE), _AGENT.format("kubectl")
        groups = '"groups":["developers","system:authenticated"]'
    else:
        user, program = _CONTROLLERS[int(chance * 1000) % len(_CONTROLLERS)]
        agent = _AGENT.format(program)
        groups = '"groups":["system:serviceaccounts","system:authenticated"]'
    uri, verb, reference, code, refused = _asked(source, chance)
    received = f"{stamp}.{micro:06d}Z"
    begin = f'{{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"Metadata","auditID":"{audit_id}","stage":"'
    asked = (
        f'","requestURI":"{uri}","verb":"{verb}","user":{{"username":"{user}",{groups}}},'
        f'"sourceIPs":["10.0.{micro % 7}.{micro % 251}"],"userAgent":"{agent}"{reference}'
    )
    end = f"{stamp}.{min(999_999, micro + 1000 + micro % 5000):06d}Z"
    status = (
        f',"responseStatus":{{"metadata":{{}},"code":{code}}},'
        if not refused
        else (
            f',"responseStatus":{{"metadata":{{}},"status":"Failure","message":"forbidden","reason":"Forbidden","code":{code}}},'
        )
    )
    first = (
        f'{begin}RequestReceived{asked},"requestReceivedTimestamp":"{received}",'
        f'"stageTimestamp":"{received}"}}'
    )
    last = (
        f'{begin}ResponseComplete{asked}{status}"requestReceivedTimestamp":"{received}",'
        f'"stageTimestamp":"{end}",{_REFUSED if refused else _DONE}}}'
    )
    return first, last


def _asked(source: random.Random, chance: float) -> tuple[str, str, str, int, bool]:
    """Of one request: requestURI, verb, the objectRef member, the code, whether it was refused."""
    group, version, resource = _RESOURCES[int(chance * 7919) % len(_RESOURCES)]
    namespace = _NAMESPACES[int(chance * 104729) % len(_NAMESPACES)]
    name = f"web-{source.randrange(5000)}"
    refused = int(chance * 99991) % 100 == 0
    code = 403 if refused else 200
    root = f"/apis/{group}/{version}" if group else f"/api/{version}"
    of_group = f'"apiGroup":"{group}",' if group else ""
    subresource, query, verb = "", "", ("get", "list", "update", "patch")[int(chance * 1009) % 4]
    if chance < 0.0005:
        root, of_group, resource, verb, code = "/api/v1", "", "pods", "get", 403 if refused else 101
        subresource, query = (
            "exec",
            "?command=sh&amp;command=-c&amp;command=id&amp;container=app&amp;stdout=true",
        )
        query = query.replace("&amp;", "\\u0026")
    elif chance > 0.6:
        root, group, version, resource = "/apis/coordination.k8s.io/v1", "x", "v1", "leases"
        of_group, namespace, verb = '"apiGroup":"coordination.k8s.io",', "kube-node-lease", "update"
    if verb == "list":
        uri = f"{root}/namespaces/{namespace}/{resource}?limit=500\\u0026resourceVersion=0"
        named = ""
    else:
        path = f"{root}/namespaces/{namespace}/{resource}/{name}"
        uri = f"{path}/{subresource}{query}" if subresource else path
        named = f'"name":"{name}",'
    of_sub = f',"subresource":"{subresource}"' if subresource else ""
    reference = (
        f',"objectRef":{{"resource":"{resource}","namespace":"{namespace}",{named}{of_group}'
        f'"apiVersion":"{version}"{of_sub}}}'
    )
    return uri, verb, reference, code, refused


def write(count: int, out: BinaryIO, seed: int = 1) -> None:
    """Write ``count`` lines."""
    block: list[str] = []
    for line in lines_of(count, seed):
        block.append(line)
        if len(block) == 10_000:
            out.write(("\n".join(block) + "\n").encode())
            block.clear()
    if block:
        out.write(("\n".join(block) + "\n").encode())


def main() -> None:
    """Write to standard output."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.trail")
    parser.add_argument("--lines", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    write(chosen.lines, sys.stdout.buffer, chosen.seed)


if __name__ == "__main__":
    main()
