"""authentication.k8s.io UserInfo: a user's name, uid, groups and extra fields."""

import msgspec

ANONYMOUS = "system:anonymous"
UNAUTHENTICATED = "system:unauthenticated"
AUTHENTICATED = "system:authenticated"
MASTERS = "system:masters"

CREDENTIAL_ID = "authentication.kubernetes.io/credential-id"
"""The key in ``extra`` that names the credential a user showed."""


class UserInfo(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A user as events and reviews show it; every empty member is omitted.

    ``extra`` maps a key to its values; do not change it, the value is shared.
    """

    username: str = ""
    uid: str = ""
    groups: tuple[str, ...] = ()
    extra: dict[str, tuple[str, ...]] = {}


NOBODY = UserInfo()
