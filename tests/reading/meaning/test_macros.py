"""Macros say in SQL what facts.py says."""

from pathlib import Path

import pytest

from auditproxy.reading.meaning.facts import kind_of, short_user
from auditproxy.reading.sql.store import StoredFile, open_store
from tests.fakes.trails import event, read, write


@pytest.mark.parametrize(
    "name",
    ["alice", "", "system:anonymous", "system:serviceaccount:shop:web", "system:serviceaccount:a",
     "system:node:n1", "system:kube-scheduler", "system:serviceaccount:a:b:c"],
)  # fmt: skip
def test_users(name: str, tmp_path: Path) -> None:
    """How users are spelled, and what they are."""
    path = write(tmp_path / "audit.log", [event()])
    connection = open_store([StoredFile(str(path), "o")], str(tmp_path), 1)
    row = connection.execute("SELECT short_user(?), kind_of(?)", [name, name]).fetchone()
    connection.close()
    assert row == (short_user(name), kind_of(read(event(user=name))))
