"""Objects of many kinds for a real API server, each by the path of its collection."""

from typing import Any

_LABELS = {"app": "web", "<&>": "x"}
_POD: dict[str, Any] = {
    "metadata": {"labels": {"app": "web"}},
    "spec": {
        "containers": [
            {
                "name": "c",
                "image": "image",
                "command": ["sh", "-c", "echo '<&>\u2028'"],
                "env": [
                    {"name": "A", "value": "b"},
                    {"name": "S", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}},
                    {"name": "F", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
                ],
                "envFrom": [{"configMapRef": {"name": "c", "optional": False}}],
                "ports": [{"containerPort": 80, "name": "http"}],
                "resources": {"limits": {"cpu": "0.5", "memory": "1024Mi"}},
                "livenessProbe": {"httpGet": {"path": "/", "port": "http"}},
                "readinessProbe": {"tcpSocket": {"port": 80}},
                "startupProbe": {"grpc": {"port": 80}},
                "lifecycle": {"preStop": {"sleep": {"seconds": 1}}},
                "securityContext": {"runAsUser": 0, "capabilities": {"drop": ["ALL"]}},
                "volumeMounts": [{"name": "v", "mountPath": "/v", "readOnly": True}],
            }
        ],
        "volumes": [
            {"name": "v", "emptyDir": {"sizeLimit": "1.5Gi"}},
            {"name": "s", "secret": {"secretName": "s", "defaultMode": 0o400}},
            {
                "name": "p",
                "projected": {
                    "sources": [
                        {"configMap": {"name": "c"}},
                        {"downwardAPI": {"items": []}},
                    ]
                },
            },
        ],
        "tolerations": [{"operator": "Exists", "tolerationSeconds": 0, "effect": "NoExecute"}],
        "affinity": {
            "podAntiAffinity": {
                "requiredDuringSchedulingIgnoredDuringExecution": [
                    {"topologyKey": "zone", "labelSelector": {"matchLabels": {"app": "web"}}}
                ]
            }
        },
        "securityContext": {"supplementalGroups": [1, 2], "sysctls": []},
        "terminationGracePeriodSeconds": 30,
    },
}
_SELECTED = {"selector": {"matchLabels": {"app": "web"}}, "template": _POD}
_SCHEMA = {
    "type": "object",
    "properties": {
        "a": {"type": "number", "minimum": 0.5, "maximum": 1e21},
        "f": {"type": "string", "default": "<x"},
        "b": {
            "x-kubernetes-int-or-string": True,
            "anyOf": [{"type": "integer"}, {"type": "string"}],
        },
        "c": {"type": "array", "items": {"type": "string"}, "x-kubernetes-list-type": "set"},
        "d": {"type": "object", "additionalProperties": {"type": "string", "enum": ["<", "x"]}},
        "e": {"type": "object", "x-kubernetes-preserve-unknown-fields": True, "nullable": True},
    },
}
_REFERENCE = {"group": "g.example.com", "names": {"plural": "foos", "kind": "Foo"}}
_WEBHOOK = {
    "name": "a.example.com",
    "clientConfig": {"url": "https://127.0.0.1:1/", "caBundle": ""},
    "rules": [
        {
            "apiGroups": ["none"],
            "apiVersions": ["v1"],
            "operations": ["CREATE"],
            "resources": ["nones"],
        }
    ],
    "sideEffects": "None",
    "admissionReviewVersions": ["v1"],
    "failurePolicy": "Ignore",
}

