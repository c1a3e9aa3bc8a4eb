"""The audit policy: read once at the start, evaluated once for every request.

    text --decode_policy--> WrittenPolicy --validate_policy--> Policy --> PolicyRuleEvaluator

A policy that kube-apiserver refuses is refused with its error texts. Its warnings
(unknown fields, duplicate keys) are returned, and the caller decides whether to
continue (apiserver audit/policy/{reader,checker}.go).
"""

import re
from collections.abc import Callable

import msgspec

from auditproxy.apis.attributes import Attributes, RequestInfo
from auditproxy.apis.audit import (
    LEVEL_WORDS,
    Level,
    Policy,
    PolicyRule,
    RequestAuditConfig,
    Stage,
)
from auditproxy.apis.memo import Memo
from auditproxy.apis.user import UserInfo
from auditproxy.audit.policy.decoding import PolicyError, WrittenRule, decode_policy
from auditproxy.audit.policy.matching import Matcher
from auditproxy.audit.policy.validation import aggregate, validate_policy
from auditproxy.request.attributes import attributes

_ENTRY = re.compile(r"\.resources\[[0-9]+\]")
_LEVELS = {word: level for level, word in LEVEL_WORDS.items()}

LENIENT = "Audit policy contains errors, falling back to lenient decoding: "
"""kube-apiserver's words before what strict decoding would refuse (audit/policy/reader.go)."""

FALLING_BACK = "; falling back to lenient decoding"
"""What our own lines about the same end with."""


def load_policy(text: bytes, path: str = "") -> tuple[Policy, tuple[str, ...]]:
    """The policy in a file's text, JSON or YAML, and kube-apiserver's warnings about it.

    ``path`` only names the file in errors. Raises PolicyError with
    kube-apiserver's text.
    """
    try:
        return _load(text)
    except PolicyError as error:
        if not path:
            raise
        why = f"{error}: from file {path}"
        raise PolicyError(why, error.reasons, error.strict_errors) from None


def _load(text: bytes) -> tuple[Policy, tuple[str, ...]]:
    """Decode, validate, and convert texts to levels and stages."""
    try:
        written, strict_errors = decode_policy(text)
    except PolicyError as error:
        if error.readable is None:
            raise
        # kube-apiserver would say this at the next start.
        more = [
            fault
            for fault in dict.fromkeys(validate_policy(error.readable))
            if not _follows(fault.partition(": ")[0], error.unread)
        ]
        raise PolicyError(
            str(error),
            (*error.reasons, *more),
            error.strict_errors,
            error.readable,
            error.unread,
        ) from None
    faults = tuple(dict.fromkeys(validate_policy(written)))
    if not faults and not written.rules:
        faults = ("loaded illegal policy with 0 rules; add one, such as - level: Metadata",)
    if faults:
        raise PolicyError(aggregate(faults), faults, strict_errors, written)
    policy = Policy(
        rules=tuple(_rule(rule) for rule in written.rules),
        omit_stages=tuple(Stage(stage) for stage in written.omit_stages),
        omit_managed_fields=written.omit_managed_fields,
    )
    return policy, tuple(LENIENT + text for text in strict_decoding_error(strict_errors))


def _follows(path: str, unread: tuple[str, ...]) -> bool:
    """Whether a fault at a path may only be there because a value could not be read."""
    # Faults of resources have no index, and names need resources beside them.
    needed = f"{path.removesuffix('Names')}s" if path.endswith(".resourceNames") else path
    return any(
        place == one or place.startswith((f"{one}.", f"{one}["))
        for one in (_ENTRY.sub(".resources", written) for written in unread)
        for place in (path, needed)
    )


def strict_decoding_error(strict_errors: tuple[str, ...]) -> tuple[str, ...]:
    """The one text about all that strict decoding refuses; empty for none."""
    if not strict_errors:
        return ()
    return (f"strict decoding error: {', '.join(map(_plain, strict_errors))}",)


def _plain(error: str) -> str:
    """A strict error in one line, without the YAML library's heading over several."""
    return error.removeprefix("yaml: unmarshal errors:\n  ").replace("\n  ", ", ")


def _rule(rule: WrittenRule) -> PolicyRule:
    """Return a rule whose texts have been validated."""
    return PolicyRule(
        level=_LEVELS[rule.level],
        users=rule.users,
        user_groups=rule.user_groups,
        verbs=rule.verbs,
        resources=rule.resources,
        namespaces=rule.namespaces,
        non_resource_urls=rule.non_resource_urls,
        omit_stages=tuple(Stage(stage) for stage in rule.omit_stages),
        omit_managed_fields=rule.omit_managed_fields,
    )


