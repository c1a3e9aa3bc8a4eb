"""Deprecated API versions, by the warnings of answers."""

import msgspec
import pytest

from auditproxy.apis.attributes import RequestInfo
from auditproxy.apis.authentication import EXTRA_SPACE
from auditproxy.audit.deprecation import (
    DEPRECATED,
    LONGEST_TEXT,
    MOST_TEXTS,
    REMOVED_RELEASE,
    Deprecations,
)

GET = RequestInfo(is_resource_request=True, path="/", verb="get", resource="widgets", name="w")
CUSTOM = msgspec.structs.replace(GET, api_group="example.com", api_version="v1")
PODS = msgspec.structs.replace(GET, verb="create", api_version="v1", resource="pods", name="")
CREATE = msgspec.structs.replace(CUSTOM, verb="create")
CARE = '299 - "be careful with widgets"'


@pytest.mark.parametrize(
    ("warning", "expected"),
    [
        ('299 - "v1 ComponentStatus is deprecated in v1.19+"', {DEPRECATED: "true"}),
        (
            '299 - "v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice"',
            {DEPRECATED: "true"},
        ),
        (
            '299 - "policy/v1beta1 PodSecurityPolicy is deprecated in v1.21+, '
            'unavailable in v1.25+"',
            {DEPRECATED: "true", REMOVED_RELEASE: "1.25"},
        ),
        (
            '299 - "extensions/v1beta1 Ingress is deprecated in v1.14+, unavailable in v1.22+; '
            'use networking.k8s.io/v1 Ingress"',
            {DEPRECATED: "true", REMOVED_RELEASE: "1.22"},
        ),
        ('299 - "example.com/v1 Widget is deprecated"', {DEPRECATED: "true"}),
        (
            '299 - "example.com/v1 Widget is deprecated; use example.com/v2 Widget"',
            {DEPRECATED: "true"},
        ),
        ('299 - "would violate PodSecurity"', {}),
        ('299 - "this field is deprecated in v1.19+"', {}),
        ("garbage", {}),
    ],
)
def test_deprecation(warning: str, expected: dict[str, str]) -> None:
    """Warnings of deprecated API versions, and nothing that looks like them."""
    group, _, version = warning.partition('"')[2].partition(" ")[0].rpartition("/")
    info = msgspec.structs.replace(GET, api_group=group, api_version=version)
    if not expected:
        info = GET
    assert dict(Deprecations().annotations(info, 200, ('299 - "other"', warning))) == expected


@pytest.mark.parametrize(
    ("warning", "noted"),
    [
        ("v1 Pod is deprecated in v1.1+", True),
        ("apps/v9 Foo is deprecated in v1.1+, unavailable in v9.9+", False),
        ("v2 Pod is deprecated in v1.1+", False),
        ("apps/v1 Pod is deprecated in v1.1+", False),
    ],
)
def test_another_version(warning: str, noted: bool) -> None:
    """A webhook that names another version says nothing of the request's own."""
    told = (f'299 - "{warning}"',)
    assert bool(Deprecations().annotations(PODS, 201, told)) is noted


@pytest.mark.parametrize(
    ("code", "subresource", "annotated"),
    [
        (200, "", True),
        (404, "", True),
        (404, "status", True),
        (404, "scale", True),
        (409, "", True),
        (404, "exec", False),
        (405, "", False),
        (405, "status", False),
    ],
)
def test_deprecation_of_what_is_there(code: int, subresource: str, annotated: bool) -> None:
    """A custom resource's warning comes with a subresource or method that it has not, too."""
    info = msgspec.structs.replace(CUSTOM, subresource=subresource)
    warning = '299 - "example.com/v1 Widget is deprecated"'
    assert bool(Deprecations().annotations(info, code, (warning,))) is annotated


@pytest.mark.parametrize(
    ("verb", "group", "warning", "noted"),
    [
        ("get", "example.com", "be careful with widgets", True),
        ("list", "example.com", "be careful with widgets", True),
        ("create", "example.com", "be careful with widgets", False),
        ("get", "", "be careful with widgets", False),
        ("get", "example.com", EXTRA_SPACE, False),
    ],
)
def test_deprecation_in_words_of_its_author(
    verb: str, group: str, warning: str, noted: bool
) -> None:
    """E: a custom resource is deprecated in any words; only its reads can be warned of by nobody else."""
    info = msgspec.structs.replace(GET, verb=verb, api_group=group)
    assert bool(Deprecations().annotations(info, 200, (f'299 - "{warning}"',))) is noted


def test_words_that_a_read_has_shown() -> None:
    """E: what came with a read of the resource is its own when it comes with a write."""
    known = Deprecations()
    assert known.annotations(CREATE, 201, (CARE,)) == ()
    assert known.annotations(CUSTOM, 200, (CARE,)) == ((DEPRECATED, "true"),)
    assert known.annotations(CREATE, 201, ('299 - "a webhook"', CARE)) == ((DEPRECATED, "true"),)
    assert known.annotations(CREATE, 201, ('299 - "a webhook"',)) == ()
    assert known.annotations(CREATE, 201, ()) == ()
    other = msgspec.structs.replace(CREATE, api_version="v2")
    assert known.annotations(other, 201, (CARE,)) == ()


def test_words_are_bounded() -> None:
    """Neither long texts nor countless resources fill the memory."""
    known = Deprecations()
    long = f'299 - "{"x" * LONGEST_TEXT}"'
    assert known.annotations(CUSTOM, 200, (long,)) == ((DEPRECATED, "true"),)
    assert known.annotations(CREATE, 201, (long,)) == ()
    for number in range(MOST_TEXTS + 10):
        known.annotations(msgspec.structs.replace(CUSTOM, resource=f"r{number}"), 200, (CARE,))
    assert len(known._texts) == MOST_TEXTS
