"""The resource types that requests are about, each with an object that validates."""

from copy import deepcopy
from dataclasses import dataclass, field
from random import Random
from typing import Any

from tests.e2e.objects import OBJECTS

CUSTOM = "d.example.com"
"""The group of the custom resources that the rig defines."""


@dataclass(frozen=True)
class Resource:
    """One resource type in one version; ``base`` is an object without kind and metadata."""

    prefix: str
    plural: str
    kind: str
    namespaced: bool
    base: dict[str, Any] = field(default_factory=dict, hash=False, compare=False)
    subresources: tuple[str, ...] = ()
    weight: float = 1.0
    suffix: str = ""
    """What an object's name must end in."""

    @property
    def api_version(self) -> str:
        """As objects name it."""
        return self.prefix.removeprefix("/apis/").removeprefix("/api/")

    @property
    def group(self) -> str:
        """Empty for the core group."""
        return self.api_version.rpartition("/")[0]

    def path(self, namespace: str, name: str = "", subresource: str = "") -> str:
        """Where a collection, an object or a part of it lies; no namespace means all of them."""
        where = f"/namespaces/{namespace}" if self.namespaced and namespace else ""
        path = f"{self.prefix}{where}/{self.plural}"
        path += f"/{name}" if name else ""
        return path + (f"/{subresource}" if subresource else "")

    def minimal(self) -> dict[str, Any]:
        """A fresh object that validates, without a name."""
        return {"apiVersion": self.api_version, "kind": self.kind, **deepcopy(self.base)}


_SUBRESOURCES = {
    "pods": (
        "status",
        "ephemeralcontainers",
        "resize",
        "eviction",
        "binding",
        "log",
        "exec",
        "attach",
        "portforward",
        "proxy",
    ),
    "deployments": ("status", "scale"),
    "replicasets": ("status", "scale"),
    "statefulsets": ("status", "scale"),
    "replicationcontrollers": ("status", "scale"),
    "services": ("status", "proxy"),
    "serviceaccounts": ("token",),
    "nodes": ("status", "proxy"),
    "namespaces": ("status", "finalize"),
    "certificatesigningrequests": ("status", "approval"),
    "customresourcedefinitions": ("status",),
    "widgets": ("status", "scale"),
    "gadgets": ("status",),
}
for _plural in [
    "daemonsets",
    "jobs",
    "cronjobs",
    "ingresses",
    "poddisruptionbudgets",
    "horizontalpodautoscalers",
    "resourcequotas",
    "persistentvolumes",
    "persistentvolumeclaims",
    "apiservices",
    "flowschemas",
    "prioritylevelconfigurations",
    "volumeattachments",
    "validatingadmissionpolicies",
    "resourceclaims",
    "servicecidrs",
]:
    _SUBRESOURCES[_plural] = ("status",)

_WEIGHTS = {
    "pods": 5,
    "configmaps": 4,
    "secrets": 3,
    "deployments": 3,
    "services": 2,
    "widgets": 4,
    "gadgets": 4,
    # Each makes the server build its documents anew.
    "customresourcedefinitions": 0.1,
    "apiservices": 0.1,
    "validatingadmissionpolicies": 0.4,
    "validatingadmissionpolicybindings": 0.3,
    "validatingwebhookconfigurations": 0.3,
    "mutatingwebhookconfigurations": 0.3,
    "prioritylevelconfigurations": 0.2,
    "flowschemas": 0.3,
    "namespaces": 0.7,
    "servicecidrs": 0.3,
}
_RARE = {f"{CUSTOM}/v1alpha1": 0.03}
_RULES = [{"verbs": ["get", "list"], "apiGroups": ["", "apps"], "resources": ["pods", "*"]}]
_POD_SPEC = {"containers": [{"name": "c", "image": "example.com/i:1"}]}
_CSR = (
    "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURSBSRVFVRVNULS0tLS0KTUlIS01ISUNBUUF3RURFT01Bd0dBMVVFQXd3RlkyRn"
    "liMnd3V1RBVEJnY3Foa2pPUFFJQkJnZ3Foa2pPUFFNQgpCd05DQUFUTDVhbC9xRmVCKzh4T2Q0Qm5vNTlqS0tJMmJm"
    "SGtTM0xjaENEb1pzOXRoVFNpU1NIaGxKVzRvczhaCmNZbXB4MSt6OGQ1WG9TZ1kvUUt6cFV3Rk5qeTdvQUF3Q2dZSU"
    "tvWkl6ajBFQXdJRFNBQXdSUUlnSHhzRWwrL2sKYWhoMGw0SnJwUHIrbGhIeFhYNndOb2x0Mk8xckVkY1dFb0FDSVFD"
    "VjdnVWJqZVdRUzlMSm1Ea2kwMTNya1FCOQpiMmZZcXpQV2NBWTk5MUJLV3c9PQotLS0tLUVORCBDRVJUSUZJQ0FURS"
    "BSRVFVRVNULS0tLS0K"
)
"""A certificate request for carol, in base64 of its PEM."""

