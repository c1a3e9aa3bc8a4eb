"""Options for tests: flat names as the flags have them, everything else by default."""

from dataclasses import fields, replace
from typing import Any

from auditproxy.options import Options

TEST_DEFAULTS = {
    "bind_address": "127.0.0.1",
    "secure_port": 0,
    "health_bind_address": "",
    "check_period": 0,
}


def options(**flags: Any) -> Options:
    """Options with some flags given: ``audit_policy_file=...``, ``anonymous_auth=False``, ..."""
    result = Options()
    for flag, value in {**TEST_DEFAULTS, **flags}.items():
        result = _set(result, flag, value)
    return result


def _set(result: Options, flag: str, value: Any) -> Options:
    # The longest group first: audit_log_path is audit_log.path.
    for group in sorted((field.name for field in fields(result)), key=len, reverse=True):
        settings = getattr(result, group)
        # Fields leave out the name of their group: audit_policy_file is audit.policy_file.
        known = {field.name for field in fields(settings)}
        short = flag.removeprefix(f"{group}_")
        name = short if short in known else flag
        if name in known and not (group == "health" and name == flag):
            return replace(result, **{group: replace(settings, **{name: value})})
    raise TypeError(f"no option {flag}")
