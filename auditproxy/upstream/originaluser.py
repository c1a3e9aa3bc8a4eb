"""Add the original user as an extra field of the user that the upstream sees.

With impersonation the upstream sees only the impersonated user. With
--impersonation-original-user-extra it also learns the original one, from the proxy alone.
"""

import msgspec

from auditproxy.apis.user import UserInfo
from auditproxy.authentication.headersafe import lower_ascii
from auditproxy.upstream.identityheaders import UnforwardableIdentityError


def with_original_user(user: UserInfo, original: UserInfo | None, key: str) -> UserInfo:
    """Return the user with ``original``'s name under ``key``; unchanged if either is missing.

    Raises UnforwardableIdentityError for a user that already has the key, whether from the
    client's headers or from its token, with or without impersonation.
    """
    if not key:
        return user
    if any(lower_ascii(each) == key for each in user.extra):
        raise UnforwardableIdentityError(f"only the proxy may set the extra field {key}")
    if original is None:
        return user
    return msgspec.structs.replace(user, extra={**user.extra, key: (original.username,)})
