"""What a request did, in kubectl's words."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditproxy.reading.meaning.cells import visible
from auditproxy.reading.meaning.sentences import object_of, result, sentence, singular
from tests.fakes.trails import COMPLETE, PANIC, RECEIVED, STARTED, event, facts

SCALE: dict[str, Any] = {"requestObject": {"spec": {"replicas": 5}}}


def pod_template(spec: dict[str, Any]) -> dict[str, Any]:
    """The body of a patch of a Deployment's pods, as kubectl set sends it."""
    order = [{"name": "app"}]
    return {"spec": {"template": {"spec": {"$setElementOrder/containers": order, **spec}}}}


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (event("get", "pods", "web-1"), "read pod/web-1 -n shop"),
        (event("list", "pods"), "listed pods -n shop"),
        (event("list", "pods", namespace=""), "listed pods -A"),
        (event("list", "nodes", namespace=""), "listed nodes"),
        (
            event("list", "pods", namespace="", query="labelSelector=app%3Dweb&fieldSelector=a%3Db%20c"),
            "listed pods -A -l app=web --field-selector 'a=b c'",
        ),
        (event("watch", "secrets"), "watched secrets -n shop"),
        (event("create", "configmaps", "c"), "created configmap/c -n shop"),
        (event("update", "ingresses", "i", group="networking.k8s.io"), "replaced ingress/i -n shop"),
        (event("delete", "networkpolicies", "n"), "deleted networkpolicy/n -n shop"),
        (event("deletecollection", "pods", query="labelSelector=a"), "deleted all pods -n shop -l a"),
        (event("patch", "deployments", "web", group="apps"), "patched deployment/web -n shop"),
        (
            event("patch", "deployments", "web", group="apps", requestObject={"spec": {"replicas": 5}}),
            "patched deployment/web -n shop (replicas=5)",
        ),
        (event("patch", "secrets", "s", requestObject={"data": {"a": "hidden"}}), "patched secret/s -n shop"),
        (event("patch", "pods", "p", query="fieldManager=kubectl-edit"), "edited pod/p -n shop"),
        (
            event("patch", "deployments", "web", group="apps", query="fieldManager=kubectl-set"),
            "set a field of deployment/web -n shop",
        ),
        (
            event(
                "patch", "deployments", "web", group="apps", query="fieldManager=kubectl-set",
                requestObject=pod_template({"containers": [{"name": "app", "image": "shop:1.1"}]}),
            ),
            "set image of deployment/web -n shop (image=shop:1.1)",
        ),
        (
            event(
                "patch", "deployments", "web", group="apps", query="fieldManager=kubectl-set",
                requestObject=pod_template(
                    {"containers": [{"name": "app", "env": [{"name": "A", "value": "b"}]}]}
                ),
            ),
            "set env of deployment/web -n shop (value=b)",
        ),
        (
            event(
                "patch", "deployments", "web", group="apps", query="fieldManager=kubectl-set",
                requestObject=pod_template({"serviceAccountName": "x"}),
            ),
            "set serviceaccount of deployment/web -n shop (serviceAccountName=x)",
        ),
        (event("patch", "deployments/scale", "web", group="apps", **SCALE), "scaled deployment/web -n shop to 5"),
        (event("get", "deployments/scale", "web", group="apps"), "read scale of deployment/web -n shop"),
        (event("patch", "pods/status", "p"), "patched status of pod/p -n shop"),
        (event("get", "namespaces", "shop"), "read namespace/shop"),
        (event("get", "widgets", "w", group="example.com"), "read widget.example.com/w -n shop"),
        (
            event("get", "pods/exec", "web-1", query="command=sh&command=-c&command=id;ls&container=app"),
            "exec web-1 -n shop -c app -- sh -c",
        ),
        (
            event("get", "pods/exec", "web-1", query="command=sh&command=-c&command=id%3Bls&container=app&tty=true"),
            "exec web-1 -n shop -c app -t -- sh -c 'id;ls'",
        ),
        (event("create", "pods/attach", "web-1"), "attach web-1 -n shop"),
        (event("get", "pods/portforward", "web-1", query="ports=8080"), "port-forward web-1 -n shop 8080"),
        (
            event("get", "pods/log", "web-1", query="container=app&follow=true&tailLines=10&sinceSeconds=60"),
            "logs web-1 -n shop -c app --tail=10 --since=60s -f",
        ),
        (event("create", "pods/eviction", "web-1"), "evicted pod/web-1 -n shop"),
        (
            event("create", "pods/binding", "web-1", requestObject={"target": {"name": "n1"}}),
            "bound pod/web-1 -n shop to node/n1",
        ),
        (event("patch", "pods/ephemeralcontainers", "p"), "added a debug container to pod/p -n shop"),
        (event("create", "serviceaccounts/token", "sa"), "got a token for serviceaccount/sa -n shop"),
        (event("get", "nodes/proxy", "n1", namespace=""), "get / through node/n1"),
        (event("create", "selfsubjectaccessreviews", namespace=""), "asked whether they may do something"),
        (
            event(
                "create", "subjectaccessreviews", namespace="",
                requestObject={"spec": {"user": "bob", "resourceAttributes": {"verb": "get", "resource": "pods"}}},
            ),
            "asked whether bob may get pods",
        ),
        (event("create", "tokenreviews", namespace=""), "had a token checked"),
        (event("create", "selfsubjectreviews", namespace=""), "asked who they are"),
        (event("create", "selfsubjectrulesreviews", namespace=""), "asked what they may do"),
        (event("create", "pods", query="dryRun=All"), "created pods -n shop (dry run)"),
        (event("delete", "pods", "p", code=403), "tried to delete pod/p -n shop"),
        (event("get", "pods/exec", "p", code=403), "tried to exec p -n shop"),
        (event(objectRef=None, requestURI="/healthz?verbose"), "GET /healthz"),
        (event(objectRef=None, requestURI=""), "GET an unknown path"),
        (event("frobnicate", "pods", "p"), "frobnicate pod/p -n shop"),
    ],
)  # fmt: skip
def test_sentences(made: dict[str, Any], words: str) -> None:
    """Verb, object, place, and what it was chosen by or set."""
    assert sentence(facts(made)) == words


