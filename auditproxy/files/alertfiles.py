"""Reads --alert-rules-file and --alert-destinations-file; what they say is read by alerts.py.

Alerts are imported where there are rules, and nowhere else.
"""

from typing import TYPE_CHECKING

from auditproxy.files.trustedfile import Remarks, TrustedFile, named
from auditproxy.options import Options
from auditproxy.options.alerts import BUILTIN

if TYPE_CHECKING:
    from auditproxy.alerts.rules import AlertRules
    from auditproxy.files.alerts import AlertTargets


def _read_rules(options: Options, remarks: Remarks) -> "AlertRules | None":
    path = options.alerts.rules_file
    if not path:
        return None
    from auditproxy.files.alerts import RULES_FLAG, advice_on, read_rules

    rules = read_rules(path)
    remarks.warnings += advice_on(rules, f"{RULES_FLAG} {path}")
    bodies = sum("level Request" in rule.description.text for rule in rules.rules)
    if bodies and path == BUILTIN and not options.audit.policy_file:
        remarks.notes.append(
            f"{RULES_FLAG}={BUILTIN} without --audit-policy-file: {bodies} rules see nothing, as "
            "they need level Request and the built-in policy records metadata; docs/alerts.md "
            "has the level of each rule"
        )
    return rules


def _read_targets(options: Options, remarks: Remarks) -> "AlertTargets | None":
    if not options.alerts.rules_file:
        return None
    from auditproxy.alerts.destinations import STANDARD_ERROR_ONLY
    from auditproxy.files.alerts import (
        DESTINATIONS_FLAG,
        RULES_FLAG,
        read_targets,
        targets_of,
    )

    path = options.alerts.destinations_file
    if path:
        targets = read_targets(path)
        remarks.warnings += (
            f"{DESTINATIONS_FLAG} {path}: destination {target.name}: its template has no "
            "{{ state }}, so with sendResolved an alert that is resolved looks like one that fires"
            for target in targets.targets
            if target.send_resolved
            and target.message is not None
            and not target.message.shows_state
        )
        return targets
    remarks.notes.append(
        f"{RULES_FLAG} without {DESTINATIONS_FLAG}: alerts are lines of standard error"
    )
    return targets_of(STANDARD_ERROR_ONLY, "")


ALERT_RULES = TrustedFile(
    flag="alert-rules-file",
    field="alert_rules",
    read=_read_rules,
    paths=lambda options, _: (
        () if options.alerts.rules_file == BUILTIN else named(options.alerts.rules_file)
    ),
)

ALERT_DESTINATIONS = TrustedFile(
    flag="alert-destinations-file",
    field="alert_targets",
    read=_read_targets,
    paths=lambda _, targets: targets.files if targets is not None else (),
)
