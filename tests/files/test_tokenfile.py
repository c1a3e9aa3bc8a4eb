"""Static tokens of a file."""

from pathlib import Path

import pytest

from auditproxy.apis.faults import Unusable
from auditproxy.files.tokenfile import read_token_file
from auditproxy.files.trustedfile import Remarks
from tests.fakes.options import options


def test_token_file(tmp_path: Path) -> None:
    """Tokens, with the file's warnings as notes; nothing without the flag."""
    path = tmp_path / "tokens.csv"
    path.write_text("t,u,1\nt,v,2\n")
    remarks = Remarks()
    assert read_token_file(options(token_auth_file=str(path)), remarks) is not None
    (note,) = remarks.notes
    assert note.startswith("duplicate token has been found")
    assert read_token_file(options(), remarks) is None


@pytest.mark.parametrize(
    ("content", "says"),
    [(None, " .* cannot be read: No such file"), ("only,two\n", ": .*at least 3 columns")],
)
def test_faults(tmp_path: Path, content: str | None, says: str) -> None:
    """Each names the flag."""
    path = tmp_path / "tokens.csv"
    if content is not None:
        path.write_text(content)
    with pytest.raises(Unusable, match=f"^--token-auth-file{says}"):
        read_token_file(options(token_auth_file=str(path)), Remarks())
