"""The static token file: ``token,user,uid[,"group1,group2"]`` per line, read once.

Rows, refusals and warnings are those of kube-apiserver (apiserver
authentication/token/tokenfile/tokenfile.go). Tokens are looked up by keyed digest, so
that timing reveals nothing about existing tokens and the table contains no token.
"""

import hmac
from dataclasses import dataclass, field

from auditproxy.apis.faults import Unusable
from auditproxy.apis.user import UserInfo
from auditproxy.authentication.authenticator import TokenUser
from auditproxy.authentication.tokens.gocsv import CsvError, read_records


class TokenFileError(Unusable):
    """The token file cannot be used; the text contains no token."""


@dataclass(frozen=True, slots=True)
class TokenFile:
    """The rows of a token file, as a map from token digest to user, and its warnings."""

    key: bytes = field(repr=False)
    users: dict[bytes, UserInfo] = field(repr=False)
    warnings: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.users)


class TokenFileAuthenticator:
    """Authenticates the tokens of one TokenFile; a new file needs a new authenticator."""

    def __init__(self, token_file: TokenFile) -> None:
        self._key = token_file.key
        self._users = token_file.users

    async def authenticate_token(self, token: str) -> TokenUser | None:
        """Return the user of the row with exactly this token, or None."""
        user = self._users.get(_digest(self._key, token))
        return None if user is None else TokenUser(user)


def parse_token_file(data: bytes, path: str, key: bytes) -> TokenFile:
    """Parse the file read from ``path``; ``key`` is random and at least 32 bytes.

    A row with an empty token is skipped. Of rows with the same token the last one
    applies. Both add a warning. Raises TokenFileError with kube-apiserver's text.
    """
    users: dict[bytes, UserInfo] = {}
    warnings: list[str] = []
    try:
        for number, record in enumerate(read_records(data), start=1):
            if len(record) < 3:
                raise TokenFileError(
                    f"token file '{path}' must have at least 3 columns "
                    f"(token, user name, user uid), found {len(record)}"
                )
            token, *members = [column.decode("utf-8", "surrogateescape") for column in record]
            if not token:
                warnings.append(
                    f"empty token has been found in token file '{path}', record number '{number}'"
                )
                continue
            digest = _digest(key, token)
            if digest in users:
                warnings.append(
                    f"duplicate token has been found in token file '{path}', "
                    f"record number '{number}'"
                )
            users[digest] = _user_from(members)
    except CsvError as error:
        raise TokenFileError(f"token file '{path}': {error}") from None
    return TokenFile(key, users, tuple(warnings))


def _user_from(members: list[str]) -> UserInfo:
    """Return name, uid and the groups of the next column; Go splits "" into one empty group."""
    groups = tuple(members[2].split(",")) if len(members) > 2 else ()
    return UserInfo(username=members[0], uid=members[1], groups=groups)


def _digest(key: bytes, token: str) -> bytes:
    return hmac.digest(key, token.encode("utf-8", "surrogateescape"), "sha256")
