"""Who refused: the authorizer's and the impersonation filter's own words, and imitations of them."""

import urllib.parse
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditproxy.apis.status import StatusDetails, new_forbidden
from auditproxy.apis.user import UserInfo
from auditproxy.audit.refusals.filters import (
    authorizer,
    impersonation,
    shutting_down,
    unauthorized,
)
from auditproxy.request.attributes import attributes
from tests.audit.refusals.refusing import MAPS, info_of, refusal

KIND = StatusDetails(kind="configmaps")
CORE = 'User "jane" cannot create resource "configmaps" in API group "" in the namespace "n"'
SENTENCE = f"configmaps is forbidden: {CORE}"


@pytest.mark.parametrize(
    ("message", "method", "target", "own"),
    [
        (SENTENCE, "POST", MAPS, True),
        (f"{SENTENCE}: because", "POST", MAPS, True),
        (f"{SENTENCE} and more", "POST", MAPS, False),
        (CORE, "POST", MAPS, False),
        (f'admission webhook "w.io" denied the request: {SENTENCE}', "POST", MAPS, False),
        (f'configmaps "x" is forbidden: {CORE}', "POST", MAPS, False),
        (f'configmaps "{SENTENCE}" is forbidden: exceeded quota', "POST", MAPS, False),
        (SENTENCE.replace("jane", "joe"), "POST", MAPS, False),
        (SENTENCE.replace("create", "update"), "POST", MAPS, False),
        (SENTENCE.replace('"n"', '"m"'), "POST", MAPS, False),
        (f'configmaps "a" is forbidden: {CORE}', "PATCH", f"{MAPS}/a?fieldManager=m", False),
        ('forbidden: User "jane" cannot get path "/logs"', "GET", "/logs", True),
        ('forbidden: User "joe" cannot get path "/logs"', "GET", "/logs", False),
    ],
)
def test_authorizer(message: str, method: str, target: str, own: bool) -> None:
    """A5: only the whole sentence about this very user and request is the authorizer's."""
    assert authorizer(refusal(403, message, method, target)) is own


def test_authorizer_details() -> None:
    """A5: its Status is about the request's own resource."""
    assert authorizer(refusal(403, SENTENCE, details=KIND))
    assert not authorizer(refusal(403, SENTENCE, details=StatusDetails(kind="pods")))


def test_reads() -> None:
    """Reads pass no admission: what is said of the user and the verb is enough."""
    short = 'configmaps is forbidden: User "jane" cannot list resource'
    assert authorizer(refusal(403, short, "GET", MAPS))
    assert not authorizer(refusal(403, short.replace("jane", "joe"), "GET", MAPS))
    assert not authorizer(refusal(403, short, "GET", f"{MAPS}/a/status"))


@pytest.mark.parametrize("method", ["A&B", "PROPFIND", "X'Y"])
def test_odd_methods(method: str) -> None:
    """The authorizer's sentence about a method that a client made up is escaped as HTML."""
    verb = method.lower().replace("&", "&amp;")
    told = f'forbidden: User "jane" cannot {verb} path "/x"'
    assert authorizer(refusal(403, told, method, "/x"))
    assert authorizer(refusal(403, told.replace("jane", "joe"), method, "/x", no_sniff=True))
    assert not authorizer(refusal(403, told.replace("jane", "joe"), method, "/x"))


@given(
    st.sampled_from(["GET", "POST", "PUT", "PATCH", "DELETE", "A&B"]),
    st.text(max_size=20),
    st.text(max_size=20),
    st.booleans(),
)
def test_whatever_is_asked_and_said(method: str, name: str, message: str, no_sniff: bool) -> None:
    """Any request and any message have an answer, and the server's own sentence is always known."""
    path = f"{MAPS}/{urllib.parse.quote(name, safe='')}" if method in ("PUT", "PATCH") else MAPS
    info = info_of(method, path)
    said = new_forbidden(attributes(UserInfo(username=name), info), "")
    members: dict[str, Any] = {"username": name, "no_sniff": no_sniff}
    assert authorizer(refusal(403, said.message, method, path, details=said.details, **members))
    told = refusal(403, message, method, path, **members)
    assert authorizer(told) in (True, False)
    assert impersonation(told) is False


def test_another_name() -> None:
    """A user whom the server knows by another name is told from imitations by the filters' header."""
    told = refusal(403, SENTENCE.replace("jane", r"oidc:\"jane"), no_sniff=True)
    assert authorizer(told)
    assert not authorizer(refusal(403, SENTENCE.replace("jane", "oidc:jane")))
    assert not authorizer(refusal(403, f"x{SENTENCE}".replace("jane", "joe"), no_sniff=True))
    webhook = f'admission webhook "w" denied the request: {SENTENCE}'.replace("jane", "joe")
    assert not authorizer(refusal(403, webhook, no_sniff=True))
    assert not authorizer(refusal(403, f"{SENTENCE}.".replace("jane", "joe"), no_sniff=True))


