"""The modes of impersonation, and the checks that each requires.

    associated-node   a service account becomes the node it runs on
    arbitrary-node    a node
    serviceaccount    a service account
    user-info         any other user, with uid, groups and extra
    legacy            any user

A constrained mode (all but the last) first checks whether the requestor may
``impersonate-on:<mode>:<verb>`` the object of the request itself. Every mode then
checks username, uid, groups and extra, in this order, with the verb
``impersonate:<mode>``, or ``impersonate`` in the legacy mode.

Source: apiserver endpoints/filters/impersonation/mode.go (1.36).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import msgspec

from auditproxy.apis.attributes import Attributes
from auditproxy.apis.status import Status, new_forbidden
from auditproxy.apis.user import ANONYMOUS, AUTHENTICATED, MASTERS, UNAUTHENTICATED, UserInfo
from auditproxy.authorization.authorizer import Authorizer, first_refusal
from auditproxy.authorization.names import (
    extra_fault,
    node_name,
    service_account_groups,
    split_service_account,
)

ModeName = Literal["associated-node", "arbitrary-node", "serviceaccount", "user-info", "legacy"]

NODE_NAME = "authentication.kubernetes.io/node-name"
ASSOCIATED_NODE_KEYS = "authentication.kubernetes.io/associated-node-keys"

MANY_CHECKS = 4
"""From this many groups or extra values on, one check of all of them is tried first."""

_AUTHENTICATION_GROUP = "authentication.k8s.io"
_NODES = "system:nodes"


class ImpersonationForbidden(Exception):  # noqa: N818 - the name of the answer
    """The requestor may not act as this user; ``status`` is the 403 to return."""

    def __init__(self, status: Status) -> None:
        super().__init__(status.message)
        self.status = status


@dataclass(frozen=True, slots=True)
class Mode:
    """One mode; ``applies`` is whether it can be used for this wanted user and requestor."""

    name: ModeName
    applies: Callable[[UserInfo, UserInfo], bool]

    @property
    def constrained(self) -> bool:
        """Whether this mode also checks the action of the request."""
        return self.name != "legacy"

    @property
    def constraint(self) -> str:
        """The value recorded in the event: the verb of the mode, "" for legacy."""
        return f"impersonate:{self.name}" if self.constrained else ""

    async def check(
        self, authorizer: Authorizer, request: Attributes, requestor: UserInfo, wanted: UserInfo
    ) -> UserInfo:
        """Return the effective user; raises ImpersonationForbidden with the first refusal."""
        asked_as = requestor
        if self.name == "associated-node":
            # The answer must hold for the same service account on every node.
            keys = tuple(sorted(requestor.extra))
            asked_as = msgspec.structs.replace(requestor, extra={ASSOCIATED_NODE_KEYS: keys})
        checks = _Checks(self, authorizer, asked_as)
        if self.constrained:
            verb = f"impersonate-on:{self.name}:{request.verb}"
            checks.ask(msgspec.structs.replace(request, user=asked_as, verb=verb))
        checks.username(wanted.username)
        if wanted.uid:
            checks.item("uids", wanted.uid)
        await checks.groups(wanted.groups)
        await checks.extras(wanted.extra)
        await checks.answered()
        groups = effective_groups(wanted, constrained=self.constrained)
        return msgspec.structs.replace(wanted, groups=default_groups(wanted.username, groups))


class _Checks:
    """The checks of one mode for each part of the wanted user.

    Independent checks are collected and sent together. The first refusal, in the order
    in which they were added, is raised.
    """

    def __init__(self, mode: Mode, authorizer: Authorizer, requestor: UserInfo) -> None:
        self._mode = mode
        self._authorizer = authorizer
        self._requestor = requestor
        self._gathered: list[Attributes] = []

    def ask(self, attributes: Attributes) -> None:
        """Add a check."""
        self._gathered.append(attributes)

    async def answered(self) -> None:
        """Send the collected checks; raises ImpersonationForbidden with the first refusal."""
        questions, self._gathered = self._gathered, []
        refused = await first_refusal(self._authorizer, questions)
        if refused is not None:
            attributes, decision = refused
            reason = ": ".join(filter(None, (decision.error, decision.reason)))
            raise ImpersonationForbidden(new_forbidden(attributes, reason))

    def _attributes(
        self, resource: str, name: str, subresource: str = "", namespace: str = ""
    ) -> Attributes:
        # Legacy checks users, groups and service accounts in the core group.
        core = not self._mode.constrained and resource not in ("uids", "userextras")
        return Attributes(
            user=self._requestor,
            verb=self._mode.constraint or "impersonate",
            is_resource_request=True,
            path="",
            namespace=namespace,
            api_group="" if core else _AUTHENTICATION_GROUP,
            api_version="v1",
            resource=resource,
            subresource=subresource,
            name=name,
        )

    def item(self, resource: str, name: str, subresource: str = "") -> None:
        """Add a check of one value."""
        self.ask(self._attributes(resource, name, subresource))

    def username(self, username: str) -> None:
        """Add a check of the name, as a node or service account if it is one."""
        account = split_service_account(username)
        if account is not None:
            namespace, name = account
            self.ask(self._attributes("serviceaccounts", name, namespace=namespace))
            return
        node = node_name(username) if self._mode.constrained else None
        if node is None:
            self.item("users", username)
        elif self._mode.name == "associated-node":
            self.item("nodes", "*")
        else:
            self.item("nodes", node)

    async def groups(self, groups: tuple[str, ...]) -> None:
        """Check all groups at once if there are many, otherwise each."""
        if not groups:
            return
        if self._mode.constrained:
            if "" in groups:
                await self._refuse(
                    "groups", "", "impersonating the empty string group is not allowed"
                )
            if MASTERS in groups:
                await self._refuse(
                    "groups", MASTERS, "impersonating the system:masters group is not allowed"
                )
            if len(groups) >= MANY_CHECKS and await self._allowed_all("groups"):
                return
        for group in groups:
            self.item("groups", group)

    async def extras(self, extra: dict[str, tuple[str, ...]]) -> None:
        """Check all extra values at once if there are many, otherwise each."""
        if not extra:
            return
        if self._mode.constrained:
            fault = extra_fault(extra)
            if fault is not None:
                await self._refuse("userextras", "", fault)
            values = sum(len(values) for values in extra.values())
            if max(len(extra), values) >= MANY_CHECKS and await self._allowed_all(
                "userextras", subresource="*"
            ):
                return
        for key, key_values in extra.items():
            for value in key_values:
                self.item("userextras", value, subresource=key)

    async def _allowed_all(self, resource: str, subresource: str = "") -> bool:
        await self.answered()
        decision = await self._authorizer.authorize(self._attributes(resource, "*", subresource))
        return decision.allowed

    async def _refuse(self, resource: str, name: str, reason: str) -> None:
        await self.answered()
        raise ImpersonationForbidden(new_forbidden(self._attributes(resource, name), reason))


def effective_groups(wanted: UserInfo, *, constrained: bool) -> tuple[str, ...]:
    """Return the groups implied by the name: for nodes, and service accounts without groups."""
    if constrained and node_name(wanted.username) is not None:
        return (_NODES,)
    account = split_service_account(wanted.username)
    if account is not None and not wanted.groups:
        return service_account_groups(account[0])
    return wanted.groups


def default_groups(username: str, groups: tuple[str, ...]) -> tuple[str, ...]:
    """Add system:authenticated or system:unauthenticated unless the groups contain it."""
    if username == ANONYMOUS:
        wanted = UNAUTHENTICATED
    elif UNAUTHENTICATED in groups:
        return groups
    else:
        wanted = AUTHENTICATED
    return groups if wanted in groups else (*groups, wanted)


def _only_name(wanted: UserInfo) -> bool:
    return not wanted.uid and not wanted.groups and not wanted.extra


def _is_associated_node(wanted: UserInfo, requestor: UserInfo) -> bool:
    node = node_name(wanted.username)
    return (
        _only_name(wanted)
        and node is not None
        and split_service_account(requestor.username) is not None
        and requestor.extra.get(NODE_NAME, ()) == (node,)
    )


def _is_node(wanted: UserInfo, requestor: UserInfo) -> bool:
    return _only_name(wanted) and node_name(wanted.username) is not None


def _is_service_account(wanted: UserInfo, requestor: UserInfo) -> bool:
    return _only_name(wanted) and split_service_account(wanted.username) is not None


def _is_other(wanted: UserInfo, requestor: UserInfo) -> bool:
    return node_name(wanted.username) is None and split_service_account(wanted.username) is None


def _always(wanted: UserInfo, requestor: UserInfo) -> bool:
    return True


MODES: dict[ModeName, Mode] = {
    mode.name: mode
    for mode in (
        Mode("associated-node", _is_associated_node),
        Mode("arbitrary-node", _is_node),
        Mode("serviceaccount", _is_service_account),
        Mode("user-info", _is_other),
        Mode("legacy", _always),
    )
}
"""All modes, in the order in which they are tried."""