@pytest.mark.parametrize(
    ("plural", "one"),
    [
        ("pods", "pod"),
        ("ingresses", "ingress"),
        ("networkpolicies", "networkpolicy"),
        ("storageclasses", "storageclass"),
        ("leases", "lease"),
        ("endpoints", "endpoints"),
        ("endpointslices", "endpointslice"),
        ("patches", "patch"),
        ("boxes", "box"),
        ("status", "statu"),
        ("componentstatuses", "componentstatus"),
        ("progress", "progress"),
        ("", ""),
    ],
)
def test_singular(plural: str, one: str) -> None:
    """By the rules of English."""
    assert singular(plural) == one


@pytest.mark.parametrize(
    ("made", "text"),
    [
        (event(), "200"),
        (event(code=403, responseStatus={"code": 403, "reason": "Forbidden"}), "403 Forbidden"),
        (event(stage=STARTED, code=101), "101 open"),
        (event(stage=RECEIVED), "open"),
        (event(stage=PANIC, code=0), "500 Panic"),
    ],
)
def test_results(made: dict[str, Any], text: str) -> None:
    """The code, and what is not plain success."""
    assert result(facts(made)) == text


@given(
    st.sampled_from(["get", "list", "patch", "create", "deletecollection", ""]),
    st.sampled_from(["pods", "pods/exec", "pods/log", "deployments/scale", "pods/binding", "subjectaccessreviews", "x/y", ""]),
    st.text(max_size=10),
    st.text(max_size=10),
    st.text(max_size=40),
    st.sampled_from([COMPLETE, STARTED, RECEIVED, PANIC, ""]),
    st.recursive(
        st.none() | st.integers() | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["spec", "target", "name", "replicas", "resourceAttributes", "user", "verb"]), inner, max_size=4),
    ),
)  # fmt: skip
def test_any_request(
    verb: str, resource: str, name: str, namespace: str, query: str, stage: str, body: Any
) -> None:
    """Whatever clients choose, there is a sentence, and it can be shown in one line."""
    made = event(
        verb, resource, name, namespace=namespace, query=query, stage=stage, requestObject=body
    )
    one = facts(made)
    text = visible(sentence(one))
    assert text
    assert text.isprintable()
    assert isinstance(result(one), str)
    assert isinstance(object_of(one), str)