def with_stage(policy: Policy, stage: Stage) -> Policy:
    """The policy with no rule omitting a stage."""

    def kept(stages: tuple[Stage, ...]) -> tuple[Stage, ...]:
        return tuple(omitted for omitted in stages if omitted is not stage)

    return msgspec.structs.replace(
        policy,
        omit_stages=kept(policy.omit_stages),
        rules=tuple(
            msgspec.structs.replace(rule, omit_stages=kept(rule.omit_stages))
            for rule in policy.rules
        ),
    )


MAXIMUM_DECISIONS = 4096
"""Kinds of requests whose decision is remembered."""

LONGEST_KIND = 512
"""Characters of group, resource and subresource, or of the path, of one of them."""

MOST_GROUPS = 64
"""Groups of the user of one of them."""


Kind = tuple[object, ...]
"""What the rules of one policy match of a RequestInfo."""


class PolicyRuleEvaluator:
    """Decides how much of each request is recorded; the first matching rule applies.

    Decisions are remembered by what the rules match: a name, a namespace, a user or a verb that
    no rule mentions is like any other that none does.
    """

    __slots__ = ("_by_groups", "_by_path", "_decisions", "_indexes", "_mentioned", "evaluate")

    evaluate: Callable[[Attributes], RequestAuditConfig]
    """What the policy says about a request, by its original user."""

    def __init__(self, policy: Policy) -> None:
        default = RequestAuditConfig(
            Level.NONE, frozenset(policy.omit_stages), policy.omit_managed_fields
        )
        rules = [(rule, _config(policy, rule)) for rule in policy.rules]
        # The matcher's own method: a wrapper would cost every request a call.
        self.evaluate = Matcher(rules, default).first
        # Each rule has a config of its own, equal to others' or not.
        self._indexes = {id(config): index for index, (_, config) in enumerate(rules)}
        every = policy.rules
        self._mentioned = frozenset(
            {word for rule in every for word in (*rule.users, *rule.verbs, *rule.namespaces)}
        ) | {name for rule in every for each in rule.resources for name in each.resource_names}
        self._by_groups = any(rule.user_groups for rule in every)
        self._by_path = any(set(rule.non_resource_urls) - {"*"} for rule in every)
        self._decisions: Memo[tuple[object, ...], RequestAuditConfig] = Memo(MAXIMUM_DECISIONS)

    @property
    def mentioned(self) -> frozenset[str]:
        """Users, verbs, namespaces and names that rules mention: all others decide alike."""
        return self._mentioned

    @property
    def by_groups(self) -> bool:
        """Whether any rule asks for the groups of a user."""
        return self._by_groups

    def rule_of(self, config: RequestAuditConfig) -> int | None:
        """The index of the rule that this evaluator's ``config`` is of; None for no rule's."""
        return self._indexes.get(id(config))

    def decide(self, user: UserInfo | None, info: RequestInfo) -> RequestAuditConfig:
        """Return what ``evaluate`` says of the attributes of ``user`` and ``info``, remembered."""
        username: str | None = None
        groups: tuple[str, ...] = ()
        if user is not None:
            username = user.username if user.username in self._mentioned else None
            groups = user.groups if self._by_groups else ()
        kind = self.kind(info)
        key = (username, groups, kind)
        found = self._decisions.get(key)
        if found is None:
            found = self.evaluate(attributes(user, info, selectors=False))
            if _length(kind) <= LONGEST_KIND and len(groups) <= MOST_GROUPS:
                self._decisions.remember(key, found)
        return found

    def kind(self, info: RequestInfo) -> Kind:
        """Return what the rules match of a request: those of equal kinds differ by their user only.

        None stands for a word that no rule mentions; rules do mention the empty namespace.
        """
        mentioned = self._mentioned
        verb = info.verb if info.verb in mentioned else None
        if not info.is_resource_request:
            return (verb, info.path if self._by_path else "")
        return (
            verb,
            info.api_group,
            info.resource,
            info.subresource,
            info.namespace if info.namespace in mentioned else None,
            info.name if info.name in mentioned else None,
        )


def _length(kind: Kind) -> int:
    """Characters of a kind that clients choose."""
    return sum(len(word) for word in kind if isinstance(word, str))


def _config(policy: Policy, rule: PolicyRule) -> RequestAuditConfig:
    """What the policy says when this rule matches."""
    omit_managed_fields = rule.omit_managed_fields
    return RequestAuditConfig(
        rule.level,
        frozenset(policy.omit_stages) | frozenset(rule.omit_stages),
        policy.omit_managed_fields if omit_managed_fields is None else omit_managed_fields,
    )