OBJECTS: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("/api/v1/namespaces/d/configmaps", "ConfigMap", {"data": {"b": "<&>\u2028\x7f", "a": ""}, "binaryData": {"k": "/w=="}, "immutable": False}),
    ("/api/v1/namespaces/d/secrets", "Secret", {"stringData": {"k": "v"}, "type": "Opaque"}),
    ("/api/v1/namespaces/d/pods", "Pod", _POD),
    ("/api/v1/namespaces/d/podtemplates", "PodTemplate", {"template": {**_POD, "metadata": {"labels": {"a": "b"}}}}),
    ("/api/v1/namespaces/d/services", "Service", {"spec": {"ports": [{"port": 80, "targetPort": "http"}], "selector": {"app": "web"}}}),
    ("/api/v1/namespaces/d/serviceaccounts", "ServiceAccount", {"automountServiceAccountToken": False}),
    ("/api/v1/namespaces/d/limitranges", "LimitRange", {"spec": {"limits": [{"type": "Pod", "max": {"cpu": "4000m"}}]}}),
    ("/api/v1/namespaces/d/resourcequotas", "ResourceQuota", {"spec": {"hard": {"pods": "10", "requests.cpu": "1.5"}}}),
    ("/api/v1/namespaces/d/replicationcontrollers", "ReplicationController", {"spec": {"replicas": 0, "template": _POD}}),
    ("/api/v1/namespaces/d/persistentvolumeclaims", "PersistentVolumeClaim", {"spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1e9"}}}}),
    ("/api/v1/persistentvolumes", "PersistentVolume", {"spec": {"capacity": {"storage": "1Ti"}, "accessModes": ["ReadOnlyMany"], "csi": {"driver": "d", "volumeHandle": "h"}}}),
    ("/api/v1/namespaces/d/endpoints", "Endpoints", {"subsets": [{"addresses": [{"ip": "10.1.1.1"}], "ports": [{"port": 1}]}]}),
    ("/api/v1/namespaces/d/events", "Event", {"involvedObject": {"namespace": "d"}, "reason": "r", "eventTime": "2026-01-01T00:00:00.123456Z", "action": "a", "reportingComponent": "c.example.com/c", "reportingInstance": "i", "type": "Normal"}),
    ("/api/v1/nodes", "Node", {"spec": {"taints": [{"key": "k", "effect": "NoSchedule"}]}}),
    ("/apis/apps/v1/namespaces/d/deployments", "Deployment", {"spec": {**_SELECTED, "strategy": {"rollingUpdate": {"maxSurge": "25%", "maxUnavailable": 0}}}}),
    ("/apis/apps/v1/namespaces/d/daemonsets", "DaemonSet", {"spec": _SELECTED}),
    ("/apis/apps/v1/namespaces/d/statefulsets", "StatefulSet", {"spec": {**_SELECTED, "serviceName": "s"}}),
    ("/apis/apps/v1/namespaces/d/replicasets", "ReplicaSet", {"spec": _SELECTED}),
    ("/apis/apps/v1/namespaces/d/controllerrevisions", "ControllerRevision", {"revision": 3, "data": {"b": 1.0, "a": [None, "<"]}}),
    ("/apis/batch/v1/namespaces/d/jobs", "Job", {"spec": {"template": {"spec": {**_POD["spec"], "restartPolicy": "Never"}}, "suspend": True}}),
    ("/apis/batch/v1/namespaces/d/cronjobs", "CronJob", {"spec": {"schedule": "* * * * *", "jobTemplate": {"spec": {"template": {"spec": {**_POD["spec"], "restartPolicy": "Never"}}}}}}),
    ("/apis/autoscaling/v2/namespaces/d/horizontalpodautoscalers", "HorizontalPodAutoscaler", {"spec": {"scaleTargetRef": {"kind": "Deployment", "name": "x", "apiVersion": "apps/v1"}, "maxReplicas": 2}}),
    ("/apis/policy/v1/namespaces/d/poddisruptionbudgets", "PodDisruptionBudget", {"spec": {"minAvailable": "50%", "selector": {}}}),
    ("/apis/networking.k8s.io/v1/namespaces/d/ingresses", "Ingress", {"spec": {"rules": [{"host": "h", "http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": {"service": {"name": "s", "port": {"number": 1}}}}]}}]}}),
    ("/apis/networking.k8s.io/v1/ingressclasses", "IngressClass", {"spec": {"controller": "a.b/c", "parameters": {"kind": "k", "name": "n"}}}),
    ("/apis/networking.k8s.io/v1/namespaces/d/networkpolicies", "NetworkPolicy", {"spec": {"podSelector": {}, "ingress": [{}], "policyTypes": ["Ingress"]}}),
    ("/apis/discovery.k8s.io/v1/namespaces/d/endpointslices", "EndpointSlice", {"addressType": "IPv4", "endpoints": [{"addresses": ["10.1.1.1"], "conditions": {"ready": False}}], "ports": [{"port": None}]}),
    ("/apis/rbac.authorization.k8s.io/v1/namespaces/d/roles", "Role", {"rules": [{"verbs": ["get"], "apiGroups": [""], "resources": ["pods"]}]}),
    ("/apis/rbac.authorization.k8s.io/v1/namespaces/d/rolebindings", "RoleBinding", {"roleRef": {"kind": "Role", "name": "x", "apiGroup": "rbac.authorization.k8s.io"}}),
    ("/apis/coordination.k8s.io/v1/namespaces/d/leases", "Lease", {"spec": {"holderIdentity": "h", "leaseDurationSeconds": 1, "renewTime": "2026-01-01T00:00:00.000001Z"}}),
    ("/apis/storage.k8s.io/v1/storageclasses", "StorageClass", {"provisioner": "p", "parameters": {"a": "b"}}),
    ("/apis/storage.k8s.io/v1/csidrivers", "CSIDriver", {"spec": {"attachRequired": False}}),
    ("/apis/storage.k8s.io/v1/csinodes", "CSINode", {"spec": {"drivers": []}}),
    ("/apis/storage.k8s.io/v1/volumeattachments", "VolumeAttachment", {"spec": {"attacher": "a", "nodeName": "n", "source": {"persistentVolumeName": "p"}}}),
    ("/apis/scheduling.k8s.io/v1/priorityclasses", "PriorityClass", {"value": -5}),
    ("/apis/node.k8s.io/v1/runtimeclasses", "RuntimeClass", {"handler": "h", "overhead": {"podFixed": {"cpu": "1"}}}),
    ("/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations", "ValidatingWebhookConfiguration", {"webhooks": [_WEBHOOK]}),
    ("/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations", "MutatingWebhookConfiguration", {"webhooks": [_WEBHOOK]}),
    ("/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies", "ValidatingAdmissionPolicy", {"spec": {"matchConstraints": {"resourceRules": _WEBHOOK["rules"]}, "validations": [{"expression": "1 < 2 && true"}]}}),
    ("/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings", "ValidatingAdmissionPolicyBinding", {"spec": {"policyName": "p", "validationActions": ["Audit"]}}),
    ("/apis/flowcontrol.apiserver.k8s.io/v1/prioritylevelconfigurations", "PriorityLevelConfiguration", {"spec": {"type": "Limited", "limited": {"nominalConcurrencyShares": 0, "limitResponse": {"type": "Reject"}}}}),
    ("/apis/apiextensions.k8s.io/v1/customresourcedefinitions", "CustomResourceDefinition", {"metadata": {"name": "foos.g.example.com"}, "spec": {**_REFERENCE, "scope": "Namespaced", "versions": [{"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": _SCHEMA}, "subresources": {"status": {}}}]}}),
    ("/apis/apiregistration.k8s.io/v1/apiservices", "APIService", {"metadata": {"name": "v1.h.example.com"}, "spec": {"group": "h.example.com", "version": "v1", "groupPriorityMinimum": 1, "versionPriority": 1, "service": {"name": "s", "namespace": "d"}}}),
    ("/apis/resource.k8s.io/v1/deviceclasses", "DeviceClass", {"spec": {"selectors": [{"cel": {"expression": "true"}}], "config": [{"opaque": {"driver": "d.example.com", "parameters": {"a": 1}}}]}}),
)  # fmt: skip
"""Path, kind and what is in the object besides kind, apiVersion and name."""
