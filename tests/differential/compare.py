"""Both logs joined by Audit-ID and stage, and every difference by its kind."""

import json
import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.conformance.compare import differences
from tests.e2e.controllers import NOT_COMPARED, same_user

Event = dict[str, Any]

SERVERS_OWN_KEYS = ("d-warn/seen", "judge.example.com/seen")
"""Audit annotations that the rig's admission policy and webhook set: only the server knows them."""

_INDEX = re.compile(r"\[\d+\]")
_NUMBER = r"'?[-+.\d]+(?:[numkMGTPE]i?|[eE][-+]?\d+)?'?"
_TIME = r"'\d{4}-\d\d-\d\dT[^']*'"
_SPELLINGS = (
    (re.compile(rf"{_NUMBER} became {_NUMBER}"), "the spelling of a Quantity"),
    (re.compile(rf"(?:None|{_TIME}) became {_TIME}"), "the spelling of a time"),
    (re.compile(r".* became (?:None|''|\[\]|\{\})"), "a default in place of an empty member"),
)
"""Both values of a member of requestObject, and what tells them apart."""


@dataclass
class Kind:
    """One kind of difference."""

    count: int = 0
    example: str = ""
    codes: Counter[str] = field(default_factory=Counter)


@dataclass
class Report:
    """What the comparison found."""

    events: int = 0
    equal: int = 0
    kinds: dict[str, Kind] = field(default_factory=dict)
    lost: int = 0
    """Events that the server itself says it could not write; the proxy's are not compared."""
    requests: int = 0
    answered: Counter[int] = field(default_factory=Counter)
    seconds: float = 0.0

    @property
    def share(self) -> float:
        """Equal events of all, from 0 to 1."""
        return self.equal / self.events if self.events else 0.0

    def add(self, kind: str, where: str, example: str) -> None:
        """Count a difference."""
        found = self.kinds.setdefault(kind, Kind(example=example))
        found.count += 1
        found.codes[where] += 1

    def __str__(self) -> str:
        codes = ", ".join(f"{n} x {code}" for code, n in sorted(self.answered.items()))
        lines = [f"{self.requests} requests in {self.seconds:.0f} s; answers: {codes}"]
        for name, kind in sorted(self.kinds.items(), key=lambda item: -item[1].count):
            lines.append(f"{kind.count:6} {100 * kind.count / max(self.events, 1):6.2f} %  {name}")
            lines.append(
                "       " + "; ".join(f"{n} x {where}" for where, n in kind.codes.most_common(8))
            )
            lines.append(f"       {kind.example}")
        if self.lost:
            lines.append(f"{self.lost} more were lost by kube-apiserver, whose log says so")
        lines.append(f"{self.events} events, {self.equal} equal ({100 * self.share:.2f} %)")
        return "\n".join(lines)


def compare(
    ours: Iterable[Event],
    theirs: Iterable[Event],
    lines: dict[str, str],
    *,
    direct: Collection[str] = (),
    lost: Collection[tuple[str, str]] = (),
    identity: str = "impersonate",
) -> Report:
    """Compare the proxy's events with the server's own.

    ``lines`` is the request line of each Audit-ID; events of other requests do not count.
    ``direct`` are the requests that the server got from the client itself too: they are compared
    to the last member. ``lost`` are Audit-ID and stage of events that the server says it could not
    write (a patch that is no JSON): what the proxy wrote is no difference. Of the others the user counts as the server sees it by ``identity``, the
    value of --upstream-identity, and addresses do not.
    """
    report = Report()
    counterparts = {(event["auditID"], event["stage"]): event for event in theirs}
    for event in ours:
        audit_id = event["auditID"]
        if audit_id not in lines:
            continue
        if (audit_id, event["stage"]) in lost:
            report.lost += 1
            continue
        report.events += 1
        line = f"{lines[audit_id]} {audit_id}"
        recorded = counterparts.pop((audit_id, event["stage"]), None)
        if recorded is None:
            report.add(f"only auditproxy has a {event['stage']}", _where(event), line)
            continue
        found = list(_faults(recorded, event, identity=identity, direct=audit_id in direct))
        report.equal += not found
        for kind, detail in dict(reversed(found)).items():
            report.add(kind, _where(event), f"{line} {event['stage']}: {detail[:600]}")
    for (audit_id, stage), event in counterparts.items():
        if audit_id in lines:
            report.events += 1
            report.add(
                f"only kube-apiserver has a {stage}", _where(event), f"{lines[audit_id]} {audit_id}"
            )
    return report


