"""A saved trail has the same reports as the lines that it was saved from."""

from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from auditproxy.reading.meaning.conditions import conditions_of
from auditproxy.reading.meaning.events import Counts, read_events
from auditproxy.reading.reports.blockpass import PassTask, sample_of
from auditproxy.reading.reports.onepass import pass_once
from auditproxy.reading.reports.savedpass import SavedPass
from auditproxy.reading.reports.subjects import SUBJECTS
from auditproxy.reading.trail.savedsets import SavedTrails
from auditproxy.reading.trail.sources import trail_file
from tests.fakes.trails import RECEIVED, event
from tests.reading.manytrails import many_trails, write_as_go
from tests.reading.saving import save_here

_FILTERS: tuple[dict[str, list[str]], ...] = (
    {},
    {"code": ["403"]},
    {"user": ["alice"]},
    {"kind": ["!human"]},
    {"resource": ["pods/*", "secrets"]},
    {"group": ["dev"], "namespace": ["shop"]},
)


def counted(path: Path, task: PassTask) -> dict[str, Any]:
    """All that a report is made of."""
    found = pass_once([trail_file(str(path))], task)
    if not SUBJECTS[task.subject].counts_events:
        # How many events a request has is not asked, and not counted in each case.
        for tally in found.tallies.groups.values():
            tally.events = tally.size = tally.bodies = 0
    return {
        "groups": found.tallies.groups,
        "events": found.counts["events"],
        "open": found.open,
        "twins": found.twins,
        "size": found.size,
    }


@pytest.mark.timeout(300)
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    made=many_trails(),
    subject=st.sampled_from(sorted(SUBJECTS)),
    filters=st.sampled_from(_FILTERS),
    users=st.sampled_from(({}, {"kind": ["human"]}, {"user": ["alice"]})),
    since=st.sampled_from(("", "2026-11-23T10:00:03.000000Z")),
    until=st.sampled_from(("", "2026-11-23T10:00:07.000000Z")),
)
@example(
    made=[event(name="a", stage=RECEIVED) | {"auditID": ""}],
    subject="noise",
    filters={},
    users={},
    since="",
    until="",
)
@example(
    made=[event(verb="watch", query="sendInitialEvents=true&watch=true&resourceVersion=1")],
    subject="rbac",
    filters={},
    users={},
    since="",
    until="",
)
def test_as_lines(
    made: list[dict[str, Any]],
    subject: str,
    filters: dict[str, list[str]],
    users: dict[str, list[str]],
    since: str,
    until: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """Groups with all that is counted of them, for every report."""
    folder = tmp_path_factory.mktemp("log")
    log = write_as_go(folder / "audit.log", made)
    saved = save_here(log, folder / "audit.parquet")
    # Keys of rights alone have a user in their second place.
    of_users = conditions_of(users if subject.startswith("rbac") else {})
    task = PassTask(subject, conditions_of(filters), since, until, users=of_users)
    assert counted(saved, task) == counted(log, task)


@pytest.mark.parametrize(
    ("one_of", "least", "most"),
    [(1, 3000, 3000), (15, 150, 250), (16, 140, 240), (31, 140, 240), (64, 20, 90), (512, 1, 20)],
)
def test_a_sample_is_the_same_of_a_log(tmp_path: Path, one_of: int, least: int, most: int) -> None:
    """Both ways choose the same requests, and about as many as are asked for."""
    random = Random(1)
    made = [
        event(name=f"n{number}") | {"auditID": str(UUID(int=random.getrandbits(128), version=4))}
        for number in range(3000)
    ]
    log = write_as_go(tmp_path / "audit.log", made)
    saved = save_here(log, tmp_path / "audit.parquet")
    task = PassTask("activity", one_of=one_of)
    of_log = [
        number
        for line in log.read_bytes().splitlines()
        for each in read_events(line, Counts())
        for number in sample_of(each, one_of)
    ]
    with SavedTrails([str(saved)]) as trails:
        of_saved = [number for block in SavedPass(trails).blocks(task) for number in block.sampled]
    assert sorted(of_log) == sorted(of_saved)
    assert least <= len(of_log) <= most
