"""The fixed objects that a run needs: who may do what, custom resources, and what refuses requests."""

from base64 import b64encode
from pathlib import Path
from typing import Any

from tests.differential.resources import CUSTOM
from tests.e2e.cluster import ADMIN_TOKEN

QUOTA, LIMITS, RESTRICTED, GUARDED, ENDING = "quota", "limits", "restricted", "guarded", "ending"
"""Namespaces with a quota, a LimitRange, Pod Security, a PodDisruptionBudget; one that is being deleted."""

ADMIN, IMPERSONATOR, EDITOR, VIEWER, NOBODY = "admin", "impersonator", "editor", "viewer", "nobody"
HALF = "half"
"""May act as jane, but not as others; never does, so that no server remembers how it succeeded."""
USERS = {
    ADMIN: ("tadmin", "system:masters"),
    IMPERSONATOR: ("imp", "impersonators"),
    EDITOR: ("ed", "editors"),
    VIEWER: ("vi", "viewers,odd/grp"),
    NOBODY: ("no one", "nothings"),
    HALF: ("ha", "halves"),
}
"""Credential: name and groups. ``alice`` has a certificate."""
TOKENS = {name: f"token-of-{name}" for name in USERS} | {ADMIN: ADMIN_TOKEN}
TOKEN_FILE = "".join(
    f'{TOKENS[name]},{user},uid-{index},"{groups}"\n'
    for index, (name, (user, groups)) in enumerate(USERS.items())
)


def _object(api_version: str, kind: str, name: str, **rest: Any) -> dict[str, Any]:
    metadata = {"name": name, **rest.pop("metadata", {})}
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata, **rest}


def _role(name: str, subject: dict[str, str], rules: list[dict[str, Any]]) -> list[tuple[str, Any]]:
    rbac = "rbac.authorization.k8s.io"
    path = f"/apis/{rbac}/v1/"
    return [
        (path + "clusterroles", _object(f"{rbac}/v1", "ClusterRole", name, rules=rules)),
        (
            path + "clusterrolebindings",
            _object(
                f"{rbac}/v1",
                "ClusterRoleBinding",
                name,
                roleRef={"apiGroup": rbac, "kind": "ClusterRole", "name": name},
                subjects=[{"apiGroup": rbac, **subject}],
            ),
        ),
    ]


def _rights() -> list[tuple[str, Any]]:
    """Each user's rights come from one rule, so that the authorizer can name only that one."""
    every = {"apiGroups": ["*"], "resources": ["*"]}
    editing = [
        {
            "apiGroups": ["", "apps", "batch", CUSTOM, "policy"],
            "resources": ["*"],
            "verbs": ["get", "list", "watch", "create", "update", "patch", "delete"],
        }
    ]
    impersonating = [
        {
            "apiGroups": [""],
            "resources": ["users"],
            "resourceNames": ["jane", "system:node:n1"],
            "verbs": ["impersonate"],
        },
        {
            "apiGroups": [""],
            "resources": ["groups"],
            "resourceNames": ["dev", "viewers"],
            "verbs": ["impersonate"],
        },
        {"apiGroups": [""], "resources": ["serviceaccounts"], "verbs": ["impersonate"]},
        {
            "apiGroups": ["authentication.k8s.io"],
            "resources": ["userextras/scopes", "uids"],
            "verbs": ["impersonate"],
        },
    ]
    return [
        *_role("d-editors", {"kind": "Group", "name": "editors"}, editing),
        *_role(
            "d-viewers",
            {"kind": "Group", "name": "viewers"},
            [{**every, "verbs": ["get", "list", "watch"]}],
        ),
        *_role("d-impersonators", {"kind": "Group", "name": "impersonators"}, impersonating),
        *_role("d-halves", {"kind": "Group", "name": "halves"}, impersonating),
        *_role("d-jane", {"kind": "User", "name": "jane"}, editing),
        *_role(
            "d-alice",
            {"kind": "User", "name": "alice"},
            [{**every, "verbs": ["get", "patch"]}],
        ),
    ]