def test_quoted_in_another_way() -> None:
    """A name that Go quotes and we do not, or the other way round, changes nothing."""
    core = CORE.replace("create", "update")
    told = f'configmaps "\\u00ff" is forbidden: {core}'
    details = StatusDetails(name="\xff", kind="configmaps")
    asked = ("PUT", f"{MAPS}/%C3%BF")
    assert authorizer(refusal(403, told, *asked, details=details, no_sniff=True))
    assert not authorizer(refusal(403, told, *asked, details=details))
    path = 'forbidden: User "joe" cannot get path "/x"'
    assert authorizer(refusal(403, path, "GET", "/x", no_sniff=True))


@pytest.mark.parametrize(
    ("method", "target", "no_sniff", "own"),
    [
        ("HEAD", f"{MAPS}/a", False, True),
        ("HEAD", "/metrics", False, True),
        ("POST", MAPS, False, False),
        ("POST", MAPS, True, True),
        ("GET", "/api/v1/namespaces/n/pods/p/proxy/", True, False),
        ("GET", "/api/v1/namespaces/n/pods/p/exec", False, False),
    ],
)
def test_without_a_status(method: str, target: str, no_sniff: bool, own: bool) -> None:
    """A 403 that says nothing is the authorizer's where nobody else could have given it."""
    assert authorizer(refusal(403, None, method, target, no_sniff=no_sniff)) is own


def test_unauthorized() -> None:
    """A5: a webhook's 401 is not that of authentication."""
    assert unauthorized(refusal(401, "Unauthorized"))
    assert not unauthorized(refusal(401, 'admission webhook "w" denied the request: Unauthorized'))
    assert not unauthorized(refusal(401, "Unauthorized", details=KIND))
    assert unauthorized(refusal(401, None, "GET", MAPS))
    assert not unauthorized(refusal(401, None, "GET", "/api/v1/namespaces/n/services/s/proxy/"))


USERS = StatusDetails(kind="users", name="joe")
LEGACY = 'User "jane" cannot impersonate resource "users" in API group "" at the cluster scope'
ON = CORE.replace("create", "impersonate-on:user-info:create")


@pytest.mark.parametrize(
    ("message", "details", "own"),
    [
        (f'users "joe" is forbidden: {LEGACY}', USERS, True),
        (f"configmaps is forbidden: {ON}", KIND, True),
        (f"configmaps is forbidden: {CORE}", KIND, False),
        (f'users "joe" is forbidden: {LEGACY}', KIND, False),
        (f'users "joe" is forbidden: {LEGACY}', None, False),
        (
            f'admission webhook "w" denied the request: users "joe" is forbidden: {LEGACY}',
            USERS,
            False,
        ),
        (
            f'admission webhook "w" denied the request: configmaps is forbidden: {ON}',
            StatusDetails(kind='admission webhook "w" denied the request: configmaps'),
            False,
        ),
    ],
)
def test_impersonation(message: str, details: StatusDetails | None, own: bool) -> None:
    """A11: a refused impersonation, which nobody can imitate by choosing message and details."""
    assert impersonation(refusal(403, message, details=details)) is own


@pytest.mark.parametrize("what", ["pods", "services", "nodes"])
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE"])
def test_words_of_what_is_behind_a_proxy(method: str, what: str) -> None:
    """A backend cannot speak as the checks that come before the authorizer."""
    asked = (method, f"/api/v1/namespaces/n/{what}/p/proxy/x")
    about = StatusDetails(name="p", kind=what)
    verb = info_of(*asked).verb
    core = f'User "jane" cannot impersonate-on:user-info:{verb} resource "{what}" in API group ""'
    assert not unauthorized(refusal(401, "Unauthorized", *asked))
    assert not shutting_down(refusal(503, "apiserver is shutting down", *asked))
    assert not impersonation(
        refusal(403, f'{what} "p" is forbidden: {core}', *asked, details=about)
    )
    told = f'users "joe" is forbidden: {LEGACY}'
    assert not impersonation(refusal(403, told, *asked, details=USERS))


def test_a_method_named_impersonate() -> None:
    """A client that makes up a method of that name is refused by the authorizer."""
    asked = ("IMPERSONATE", "/version")
    told = 'forbidden: User "jane" cannot impersonate path "/version"'
    assert not impersonation(refusal(403, told, *asked, details=StatusDetails()))
    assert authorizer(refusal(403, told, *asked, details=StatusDetails()))


def test_shutting_down() -> None:
    """What a server that ends tells everybody."""
    assert shutting_down(refusal(503, "apiserver is shutting down"))
    assert not shutting_down(refusal(503, "x: apiserver is shutting down"))
