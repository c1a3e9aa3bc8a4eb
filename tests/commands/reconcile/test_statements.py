"""What is asked of both trails."""

from pathlib import Path

import msgspec
import pytest

from auditproxy.commands.reconcile import statements
from auditproxy.commands.reconcile.pairing import SideRecord
from auditproxy.reading.sql.asking import SAVED, Question, ask, asked
from auditproxy.reading.sql.store import StoredFile, is_one_select
from tests.fakes.trails import event, write
from tests.reading.cluster import write_cluster

KEYS = (statements.BY_AUDIT_ID, statements.BY_CONTENT)


@pytest.mark.parametrize("key", KEYS)
def test_records(tmp_path: Path, key: str) -> None:
    """As SideRecord has them, by key and time."""
    ours = write(
        tmp_path / "a", [event(name="p", at="11:00:00"), event("create", "pods", code=201)]
    )
    theirs = write(
        tmp_path / "b", [event(name="p", at="11:00:00"), event("create", "pods", "made", code=201)]
    )
    files = [StoredFile(str(ours), statements.OURS), StoredFile(str(theirs), statements.THEIRS)]
    answer = ask(files, str(tmp_path), statements.records(key))
    found = [msgspec.convert(row, SideRecord) for row in answer.rows]
    assert [one.key for one in found] == sorted(one.key for one in found)
    assert [one.is_ours for one in found].count(True) == 2
    by_key = {one.key for one in found if one.is_ours} == {
        one.key for one in found if not one.is_ours
    }
    assert by_key is (key == statements.BY_CONTENT)


ABOUT_ALL = (statements.BOUNDS, statements.PEERS, statements.ACCOUNT, statements.KINDS)


@pytest.mark.parametrize(
    "statement", [*ABOUT_ALL, statements.GATHERED, statements.SAME, statements.REST]
)
def test_statements(statement: str) -> None:
    """Each is one."""
    assert is_one_select(statement)


def test_gathered(tmp_path: Path) -> None:
    """What is gathered answers every question as both trails do."""
    write_cluster(tmp_path)
    rotated = [StoredFile(str(path), statements.OURS) for path in (tmp_path / "proxy").iterdir()]
    server = StoredFile(str(tmp_path / "kube-apiserver.log"), statements.THEIRS)
    place = tmp_path / "gathered"
    place.mkdir()
    files = [*(file for file in rotated if not file.path.endswith(".gz")), server]
    question = Question(tuple(files), str(tmp_path), statements.GATHERED, (), 1, 0, str(place))
    with asked(question) as rows:
        assert list(rows) == []
    gathered = [StoredFile(str(place / SAVED), "", is_saved=True)]
    for statement in (*ABOUT_ALL, *map(statements.records, KEYS)):
        whole, narrow = (
            sorted(ask(each, str(tmp_path), statement).rows, key=str) for each in (files, gathered)
        )
        assert whole == narrow
        assert whole