def _schema(properties: dict[str, Any], **more: Any) -> dict[str, Any]:
    spec = {"type": "object", "properties": properties, **more}
    status = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    return {"openAPIV3Schema": {"type": "object", "properties": {"spec": spec, "status": status}}}


def _version(
    name: str, schema: dict[str, Any], *, storage: bool = False, **more: Any
) -> dict[str, Any]:
    return {"name": name, "served": True, "storage": storage, "schema": schema, **more}


def _custom(plural: str, kind: str, versions: list[dict[str, Any]], **more: Any) -> tuple[str, Any]:
    spec = {
        "group": CUSTOM,
        "names": {
            "plural": plural,
            "kind": kind,
            "shortNames": [plural[:2]],
            "categories": ["all"],
        },
        "scope": "Namespaced",
        "versions": versions,
        **more,
    }
    return (
        "/apis/apiextensions.k8s.io/v1/customresourcedefinitions",
        _object(
            "apiextensions.k8s.io/v1", "CustomResourceDefinition", f"{plural}.{CUSTOM}", spec=spec
        ),
    )


def _customs(hooks: str, ca: str) -> list[tuple[str, Any]]:
    size = {"type": "integer", "minimum": 0, "maximum": 10, "default": 1}
    colour = {"type": "string", "enum": ["red", "green", "blue"]}
    scale = {
        "specReplicasPath": ".spec.replicas",
        "statusReplicasPath": ".status.replicas",
        "labelSelectorPath": ".status.selector",
    }
    anything = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    widget = {
        "size": size,
        "colour": colour,
        "replicas": {"type": "integer"},
        "open": anything,
        "list": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "name": {"type": "string"},
                    "port": {"x-kubernetes-int-or-string": True},
                },
                "required": ["name"],
            },
            "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["name"],
        },
    }
    rules = [
        {
            "rule": "self.size != 7",
            "message": "seven is not valid for this resource",
            "reason": "FieldValueForbidden",
        }
    ]
    return [
        _custom(
            "widgets",
            "Widget",
            [
                _version(
                    "v1",
                    _schema(widget, **{"x-kubernetes-validations": rules}),
                    storage=True,
                    subresources={"status": {}, "scale": scale},
                    additionalPrinterColumns=[
                        {"name": "Size", "type": "integer", "jsonPath": ".spec.size"}
                    ],
                    selectableFields=[{"jsonPath": ".spec.colour"}],
                ),
                _version(
                    "v2",
                    _schema({**widget, "ratio": {"type": "number"}}),
                    subresources={"status": {}, "scale": scale},
                ),
            ],
        ),
        _custom(
            "gadgets",
            "Gadget",
            [
                _version(
                    "v1",
                    _schema(
                        {"host": {"type": "string"}, "port": {"type": "string"}, "any": anything}
                    ),
                    storage=True,
                    subresources={"status": {}},
                ),
                _version(
                    "v1beta1",
                    _schema({"hostPort": {"type": "string"}, "any": anything}),
                    subresources={"status": {}},
                ),
            ],
            conversion={
                "strategy": "Webhook",
                "webhook": {
                    "conversionReviewVersions": ["v1"],
                    "clientConfig": {"url": f"{hooks}/convert", "caBundle": ca},
                },
            },
        ),
        _custom(
            "planets",
            "Planet",
            [
                _version(
                    "v1",
                    {
                        "openAPIV3Schema": {
                            "type": "object",
                            "x-kubernetes-preserve-unknown-fields": True,
                        }
                    },
                    storage=True,
                ),
                _version(
                    "v1alpha1",
                    _schema({"mass": {"type": "number"}}),
                    deprecated=True,
                    deprecationWarning="planets are old",
                ),
                _version("v1alpha2", _schema({"mass": {"type": "number"}}), deprecated=True),
            ],
            scope="Cluster",
        ),
    ]


