"""Judging: what it means that a trail has a request and the other one has not.

Pure.

    in theirs alone   bypassed: it did not come through the proxy; or ignored, by its user; or the
                      proxy's own question, such as a TokenReview
    in ours alone     refused by the proxy; not recorded by their policy; or missing
    in both           the same, or different in user, verb, path, query, code or end
"""

from collections import Counter
from collections.abc import Callable
from urllib.parse import urlencode

import msgspec

from auditproxy.audit.redaction.redactor import MARKER
from auditproxy.commands.reconcile.pairing import Pair, SideRecord

BYPASSED = "bypassed"
DIFFERENT = "different"
IGNORED = "ignored"
OWN = "own"
REFUSED = "refused"
UNRECORDED = "unrecorded"
MISSING = "missing"
MATCHED = "matched"
OUTSIDE = "outside"

MOST_USERS = 10_000
"""Users that are counted one by one."""
OTHERS = "(other users)"
_OWN_PATHS = (
    "/apis/authentication.k8s.io/v1/tokenreviews",
    "/apis/authentication.k8s.io/v1/selfsubjectreviews",
    "/apis/authorization.k8s.io/v1/subjectaccessreviews",
    "/version",
)
_CLIENT = "auditproxy/"
_SERVER_ERRORS = 500
_REFUSALS = frozenset((401, 403, 429))


class Known(msgspec.Struct, frozen=True):
    """What was found out of both trails before."""

    begin: int
    end: int
    """The period that both have, in microseconds."""
    peers: frozenset[str] = frozenset()
    """Addresses from which the proxy's requests came to the API server."""
    account: str | None = None
    """The user that the proxy impersonates others with."""
    kinds: frozenset[tuple[str, str, str, str]] = frozenset()
    """The kinds of requests that their trail has at all."""
    has_codes: bool = True
    """Whether the codes of their trail are the API server's own."""


class PairVerdict(msgspec.Struct, frozen=True):
    """What a pair is; ``differences`` are members with the values of ours and of theirs."""

    what: str
    record: SideRecord
    differences: tuple[tuple[str, str, str], ...] = ()


def judge(pair: Pair, known: Known, is_ignored: Callable[[str], bool]) -> PairVerdict:
    """What a pair is. ``is_ignored`` is asked about the user that authenticated."""
    ours, theirs = pair
    if ours is not None and theirs is not None:
        found = tuple(_differences(ours, theirs, known))
        return PairVerdict(DIFFERENT if found else MATCHED, theirs if found else ours, found)
    record = ours or theirs
    assert record is not None
    if record.received < known.begin or record.ended > known.end:
        return PairVerdict(OUTSIDE, record)
    if theirs is not None:
        return PairVerdict(_of_theirs(theirs, known, is_ignored), theirs)
    return PairVerdict(_of_ours(record, known), record)


def _differences(ours: SideRecord, theirs: SideRecord, known: Known) -> list[tuple[str, str, str]]:
    members = [
        ("user", ours.actor, theirs.actor),
        ("verb", ours.verb or "", theirs.verb or ""),
        ("path", ours.path, theirs.path),
    ]
    if known.has_codes:
        if ours.code and theirs.code:
            members.append(("code", str(ours.code), str(theirs.code)))
        if _shown_query(ours, ours) != _shown_query(theirs, ours):
            members.append(("query", urlencode(ours.query), urlencode(theirs.query)))
        if ours.is_cut and not theirs.is_cut:
            # It may never have been forwarded: the other one can be a direct one with its audit ID.
            members.append(("end", "cut off by the client", "answered"))
    is_by_another = theirs.impersonated and theirs.username not in (ours.username, known.account)
    if is_by_another and known.account:
        members.append(("impersonator", known.account, theirs.username or ""))
    return [member for member in members if member[1] != member[2]]


def _shown_query(record: SideRecord, ours: SideRecord) -> list[tuple[str, str]]:
    """The parameters that can be compared: not those whose values the proxy has redacted."""
    redacted = {name for name, value in ours.query if MARKER in value}
    return [(name, value) for name, value in record.query if name not in redacted]


def _of_theirs(theirs: SideRecord, known: Known, is_ignored: Callable[[str], bool]) -> str:
    is_own = (
        (theirs.client or "").startswith(_CLIENT)
        and theirs.peer in known.peers
        and theirs.path in _OWN_PATHS
        and (known.account is None or theirs.username == known.account)
    )
    if is_own:
        return OWN
    return IGNORED if is_ignored(theirs.username or "") else BYPASSED


def _of_ours(ours: SideRecord, known: Known) -> str:
    code = ours.code or 0
    if code in _REFUSALS or code >= _SERVER_ERRORS:
        return REFUSED
    return MISSING if ours.what in known.kinds else UNRECORDED


class VerdictTally:
    """How many of each verdict there are, together and by user."""

    def __init__(self) -> None:
        self.together: Counter[str] = Counter()
        self.by_user: dict[str, Counter[str]] = {}
        self.times: dict[str, tuple[int, int]] = {}
        """When the first and the last request of a user bypassed the proxy."""

    def add(self, verdict: PairVerdict) -> None:
        """Count one."""
        record = verdict.record
        # Of one that both have, the user is the one that ours has; else the one that came in.
        user = record.username or ""
        if verdict.what in (DIFFERENT, MATCHED):
            user = record.actor
        user = self._count(user, verdict.what, 1)
        if verdict.what == BYPASSED:
            first, last = self.times.get(user, (record.received, record.received))
            self.times[user] = min(first, record.received), max(last, record.received)

    def add_matched(self, user: str, count: int) -> None:
        """Count requests of one user that were found to be matched."""
        self._count(user, MATCHED, count)

    def _count(self, user: str, what: str, count: int) -> str:
        self.together[what] += count
        if user not in self.by_user and len(self.by_user) >= MOST_USERS:
            user = OTHERS
        self.by_user.setdefault(user, Counter())[what] += count
        return user