_MORE: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("/api/v1/namespaces", "Namespace", {}),
    ("/apis/rbac.authorization.k8s.io/v1/clusterroles", "ClusterRole", {"rules": _RULES}),
    (
        "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings",
        "ClusterRoleBinding",
        {
            "roleRef": {
                "apiGroup": "rbac.authorization.k8s.io",
                "kind": "ClusterRole",
                "name": "view",
            },
            "subjects": [{"kind": "User", "name": "carol"}],
        },
    ),
    (
        "/apis/flowcontrol.apiserver.k8s.io/v1/flowschemas",
        "FlowSchema",
        {"spec": {"priorityLevelConfiguration": {"name": "none"}, "matchingPrecedence": 9999}},
    ),
    (
        "/apis/storage.k8s.io/v1/namespaces/d/csistoragecapacities",
        "CSIStorageCapacity",
        {"storageClassName": "s", "capacity": "1Gi", "nodeTopology": {"matchLabels": {"a": "b"}}},
    ),
    (
        "/apis/certificates.k8s.io/v1/certificatesigningrequests",
        "CertificateSigningRequest",
        {
            "spec": {
                "request": _CSR,
                "signerName": "example.com/signer",
                "usages": ["client auth"],
            }
        },
    ),
    (
        "/apis/events.k8s.io/v1/namespaces/d/events",
        "Event",
        {
            "eventTime": "2026-01-01T00:00:00.123456Z",
            "reason": "r",
            "action": "a",
            "type": "Normal",
            "reportingController": "example.com/c",
            "reportingInstance": "i",
            "regarding": {"kind": "Pod", "namespace": "d", "name": "p"},
        },
    ),
    (
        "/apis/autoscaling/v1/namespaces/d/horizontalpodautoscalers",
        "HorizontalPodAutoscaler",
        {"spec": {"scaleTargetRef": {"kind": "Deployment", "name": "x"}, "maxReplicas": 3}},
    ),
    (
        "/apis/resource.k8s.io/v1/namespaces/d/resourceclaims",
        "ResourceClaim",
        {"spec": {"devices": {"requests": [{"name": "r", "exactly": {"deviceClassName": "c"}}]}}},
    ),
    (
        "/apis/resource.k8s.io/v1/namespaces/d/resourceclaimtemplates",
        "ResourceClaimTemplate",
        {
            "spec": {
                "spec": {
                    "devices": {"requests": [{"name": "r", "exactly": {"deviceClassName": "c"}}]}
                }
            }
        },
    ),
    (
        "/apis/resource.k8s.io/v1/resourceslices",
        "ResourceSlice",
        {
            "spec": {
                "driver": "d.example.com",
                "nodeName": "n",
                "pool": {"name": "p", "generation": 0, "resourceSliceCount": 1},
                "devices": [{"name": "d", "capacity": {"memory": {"value": "2048Mi"}}}],
            }
        },
    ),
    (
        "/apis/networking.k8s.io/v1/servicecidrs",
        "ServiceCIDR",
        {"spec": {"cidrs": ["10.9.0.0/24"]}},
    ),
    (
        "/apis/storage.k8s.io/v1/volumeattributesclasses",
        "VolumeAttributesClass",
        {"driverName": "d", "parameters": {"a": "b"}},
    ),
    (
        f"/apis/{CUSTOM}/v1/namespaces/d/widgets",
        "Widget",
        {"spec": {"size": 3, "colour": "red", "replicas": 2, "open": {"x": [1, 2.5, None]}}},
    ),
    (
        f"/apis/{CUSTOM}/v2/namespaces/d/widgets",
        "Widget",
        {"spec": {"size": 4, "colour": "green", "ratio": 0.5}},
    ),
    (f"/apis/{CUSTOM}/v1/namespaces/d/gadgets", "Gadget", {"spec": {"host": "a", "any": {"b": 1}}}),
    (f"/apis/{CUSTOM}/v1beta1/namespaces/d/gadgets", "Gadget", {"spec": {"hostPort": "a:1"}}),
    (f"/apis/{CUSTOM}/v1/planets", "Planet", {"spec": {"mass": 1e24}}),
    (f"/apis/{CUSTOM}/v1alpha1/planets", "Planet", {"spec": {"mass": 1}}),
    (f"/apis/{CUSTOM}/v1alpha2/planets", "Planet", {"spec": {"mass": 2.5}}),
)


