"""The original user as an extra field of the user that the upstream sees.

Behind an impersonation the upstream knows only the impersonated user. With
--impersonation-original-user-extra it learns who asked, from the proxy only.
"""

import msgspec

from auditproxy.apis.user import UserInfo
from auditproxy.authentication.headersafe import lower_ascii
from auditproxy.upstream.identityheaders import UnforwardableIdentityError


def with_original_user(user: UserInfo, original: UserInfo | None, key: str) -> UserInfo:
    """The user with ``original``'s name under ``key``; as it is without an original or a key.

    Raises UnforwardableIdentityError for a user that has the key already, be it from
    the client's headers or from its token, with or without an impersonation.
    """
    if not key:
        return user
    if any(lower_ascii(each) == key for each in user.extra):
        raise UnforwardableIdentityError(f"the extra field {key} may be set by the proxy only")
    if original is None:
        return user
    return msgspec.structs.replace(user, extra={**user.extra, key: (original.username,)})
