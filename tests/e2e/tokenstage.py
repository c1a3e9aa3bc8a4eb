"""A control plane and the proxy before it, asked with tokens."""

import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.e2e.cluster import Cluster
from tests.e2e.comparing import kubectl, normal
from tests.kubectl import kubectl_binaries

ISSUER = "https://kubernetes.default.svc"
SETUP = """\
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: dev}
rules:
- {apiGroups: [""], resources: [secrets, configmaps], verbs: [get, list, create, delete]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: dev}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: dev}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: Group, name: dev}]
---
apiVersion: v1
kind: Secret
metadata: {name: bootstrap-token-abcdef, namespace: kube-system}
type: bootstrap.kubernetes.io/token
stringData:
  token-id: abcdef
  token-secret: 0123456789abcdef
  usage-bootstrap-authentication: "true"
  auth-extra-groups: "system:bootstrappers:z,system:bootstrappers:a"
"""


@dataclass(frozen=True)
class Stage:
    """The API server, the proxy before it, and kubectl's folder."""

    cluster: Cluster
    url: str
    folder: Path

    def run(
        self, command: str, token: str, stdin: str = "", *, proxied: bool
    ) -> tuple[int, str, str]:
        """One command with a token; the texts without what differs anyway."""
        url = self.url if proxied else self.cluster.url
        name = f"{'proxied' if proxied else 'direct'}-{token.partition('.')[0][:20]}"
        config = self.cluster.kubeconfig(name, token=token, url=url)
        word = "proxied" if proxied else "direct"
        code, out, err = kubectl(
            kubectl_binaries()[0], config, command.replace("NS", word), stdin, self.folder
        )
        return code, normal(out, word, url), normal(err, word, url)

    def until_refused(self, token: str) -> None:
        """Ask through the proxy until the token is refused."""
        deadline = time.monotonic() + 60
        while self.run("get --raw /api", token, proxied=True)[0] == 0:
            assert time.monotonic() < deadline, "the token is still good"


def events(stage: Stage) -> list[dict[str, Any]]:
    """The proxy's events so far."""
    text = (stage.cluster.folder / "proxy-audit.log").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]
