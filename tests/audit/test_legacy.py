"""The legacy line, member by member."""

from datetime import UTC
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditproxy.apis.audit import Event, ObjectReference, Stage
from auditproxy.apis.status import only_code
from auditproxy.apis.user import UserInfo
from auditproxy.audit.legacy import legacy_line


def event(**members: object) -> Event:
    """An event with the members that must be there, and those given."""
    values: dict[str, object] = {
        "kind": "Event",
        "api_version": "audit.k8s.io/v1",
        "level": "Metadata",
        "audit_id": "4a",
        "stage": Stage.RESPONSE_COMPLETE,
        "request_uri": "/api",
        "verb": "get",
        "user": UserInfo(),
        "request_received_timestamp": "2026-11-23T13:06:31.814900Z",
        "stage_timestamp": "2026-11-23T13:06:32.000000Z",
    }
    return Event(**{**values, **members})  # type: ignore[arg-type]


def test_placeholders() -> None:
    """What is not known has its word."""
    assert legacy_line(event(), UTC) == (
        '2026-11-23T13:06:31.8149Z AUDIT: id="4a" stage="ResponseComplete" ip="<unknown>"'
        ' method="get" user="<none>" groups="<none>" as="<self>" asgroups="<lookup>"'
        ' user-agent="" namespace="<none>" uri="/api" response="<deferred>"\n'
    )


def test_everything() -> None:
    """Lists are quoted twice, the code is plain, the time is local."""
    full = event(
        user=UserInfo(username="admin", groups=("system:masters", "system:authenticated")),
        impersonated_user=UserInfo(username="jane", groups=("g",)),
        source_ips=("1.2.3.4", "5.6.7.8"),
        user_agent='x"1',
        object_ref=ObjectReference(resource="pods", namespace="t1"),
        response_status=only_code(200),
    )
    assert legacy_line(full, ZoneInfo("Europe/Berlin")) == (
        '2026-11-23T14:06:31.8149+01:00 AUDIT: id="4a" stage="ResponseComplete" ip="1.2.3.4"'
        r' method="get" user="admin" groups="\"system:masters\",\"system:authenticated\""'
        r' as="jane" asgroups="\"g\"" user-agent="x\"1" namespace="t1" uri="/api"'
        ' response="200"\n'
    )


@pytest.mark.parametrize(
    ("members", "part"),
    [
        ({"user": UserInfo(groups=("g",))}, 'user="<none>" groups="<none>"'),
        ({"user": UserInfo(username="u")}, 'user="u" groups="<none>"'),
        ({"impersonated_user": UserInfo(username="j")}, 'as="j" asgroups="<lookup>"'),
        ({"object_ref": ObjectReference(resource="nodes")}, 'namespace="<none>"'),
        ({"response_status": only_code(0)}, 'response="0"'),
        ({"user_agent": "\udcff\x1b\u200b\u2028é"}, r'user-agent="\xff\x1b\u200b\u2028é"'),
        ({"request_received_timestamp": ""}, "0001-01-01T00:00:00Z AUDIT: "),
    ],
)
def test_members(members: dict[str, object], part: str) -> None:
    """Rows of single members."""
    assert part in legacy_line(event(**members), UTC)


@given(st.text(st.characters(codec=None, exclude_categories=())))
def test_one_line_whatever_the_text(text: str) -> None:
    """T175: no text breaks the line or its encoding."""
    line = legacy_line(event(user_agent=text, request_uri=text, audit_id=text), UTC)
    assert len(line.encode().splitlines()) == 1
    assert len(line.splitlines()) == 1