def _where(event: Event) -> str:
    """Verb and code, to tell the cases of one kind apart."""
    code = event.get("responseStatus", {}).get("code", "-")
    reference = event.get("objectRef", {})
    sub = "/" + reference["subresource"] if "subresource" in reference else ""
    return f"{event['verb']}{sub} {code}"


def _faults(
    recorded: Event, ours: Event, *, identity: str, direct: bool
) -> Iterator[tuple[str, str]]:
    """Each difference: its kind, and both values."""
    left_out = () if direct else ("sourceIPs",) if identity == "passthrough" else NOT_COMPARED
    theirs = {k: v for k, v in recorded.items() if k not in left_out}
    mine = {k: v for k, v in ours.items() if k not in left_out}
    theirs["annotations"] = {
        k: v for k, v in theirs.get("annotations", {}).items() if k not in SERVERS_OWN_KEYS
    }
    if "user" in left_out:
        # A front proxy's headers already name whom the client acts as.
        seen = {**recorded, "impersonatedUser": recorded["user"]}
        if not same_user(ours, seen if identity == "request-header" else recorded):
            whom = recorded.get("impersonatedUser", recorded["user"])
            yield "user", f"{whom} became {ours.get('impersonatedUser', ours['user'])}"
    for fault in differences(theirs, mine, with_objects=True):
        member, _, detail = fault.partition(":")
        if member == "annotations":
            yield from _annotations(theirs["annotations"], mine.get("annotations", {}))
        else:
            yield _kind(member, theirs, mine, detail), f"{member}:{detail}"


def _kind(member: str, theirs: Event, mine: Event, detail: str) -> str:
    """The member without what differs from object to object, and which side lacks it."""
    top = member.partition(".")[0].partition("[")[0]
    if (top in theirs) != (top in mine):
        return f"{top}: only {'kube-apiserver' if top in theirs else 'auditproxy'} has one"
    if top == "responseStatus":
        names = _unlike(theirs[top], mine[top])
        bare = "status" in theirs[top] and "status" not in mine[top]
        return f"{top}: only its code is known" if bare else f"{top}.{','.join(names)}"
    if top == "objectRef":
        return f"{top}.{','.join(_unlike(theirs[top], mine[top]))}"
    if top == "responseObject" and theirs[top].get("kind") != mine[top].get("kind"):
        return f"{top}: another kind of object"
    if top == "requestObject":
        for pattern, what in _SPELLINGS:
            if pattern.fullmatch(detail.strip()):
                return f"{top}: {what}"
    return _INDEX.sub("[]", member)


def _unlike(theirs: Event, mine: Event) -> list[str]:
    """Members that differ; ``-`` marks those that only the server has, ``+`` those that only we have."""
    return [
        name + ("+" if name not in theirs else "-" if name not in mine else "")
        for name in sorted(theirs.keys() | mine.keys())
        if theirs.get(name) != mine.get(name)
    ]


def _annotations(theirs: dict[str, str], mine: dict[str, str]) -> Iterator[tuple[str, str]]:
    """One difference for each annotation."""
    for key in sorted(theirs.keys() | mine.keys()):
        left, right = theirs.get(key), mine.get(key)
        if not differences(
            {"annotations": {key: left} if left is not None else {}},
            {"annotations": {key: right} if right is not None else {}},
            with_objects=True,
        ):
            continue
        which = (
            " only in kube-apiserver"
            if right is None
            else " only in auditproxy"
            if left is None
            else ""
        )
        yield f"annotations[{key}]{which}", f"{key}: {left!r} became {right!r}"


_LOST = re.compile(r'AUDIT: id="([^"]*)" stage="([^"]*)"')


def lost_events(log: Path) -> set[tuple[str, str]]:
    """Audit-ID and stage of each event that kube-apiserver's own log says its audit log lost.

    It names them below "Error in audit plugin", and events nowhere else.
    """
    text = log.read_text(encoding="utf-8", errors="replace")
    return {(found[1], found[2]) for found in _LOST.finditer(text)}


def read_log(path: Path) -> Iterator[Event]:
    """The events of a log."""
    with path.open("rb") as lines:
        for line in lines:
            # A patch is in the server's log as it was sent, UTF-8 or not.
            yield json.loads(line.decode(errors="replace"))
