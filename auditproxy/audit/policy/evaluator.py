"""The audit policy: read once at the start, evaluated once for every request.

    text --decode_policy--> WrittenPolicy --validate_policy--> Policy --> PolicyRuleEvaluator

A policy that kube-apiserver refuses is refused with its error texts. Its warnings
(unknown fields, duplicate keys) are returned, and the caller decides whether to
continue (apiserver audit/policy/{reader,checker}.go).
"""

import msgspec

from auditproxy.apis.attributes import Attributes
from auditproxy.apis.audit import (
    LEVEL_WORDS,
    GroupResources,
    Level,
    Policy,
    PolicyRule,
    RequestAuditConfig,
    Stage,
)
from auditproxy.audit.policy.decoding import PolicyError, WrittenRule, decode_policy
from auditproxy.audit.policy.validation import aggregate, validate_policy

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
    written, strict_errors = decode_policy(text)
    faults = tuple(dict.fromkeys(validate_policy(written)))
    if not faults and not written.rules:
        faults = ("loaded illegal policy with 0 rules",)
    if faults:
        raise PolicyError(aggregate(faults), faults, strict_errors)
    policy = Policy(
        rules=tuple(_rule(rule) for rule in written.rules),
        omit_stages=tuple(Stage(stage) for stage in written.omit_stages),
        omit_managed_fields=written.omit_managed_fields,
    )
    return policy, tuple(LENIENT + text for text in strict_decoding_error(strict_errors))


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


class _Target:
    """What one rule matches in one API group."""

    __slots__ = ("named", "resources")

    def __init__(self, entries: tuple[GroupResources, ...]) -> None:
        self.resources: frozenset[str] | None = frozenset()
        """Texts of entries without names; None means every resource."""
        self.named: dict[str, frozenset[str]] = {}
        """Texts of entries with names, by name."""
        resources: set[str] = set()
        for entry in entries:
            if not entry.resources:
                self.resources = None
                return
            if not entry.resource_names:
                resources.update(entry.resources)
            for name in entry.resource_names:
                self.named[name] = self.named.get(name, frozenset()) | set(entry.resources)
        self.resources = frozenset(resources)


_Users = frozenset[str] | None
_ResourceRule = tuple[
    _Users, _Users, _Users, dict[str, _Target] | None, _Target | None, RequestAuditConfig
]
"""Users, groups, namespaces (None: all), targets by API group (None: all), that of other groups."""
_URLRule = tuple[_Users, _Users, _Users, tuple[str, ...], RequestAuditConfig]
"""Users and groups (None: all), exact paths (None: all), beginnings of paths."""


class PolicyRuleEvaluator:
    """Decides how much of each request is recorded; the first matching rule applies.

    The rules are sorted by kind of request and by verb beforehand, so that a
    request meets only those that can match it. Nothing grows with requests.
    """

    __slots__ = ("_default", "_resource_rules", "_url_rules")

    def __init__(self, policy: Policy) -> None:
        self._default = RequestAuditConfig(
            Level.NONE, frozenset(policy.omit_stages), policy.omit_managed_fields
        )
        verbs = {verb for rule in policy.rules for verb in rule.verbs}
        self._resource_rules: dict[str | None, tuple[_ResourceRule, ...]] = {}
        self._url_rules: dict[str | None, tuple[_URLRule, ...]] = {}
        # None stands for the verbs that no rule names.
        prepared = [
            (rule, _resource_rule(policy, rule), _url_rule(policy, rule)) for rule in policy.rules
        ]
        for verb in (*verbs, None):
            rules = [entry for entry in prepared if not entry[0].verbs or verb in entry[0].verbs]
            self._resource_rules[verb] = tuple(
                resource_rule
                for rule, resource_rule, _ in rules
                if rule.namespaces or rule.resources or not rule.non_resource_urls
            )
            self._url_rules[verb] = tuple(
                url_rule
                for rule, _, url_rule in rules
                if not rule.namespaces and not rule.resources
            )

    def evaluate(self, attributes: Attributes) -> RequestAuditConfig:
        """What the policy says about a request, by its original user."""
        user = attributes.user
        username = None if user is None else user.username
        user_groups = () if user is None else user.groups
        if attributes.is_resource_request:
            return self._resource_config(attributes, username, user_groups)
        by_verb = self._url_rules
        path = attributes.path
        for users, groups, paths, beginnings, config in by_verb.get(attributes.verb, by_verb[None]):
            if users is not None and username not in users:
                continue
            if groups is not None and groups.isdisjoint(user_groups):
                continue
            if paths is None or path in paths or path.startswith(beginnings):
                return config
        return self._default

    def _resource_config(
        self, attributes: Attributes, username: str | None, user_groups: tuple[str, ...]
    ) -> RequestAuditConfig:
        """What the policy says about a request for a resource."""
        by_verb = self._resource_rules
        namespace = attributes.namespace
        api_group = attributes.api_group
        resource, subresource = attributes.resource, attributes.subresource
        # The texts in a rule that mean this resource; "pods/*" means bare pods too.
        texts: tuple[str, ...] = (resource, "*", f"{resource}/*")
        if subresource:
            texts = (f"{resource}/{subresource}", "*", f"{resource}/*", f"*/{subresource}")
        for users, groups, namespaces, targets, other, config in by_verb.get(
            attributes.verb, by_verb[None]
        ):
            if users is not None and username not in users:
                continue
            if groups is not None and groups.isdisjoint(user_groups):
                continue
            if namespaces is not None and namespace not in namespaces:
                continue
            if targets is None:
                return config
            target = targets.get(api_group, other)
            if target is None:
                continue
            if target.resources is None or not target.resources.isdisjoint(texts):
                return config
            if target.named:
                named = target.named.get(attributes.name)
                if named is not None and not named.isdisjoint(texts):
                    return config
        return self._default


def _resource_rule(policy: Policy, rule: PolicyRule) -> _ResourceRule:
    """A rule prepared for resource requests."""
    targets = None
    other = None
    if rule.resources:
        groups = {entry.group for entry in rule.resources} - {"*"}
        targets = {
            group: _Target(tuple(entry for entry in rule.resources if entry.group in (group, "*")))
            for group in groups
        }
        every_group = tuple(entry for entry in rule.resources if entry.group == "*")
        other = _Target(every_group) if every_group else None
    return (
        _restriction(rule.users),
        _restriction(rule.user_groups),
        _restriction(rule.namespaces),
        targets,
        other,
        _config(policy, rule),
    )


def _url_rule(policy: Policy, rule: PolicyRule) -> _URLRule:
    """A rule prepared for non-resource requests."""
    urls = rule.non_resource_urls
    return (
        _restriction(rule.users),
        _restriction(rule.user_groups),
        None if not urls or "*" in urls else frozenset(urls),
        tuple(url.rstrip("*") for url in urls if url.endswith("*")),
        _config(policy, rule),
    )


def _restriction(values: tuple[str, ...]) -> frozenset[str] | None:
    """Return the list as a set; None, without restriction, for an empty one."""
    return frozenset(values) if values else None


def _config(policy: Policy, rule: PolicyRule) -> RequestAuditConfig:
    """What the policy says when this rule matches."""
    omit_managed_fields = rule.omit_managed_fields
    return RequestAuditConfig(
        rule.level,
        frozenset(policy.omit_stages) | frozenset(rule.omit_stages),
        policy.omit_managed_fields if omit_managed_fields is None else omit_managed_fields,
    )