_ALL = [
    {
        "apiGroups": ["*"],
        "apiVersions": ["*"],
        "operations": ["CREATE", "UPDATE", "DELETE"],
        "resources": ["*/*"],
    }
]
ADMISSION = "admissionregistration.k8s.io/v1"


def _hook(kind: str, name: str, url: str, ca: str, label: str, failure: str) -> dict[str, Any]:
    return {
        "name": f"{name}.example.com",
        "clientConfig": {"url": url, "caBundle": ca},
        "rules": _ALL,
        "objectSelector": {"matchLabels": {"hook": label}},
        "sideEffects": "None",
        "admissionReviewVersions": ["v1"],
        "failurePolicy": failure,
        "timeoutSeconds": 2,
        "matchPolicy": "Equivalent",
    }


def _webhooks(hooks: str, ca: str) -> list[tuple[str, Any]]:
    nowhere = "https://127.0.0.1:1/validate"
    return [
        (
            f"/apis/{ADMISSION}/validatingwebhookconfigurations",
            _object(
                ADMISSION,
                "ValidatingWebhookConfiguration",
                "d-hooks",
                webhooks=[
                    _hook("v", "judge", f"{hooks}/validate", ca, "judge", "Fail"),
                    _hook("v", "gone", nowhere, ca, "gone", "Fail"),
                    _hook("v", "ignored", nowhere, ca, "ignored", "Ignore"),
                ],
            ),
        ),
        (
            f"/apis/{ADMISSION}/mutatingwebhookconfigurations",
            _object(
                ADMISSION,
                "MutatingWebhookConfiguration",
                "d-hooks",
                webhooks=[_hook("m", "change", f"{hooks}/mutate", ca, "change", "Fail")],
            ),
        ),
    ]


DENIALS = {"n": "", "f": "Forbidden", "i": "Invalid", "e": "RequestEntityTooLarge"}
"""Values of the label ``deny``, and the reason that the policy then gives."""


def _policies() -> list[tuple[str, Any]]:
    rules = {"resourceRules": [{**_ALL[0], "operations": ["CREATE", "UPDATE"]}]}
    label = "(has(object.metadata) && has(object.metadata.labels) && '{0}' in object.metadata.labels ? object.metadata.labels['{0}'] : '')"
    deny = label.format("deny")
    note = "('x is not valid for this resource; ed cannot create pods: ' + (has(object.metadata) && has(object.metadata.name) ? object.metadata.name : ''))"
    validations = [
        {"expression": f"{deny} != '{value}'", "messageExpression": note}
        | ({"reason": reason} if reason else {})
        for value, reason in DENIALS.items()
    ]
    warn = [{"expression": f"{label.format('warn')} == ''", "message": "warned"}]
    path = f"/apis/{ADMISSION}/validatingadmissionpolic"
    found = []
    for name, checks, actions in (
        ("d-deny", validations, ["Deny"]),
        ("d-warn", warn, ["Warn", "Audit"]),
    ):
        spec = {
            "matchConstraints": rules,
            "validations": checks,
            "failurePolicy": "Fail",
            "auditAnnotations": [{"key": "seen", "valueExpression": "'yes'"}]
            if name == "d-warn"
            else None,
        }
        found.append(
            (path + "ies", _object(ADMISSION, "ValidatingAdmissionPolicy", name, spec=spec))
        )
        binding: dict[str, Any] = {"policyName": name, "validationActions": actions}
        if name == "d-warn":
            # Each of its events carries an annotation of the policy; few will do.
            binding["matchResources"] = {
                "objectSelector": {"matchExpressions": [{"key": "warn", "operator": "Exists"}]}
            }
        found.append(
            (
                path + "ybindings",
                _object(ADMISSION, "ValidatingAdmissionPolicyBinding", name, spec=binding),
            )
        )
    mutation = {
        "matchConstraints": {**rules, "objectSelector": {"matchLabels": {"change": "policy"}}},
        "reinvocationPolicy": "Never",
        "mutations": [
            {
                "patchType": "JSONPatch",
                "jsonPatch": {
                    "expression": "[JSONPatch{op: 'add', path: '/metadata/labels/changed', value: 'yes'}]"
                },
            }
        ],
    }
    path = f"/apis/{ADMISSION}/mutatingadmissionpolic"
    found.append(
        (path + "ies", _object(ADMISSION, "MutatingAdmissionPolicy", "d-change", spec=mutation))
    )
    found.append(
        (
            path + "ybindings",
            _object(
                ADMISSION,
                "MutatingAdmissionPolicyBinding",
                "d-change",
                spec={"policyName": "d-change"},
            ),
        )
    )
    return found


