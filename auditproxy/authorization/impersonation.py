"""Impersonation: which user a client asks to act as, and whether it may.

    Impersonate-* headers --parse--> wanted user
        --modes, the last successful one first--> Impersonated
                                              \\--> ImpersonationForbidden (403)
    headers without Impersonate-User --> ImpersonationBadRequest (400)

As kube-apiserver 1.36 with constrained impersonation (apiserver
endpoints/filters/impersonation); the modes are in impersonation_modes.py.
"""

from collections import OrderedDict
from dataclasses import dataclass

import msgspec

from auditproxy.apis.attributes import Attributes
from auditproxy.apis.gotext import go_quote
from auditproxy.apis.status import Status
from auditproxy.apis.user import UserInfo
from auditproxy.authorization.authorizer import Authorizer
from auditproxy.authorization.impersonation_modes import (
    MODES,
    ImpersonationForbidden,
    Mode,
    ModeName,
    default_groups,
    effective_groups,
)
from auditproxy.request.extrakeys import unescape_extra_key
from auditproxy.request.headers import ClientHeaders

MODE_MEMORY = 10_000
"""Number of requestors whose last successful mode is remembered."""

MAXIMUM_CHECKS = 512
"""Groups and extra values of one request; each may cost one review by the upstream."""

_EXTRA_PREFIX = "Impersonate-Extra-"


class ImpersonationBadRequest(ValueError):  # noqa: N818 - the name of the answer
    """The Impersonate-* headers are inconsistent; the text is the 400's message."""


@dataclass(frozen=True, slots=True)
class Impersonated:
    """The user that the request acts as from now on.

    ``constraint`` is the verb of the constrained mode that allowed it, "" for the
    legacy mode. ``wanted`` is the requested user, before groups were added.
    ``decided`` is False if the upstream has yet to decide whether it is allowed.
    """

    user: UserInfo
    constraint: str
    wanted: UserInfo
    decided: bool = True


def parse(headers: ClientHeaders) -> UserInfo | None:
    """Return the user in the Impersonate-* headers, unchanged; None if they name none.

    Only the first Impersonate-User applies, empty groups are kept, values are not
    split at commas. Raises ImpersonationBadRequest with Go's text for a uid, group or
    extra without a user.
    """
    if not headers.impersonates:
        return None
    username = headers.get("Impersonate-User")
    uid = headers.get("Impersonate-Uid")
    groups = tuple(headers.values("Impersonate-Group"))
    extra: dict[str, tuple[str, ...]] = {}
    for name, value in headers.with_prefix(_EXTRA_PREFIX):
        key = unescape_extra_key(name[len(_EXTRA_PREFIX) :])
        extra[key] = (*extra.get(key, ()), value)
    wanted = UserInfo(username=username, uid=uid, groups=groups, extra=extra)
    if username:
        return wanted
    if uid or groups or extra:
        raise ImpersonationBadRequest(
            f"requested {_go_syntax(wanted)} without impersonating a user name"
        )
    return None


def _go_syntax(user: UserInfo) -> str:
    """Return Go's ``%#v`` of a pointer to user.DefaultInfo."""
    extra = ", ".join(
        f"{go_quote(key)}:{_go_slice(values)}" for key, values in sorted(user.extra.items())
    )
    return (
        f"&user.DefaultInfo{{Name:{go_quote(user.username)}, UID:{go_quote(user.uid)}, "
        f"Groups:{_go_slice(user.groups)}, "
        f"Extra:map[string][]string{f'{{{extra}}}' if user.extra else '(nil)'}}}"
    )


def _go_slice(values: tuple[str, ...]) -> str:
    if not values:
        return "[]string(nil)"
    return f"[]string{{{', '.join(map(go_quote, values))}}}"


class Impersonator:
    """Lets clients act as other users if the authorizer allows it.

    Remembers per requestor the mode that last succeeded and tries it first, as
    kube-apiserver does: the effective user of a cluster admin depends on it.
    """

    def __init__(self, authorizer: Authorizer, memory: int = MODE_MEMORY) -> None:
        self._authorizer = authorizer
        self._memory = memory
        self._last: OrderedDict[str, ModeName] = OrderedDict()

    async def impersonate(
        self, headers: ClientHeaders, requestor: UserInfo, attributes: Attributes
    ) -> Impersonated | None:
        """Return the user the request acts as; None without impersonation headers.

        Raises ImpersonationBadRequest and ImpersonationForbidden.
        """
        wanted = parse(headers)
        if wanted is None:
            return None
        checks = len(wanted.groups) + sum(map(len, wanted.extra.values()))
        if checks > MAXIMUM_CHECKS:
            raise ImpersonationBadRequest(
                f"requested more than {MAXIMUM_CHECKS} groups and extra values"
            )
        return await self.authorize(attributes, requestor, wanted)

    async def authorize(
        self, attributes: Attributes, requestor: UserInfo, wanted: UserInfo
    ) -> Impersonated:
        """Return the impersonated user; ``attributes`` are those of the request itself.

        Raises ImpersonationForbidden with the first refusal: that of the remembered
        mode if it applied, otherwise the first in the order of the modes.
        """
        remembered = self._last.get(requestor.username)
        modes = list(MODES.values())
        if remembered is not None:
            self._last.move_to_end(requestor.username)
            modes.sort(key=lambda mode: mode.name != remembered)
        request = msgspec.structs.replace(attributes, user=requestor)
        first: ImpersonationForbidden | None = None
        for mode in modes:
            if not mode.applies(wanted, requestor):
                continue
            try:
                user = await mode.check(self._authorizer, request, requestor, wanted)
            except ImpersonationForbidden as refusal:
                first = first or refusal
                continue
            self._remember(requestor.username, mode)
            return Impersonated(user, mode.constraint, wanted)
        # The legacy mode always applies, so at least one mode has refused.
        raise first or ImpersonationForbidden(_refused_by_all())

    def _remember(self, username: str, mode: Mode) -> None:
        self._last[username] = mode.name
        self._last.move_to_end(username)
        if len(self._last) > self._memory:
            self._last.popitem(last=False)


class DeferredImpersonator:
    """Leaves the decision to the upstream, which sees the client's own credential.

    Only for --upstream-identity=passthrough: with our credential upstream, every client
    could act as any user. The mode that the upstream chooses is not known here, so no
    constraint is recorded.
    """

    async def impersonate(
        self, headers: ClientHeaders, requestor: UserInfo, attributes: Attributes
    ) -> Impersonated | None:
        """Return the user to act as if the upstream allows it; raises ImpersonationBadRequest."""
        wanted = parse(headers)
        if wanted is None:
            return None
        groups = default_groups(wanted.username, effective_groups(wanted, constrained=False))
        user = msgspec.structs.replace(wanted, groups=groups)
        return Impersonated(user, "", wanted, decided=False)


def _refused_by_all() -> Status:
    return Status(
        metadata={},
        status="Failure",
        message="all impersonation modes failed",
        reason="InternalError",
        code=500,
    )
