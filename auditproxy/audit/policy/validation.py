"""Which written policies are legal, in kube-apiserver's order and words.

Users, groups, verbs, namespaces and the texts of resources are not checked, as
kube-apiserver does not check them (apiserver apis/audit/validation/validation.go).
"""

from collections.abc import Iterator

from auditproxy.apis.audit import LEVEL_WORDS, Stage
from auditproxy.apis.gotext import go_quote
from auditproxy.audit.policy.decoding import WrittenPolicy, WrittenRule
from auditproxy.audit.policy.selectors import combination_faults, entry_faults, invalid

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
    yield from entry_faults(rule, path)
    yield from _stage_faults(rule.omit_stages, f"{path}.omitStages")
    yield from combination_faults(rule, path)


def _stage_faults(stages: tuple[str, ...], path: str) -> Iterator[str]:
    """The stages that do not exist."""
    for index, stage in enumerate(stages):
        if stage not in _STAGES:
            yield invalid(
                f"{path}[{index}]", go_quote(stage), f"allowed stages are {_ALLOWED_STAGES}"
            )
