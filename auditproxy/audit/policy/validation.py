"""Which written policies are legal, in kube-apiserver's order and words.

Users, groups, verbs, namespaces and the texts of resources are not checked, as
kube-apiserver does not check them (apiserver apis/audit/validation/validation.go).
"""

from collections.abc import Iterator

from auditproxy.apis.audit import LEVEL_WORDS, GroupResources, Stage
from auditproxy.apis.gotext import go_quote
from auditproxy.apis.names import NOT_A_SUBDOMAIN, SUBDOMAIN, SUBDOMAIN_LENGTH
from auditproxy.audit.policy.decoding import WrittenPolicy, WrittenRule
from auditproxy.serializer.json import encode

_LEVELS = frozenset(LEVEL_WORDS.values())
_STAGES = frozenset(stage.value for stage in Stage)
_SUPPORTED_LEVELS = ", ".join(go_quote(word) for word in LEVEL_WORDS.values())
_ALLOWED_STAGES = ",".join(stage.value for stage in Stage)


def validate_policy(policy: WrittenPolicy) -> tuple[str, ...]:
    """Every fault of a policy, each with the path of the field it is in; empty when it is legal."""
    faults = list(_stage_faults(policy.omit_stages, "omitStages"))
    for index, rule in enumerate(policy.rules):
        faults += _rule_faults(rule, f"rules[{index}]")
    return tuple(faults)


def aggregate(faults: tuple[str, ...]) -> str:
    """Several faults as one text, without repeating any, as Go's aggregate errors show them."""
    distinct = tuple(dict.fromkeys(faults))
    return distinct[0] if len(distinct) == 1 else f"[{', '.join(distinct)}]"


def _rule_faults(rule: WrittenRule, path: str) -> Iterator[str]:
    """The faults of one rule."""
    if not rule.level:
        yield f"{path}.level: Required value"
    elif rule.level not in _LEVELS:
        yield (
            f"{path}.level: Unsupported value: {go_quote(rule.level)}:"
            f" supported values: {_SUPPORTED_LEVELS}"
        )
    for index, url in enumerate(rule.non_resource_urls):
        yield from _url_faults(url, f"{path}.nonResourceURLs[{index}]")
    for entry in rule.resources:
        # kube-apiserver gives no index here.
        yield from _resource_faults(entry, f"{path}.resources")
    yield from _stage_faults(rule.omit_stages, f"{path}.omitStages")
    if rule.non_resource_urls and (rule.resources or rule.namespaces):
        yield _invalid(
            f"{path}.nonResourceURLs",
            _list(rule.non_resource_urls),
            "rules cannot apply to both regular resources and non-resource URLs",
        )


def _stage_faults(stages: tuple[str, ...], path: str) -> Iterator[str]:
    """The stages that do not exist."""
    for index, stage in enumerate(stages):
        if stage not in _STAGES:
            yield _invalid(
                f"{path}[{index}]", go_quote(stage), f"allowed stages are {_ALLOWED_STAGES}"
            )


def _url_faults(url: str, path: str) -> Iterator[str]:
    """What is wrong with the path of a non-resource rule."""
    if url == "*":
        return
    if not url.startswith("/"):
        yield _invalid(
            path, go_quote(url), "non-resource URL rules must begin with a '/' character"
        )
    if "*" in url[:-1]:
        yield _invalid(
            path,
            go_quote(url),
            "non-resource URL wildcards '*' must be the final character of the rule",
        )


def _resource_faults(entry: GroupResources, path: str) -> Iterator[str]:
    """What is wrong with one group's resources."""
    if entry.group and entry.group != "*":
        reasons = []
        if len(entry.group.encode()) > SUBDOMAIN_LENGTH:
            reasons.append(f"must be no more than {SUBDOMAIN_LENGTH} characters")
        if SUBDOMAIN.fullmatch(entry.group) is None:
            reasons.append(NOT_A_SUBDOMAIN)
        if reasons:
            yield _invalid(f"{path}.group", go_quote(entry.group), ",".join(reasons))
    if entry.resource_names and not entry.resources:
        yield _invalid(
            f"{path}.resourceNames",
            _list(entry.resource_names),
            "using resourceNames requires at least one resource",
        )


def _invalid(path: str, value: str, why: str) -> str:
    """The text of an invalid value, which comes quoted."""
    return f"{path}: Invalid value: {value}: {why}"


def _list(values: tuple[str, ...]) -> str:
    """A list as an error shows it: as JSON."""
    return encode(values).decode()
