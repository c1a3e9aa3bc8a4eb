"""From flags to the request that is explained."""

from typing import Any

import pytest

from auditproxy.apis.faults import Unusable
from auditproxy.commands.policy.asking import ANYONE, Asked, asked
from auditproxy.commands.policy.command import FLAGS


def request(**flags: Any) -> Asked:
    """The request of flags; underscores stand for dashes."""
    values = {flag.name: flag.default for flag in FLAGS}
    return asked(values | {name.replace("_", "-"): value for name, value in flags.items()})


@pytest.mark.parametrize(
    ("flags", "method", "uri", "verb"),
    [
        ({"path": "/healthz"}, "GET", "/healthz", "get"),
        ({"path": "/healthz", "method": "post"}, "POST", "/healthz", "post"),
        ({"path": "/x", "verb": "trace"}, "TRACE", "/x", "trace"),
        ({"path": "/api/v1/pods", "verb": "deletecollection"}, "DELETE", "/api/v1/pods",
         "deletecollection"),
        ({"path": "/api/v1/pods?watch=1"}, "GET", "/api/v1/pods?watch=1", "watch"),
        ({"resource": "pods", "verb": "list"}, "GET", "/api/v1/pods", "list"),
        ({"resource": "pods", "verb": "watch", "namespace": "a b", "name": "x"}, "GET",
         "/api/v1/namespaces/a%20b/pods?watch=true&fieldSelector=metadata.name%3Dx", "watch"),
        ({"resource": "pods/exec", "verb": "get", "namespace": "n"}, "GET",
         "/api/v1/namespaces/n/pods/NAME/exec", "get"),
        ({"resource": "deployments", "verb": "patch", "name": "x"}, "PATCH",
         "/apis/apps/v1/deployments/x", "patch"),
        ({"resource": "deployments/scale", "verb": "update", "name": "x"}, "PUT",
         "/apis/apps/v1/deployments/x/scale", "update"),
        ({"resource": "widgets.example.com/status", "verb": "get", "name": "x"}, "GET",
         "/apis/example.com/v1/widgets/x/status", "get"),
        ({"resource": "widgets", "api_group": "example.com", "verb": "list"}, "GET",
         "/apis/example.com/v1/widgets", "list"),
        ({"resource": "Deploy", "verb": "list", "api_group": "example.com"}, "GET",
         "/apis/example.com/v1/Deploy", "list"),
        ({"resource": "namespaces", "verb": "get", "name": "x"}, "GET", "/api/v1/namespaces/x",
         "get"),
    ],
)  # fmt: skip
def test_targets(flags: dict[str, Any], method: str, uri: str, verb: str) -> None:
    """As a client would send it."""
    found = request(**flags)
    assert (found.method, found.uri, found.info.verb) == (method, uri, verb)


@pytest.mark.parametrize(
    ("flags", "user", "groups"),
    [
        ({}, ANYONE, ("system:authenticated",)),
        ({"as": "bob", "as_group": ("dev",)}, "bob", ("dev", "system:authenticated")),
        ({"as_group": ("system:authenticated",)}, ANYONE, ("system:authenticated",)),
        ({"as": "system:anonymous"}, "system:anonymous", ("system:unauthenticated",)),
        ({"as": "x", "as_group": ("system:unauthenticated",)}, "x", ("system:unauthenticated",)),
        ({"as": "system:serviceaccount:ci:bot"}, "system:serviceaccount:ci:bot",
         ("system:serviceaccounts", "system:serviceaccounts:ci", "system:authenticated")),
    ],
)  # fmt: skip
def test_users(flags: dict[str, Any], user: str, groups: tuple[str, ...]) -> None:
    """In the groups that kube-apiserver puts them into."""
    found = request(path="/x", **flags).user
    assert found is not None
    assert (found.username, found.groups) == (user, groups)


def test_unauthenticated() -> None:
    """No user."""
    assert request(path="/x", unauthenticated=True).user is None


@pytest.mark.parametrize(
    ("flags", "fault"),
    [
        ({}, "auditproxy policy explain needs --path or --resource"),
        ({"resource": "pods"}, "--resource needs --verb, such as --verb=get"),
        ({"path": "/x", "name": "x"},
         "--path says all about the request; remove --resource, --api-group and --name"),
        ({"path": "/x", "unauthenticated": True, "as": "x"},
         "--unauthenticated is a request without a user; remove --as and --as-group"),
        ({"path": "/a b"},
         '"/a b" is not the target of a request: it is empty or has blanks or control characters'),
        ({"path": "/api/v1/watch"},
         '"/api/v1/watch" is not the target of a request: unable to determine kind and namespace '
         "from url, /api/v1/watch"),
        ({"path": "/api/v1/pods", "verb": "get"},
         'GET /api/v1/pods has the verb "list", not "get"; give a name, or --verb=list'),
        ({"resource": "pods", "verb": "delete"},
         'DELETE /api/v1/pods has the verb "deletecollection", not "delete"; give a name, or '
         "--verb=deletecollection"),
        ({"path": "/api/v1/pods", "verb": "watch"},
         'GET /api/v1/pods has the verb "list", not "watch"; give /api/v1/pods?watch=true, or '
         "--verb=list"),
        ({"path": "/api/v1/pods/x", "verb": "create", "method": "PUT"},
         'PUT /api/v1/pods/x has the verb "update", not "create"; give --verb=update'),
        ({"resource": "foos", "verb": "list"},
         '--resource="foos" is not known: a resource of an extension needs its group, as in '
         "--resource=foos.example.com or with --api-group"),
        ({"resource": "deploymnts", "verb": "list"},
         '--resource="deploymnts" is not known: did you mean deployments or deployment or deploy? '
         "A resource of an extension needs its group, as in --resource=foos.example.com or with "
         "--api-group"),
        ({"resource": "po/logs", "verb": "get"},
         '--resource="po/logs" is not known: did you mean pods/log or pods/proxy or pods/status? '
         "An object goes to --name, any other request to --path"),
        ({"resource": "secret/db", "verb": "get"},
         '--resource="secret/db" is not known: secrets have no subresources; an object goes '
         "to --name, any other request to --path"),
        ({"resource": "pods", "verb": "exec", "name": "x"},
         'EXEC /api/v1/pods/x has the verb "", not "exec"; give another --method'),
    ],
)  # fmt: skip
def test_refused(flags: dict[str, Any], fault: str) -> None:
    """One line with the fix."""
    with pytest.raises(Unusable) as caught:
        request(**flags)
    assert fault in caught.value.faults