def objects(hooks: str, ca: Path, namespaces: list[str]) -> list[tuple[str, Any]]:
    """Collection and object, in the order in which they can be made.

    ``hooks`` is the URL of the webhooks' server, whose authority is ``ca``.
    """
    bundle = b64encode(ca.read_bytes()).decode()
    found: list[tuple[str, Any]] = []
    for name in (*namespaces, QUOTA, LIMITS, RESTRICTED, GUARDED, ENDING):
        labels = (
            {
                "pod-security.kubernetes.io/enforce": "restricted",
                "pod-security.kubernetes.io/warn": "restricted",
            }
            if name == RESTRICTED
            else {}
        )
        spec = {"finalizers": ["example.com/never"]} if name == ENDING else {}
        found.append(
            (
                "/api/v1/namespaces",
                _object("v1", "Namespace", name, metadata={"labels": labels}, spec=spec),
            )
        )
    found += [*_rights(), *_customs(hooks, bundle), *_webhooks(hooks, bundle), *_policies()]
    limits = [{"type": "Container", "max": {"cpu": "1500m"}, "default": {"cpu": "0.5"}}]
    found += [
        (
            f"/api/v1/namespaces/{LIMITS}/limitranges",
            _object("v1", "LimitRange", "l", spec={"limits": limits}),
        ),
        (
            f"/api/v1/namespaces/{QUOTA}/resourcequotas",
            _object("v1", "ResourceQuota", "q", spec={"hard": HARD}),
        ),
        (
            f"/apis/policy/v1/namespaces/{GUARDED}/poddisruptionbudgets",
            _object("policy/v1", "PodDisruptionBudget", "p", spec=_BUDGET),
        ),
    ]
    containers = {"containers": [{"name": "c", "image": "i"}]}
    found += [
        (
            f"/api/v1/namespaces/{GUARDED}/pods",
            _object("v1", "Pod", name, metadata={"labels": {"app": "web"}}, spec=containers),
        )
        for name in GUARDED_PODS
    ]
    return found


HARD = {"configmaps": "2", "pods": "1", "count/secrets": "1"}
_BUDGET = {"minAvailable": 3, "selector": {"matchLabels": {"app": "web"}}}
GUARDED_PODS = ("p0", "p1", "p2")

STATUSES: tuple[tuple[str, Any], ...] = (
    (
        f"/api/v1/namespaces/{QUOTA}/resourcequotas/q/status",
        {"status": {"hard": HARD, "used": dict.fromkeys(HARD, "0")}},
    ),
    (
        f"/apis/policy/v1/namespaces/{GUARDED}/poddisruptionbudgets/p/status",
        {
            "status": {
                "observedGeneration": 1,
                "disruptionsAllowed": 0,
                "currentHealthy": 3,
                "desiredHealthy": 3,
                "expectedPods": 3,
            }
        },
    ),
    *(
        (
            f"/api/v1/namespaces/{GUARDED}/pods/{name}/status",
            {"status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}},
        )
        for name in GUARDED_PODS
    ),
)
"""Merge patches that stand for what controllers and kubelets would write."""
