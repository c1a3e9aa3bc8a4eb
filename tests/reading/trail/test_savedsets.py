"""Saved trails as one set."""

from pathlib import Path

import pytest

from auditproxy.apis.faults import Unusable
from auditproxy.reading.trail.savedsets import HAS_REFERENCE, MEANT_URI, PLACE, SavedTrails
from tests.fakes.trails import event
from tests.reading.manytrails import write_as_go
from tests.reading.saving import save_here


def saved(folder: Path, name: str, *queries: str) -> str:
    """A saved trail of requests with these queries."""
    made = [event("list", query=query, at=f"10:00:{at:02d}") for at, query in enumerate(queries)]
    log = write_as_go(folder / f"{name}.log", made)
    return str(save_here(log, folder / f"{name}.parquet"))


def test_several_files(tmp_path: Path) -> None:
    """In the order in which they are named, with a place for each event."""
    paths = [saved(tmp_path, "b", "limit=1", ""), saved(tmp_path, "a", "limit=2")]
    with SavedTrails(paths) as trails:
        rows = list(trails.rows(f"SELECT request_uri AS uri, {PLACE} FROM saved ORDER BY {PLACE}"))
        assert [row["uri"].partition("?")[2] for row in rows] == ["limit=1", "", "limit=2"]
        assert len({row[PLACE] for row in rows}) == 3
        assert trails.row(f"SELECT bool_and({HAS_REFERENCE}) AS has FROM saved") == {"has": True}


@pytest.mark.parametrize(
    ("query", "left"),
    [
        ("limit=500&resourceVersion=7", ""),
        ("fieldSelector=spec.nodeName%3Dn1&watch=true", ""),
        (
            "fieldSelector=metadata.name%3Dweb&resourceVersion=17",
            "?fieldSelector=metadata.name%3Dweb&resourceVersion=1",
        ),
        ("fieldSelector=metadata%2Ename%3Dweb", "?fieldSelector=metadata%2Ename%3Dweb"),
    ],
)
def test_what_a_uri_means(query: str, left: str, tmp_path: Path) -> None:
    """The query is left where it may name an object."""
    with SavedTrails([saved(tmp_path, "a", query)]) as trails:
        found = trails.row(f"SELECT {MEANT_URI} AS uri FROM saved")["uri"]
    assert found == f"/api/v1/namespaces/shop/pods{left}"


def test_what_is_not_saved(tmp_path: Path) -> None:
    """One line, and no folder is left."""
    other = tmp_path / "other.parquet"
    other.write_bytes(b"PAR1 and no more")
    with pytest.raises(Unusable, match="cannot be read as Parquet"):
        SavedTrails([str(other)])
