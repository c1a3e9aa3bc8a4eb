"""One process, and one open file, has a lock."""

from pathlib import Path

from auditproxy.backends.logfiles.locks import lock


def test_one_has_it(tmp_path: Path) -> None:
    """Another open file does not get it, until the first is closed."""
    path = tmp_path / "a"
    with path.open("wb") as other:
        with path.open("wb") as first:
            assert lock(first.fileno())
            assert not lock(other.fileno())
        assert lock(other.fileno())
