"""Options for tests: flat names as the flags have them, everything else by default."""

from dataclasses import fields, replace
from typing import Any

from auditproxy.options import Options

TEST_DEFAULTS = {"bind_address": "127.0.0.1", "secure_port": 0, "health_bind_address": ""}


def options(**flags: Any) -> Options:
    """Options with some flags given: ``audit_policy_file=...``, ``anonymous_auth=False``, ..."""
    result = Options()
    for flag, value in {**TEST_DEFAULTS, **flags}.items():
        result = _set(result, flag, value)
    return result


def _set(result: Options, flag: str, value: Any) -> Options:
    prefix, _, rest = flag.partition("_")
    for group in fields(result):
        settings = getattr(result, group.name)
        # Fields leave out the name of their group: audit_policy_file is audit.policy_file.
        name = rest if prefix == group.name and hasattr(settings, rest) else flag
        if hasattr(settings, name) and not (group.name == "health" and name == flag):
            return replace(result, **{group.name: replace(settings, **{name: value})})
    raise TypeError(f"no option {flag}")