def _resource(path: str, kind: str, base: dict[str, Any]) -> Resource:
    parts = path.split("/")
    split = 3 if parts[1] == "api" else 4
    plural = parts[-1]
    suffix = {"CustomResourceDefinition": "s.g.example.com", "APIService": ".h.example.com"}
    return Resource(
        prefix="/".join(parts[:split]),
        plural=plural,
        kind=kind,
        namespaced=parts[split] == "namespaces" and len(parts) > split + 1,
        base={key: value for key, value in base.items() if key != "metadata"},
        subresources=_SUBRESOURCES.get(plural, ()),
        weight=_WEIGHTS.get(plural, 1),
        suffix=suffix.get(kind, ""),
    )


def _base(kind: str, rest: dict[str, Any]) -> dict[str, Any]:
    """Objects of the other tests, where they carry what only these need."""
    if kind == "Pod":
        return {"spec": rest["spec"]}
    return rest


RESOURCES: tuple[Resource, ...] = tuple(
    _resource(path, kind, _base(kind, rest)) for path, kind, rest in (*OBJECTS, *_MORE)
)
BY_PATH = {(resource.prefix, resource.plural): resource for resource in RESOURCES}
BY_NAME = {(resource.group, resource.plural): resource for resource in RESOURCES}
_WEIGHTED = [resource.weight * _RARE.get(resource.api_version, 1) for resource in RESOURCES]


def any_resource(chance: Random) -> Resource:
    """One of them; those that tell more come more often."""
    return chance.choices(RESOURCES, _WEIGHTED)[0]


@dataclass(frozen=True)
class Review:
    """A type that can only be created, and has no name."""

    prefix: str
    plural: str
    kind: str
    namespaced: bool
    specs: tuple[dict[str, Any], ...]


_ATTRIBUTES = {"resourceAttributes": {"namespace": "d", "verb": "get", "resource": "pods"}}
_PATH = {"nonResourceAttributes": {"path": "/healthz", "verb": "get"}}
_AUTHORIZATION = "/apis/authorization.k8s.io/v1"
REVIEWS: tuple[Review, ...] = (
    Review(
        _AUTHORIZATION,
        "subjectaccessreviews",
        "SubjectAccessReview",
        False,
        (
            {**_ATTRIBUTES, "user": "bob", "groups": ["dev"], "extra": {"k": ["v"]}},
            {**_PATH, "user": "bob"},
            {"user": "bob"},
        ),
    ),
    Review(
        _AUTHORIZATION,
        "selfsubjectaccessreviews",
        "SelfSubjectAccessReview",
        False,
        (_ATTRIBUTES, _PATH, {}),
    ),
    Review(
        _AUTHORIZATION,
        "selfsubjectrulesreviews",
        "SelfSubjectRulesReview",
        False,
        ({"namespace": "d"}, {}),
    ),
    Review(
        _AUTHORIZATION,
        "localsubjectaccessreviews",
        "LocalSubjectAccessReview",
        True,
        (
            {
                "resourceAttributes": {"verb": "get", "resource": "pods", "namespace": "w0"},
                "user": "bob",
            },
            {"user": "x"},
        ),
    ),
    Review(
        "/apis/authentication.k8s.io/v1",
        "tokenreviews",
        "TokenReview",
        False,
        ({"token": "e2e-viewer-token"}, {"token": "nobody's"}, {}),
    ),
    Review(
        "/apis/authentication.k8s.io/v1", "selfsubjectreviews", "SelfSubjectReview", False, ({},)
    ),
)
