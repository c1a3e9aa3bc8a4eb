"""What several processes on one port cannot share."""

import pytest

from auditproxy.options import validate
from auditproxy.options.workerfaults import worker_faults
from tests.fakes.options import options


@pytest.mark.parametrize(
    ("flags", "named"),
    [
        ({"workers": 1}, []),
        ({"workers": 1, "sessions_log_path": "-"}, []),
        ({"workers": 2}, ["--audit-log-path"]),
        ({"workers": 2, "audit_log_path": "-"}, ["--audit-log-path"]),
        ({"workers": 2, "audit_log_path": "/a.log"}, []),
        ({"workers": 2, "audit_webhook_config_file": "/w"}, []),
        (
            {"workers": 2, "audit_webhook_config_file": "/w", "audit_log_path": "-"},
            ["--audit-log-path"],
        ),
        (
            {"workers": 2, "audit_log_path": "/a.log", "sessions_log_path": "-"},
            ["--session-log-path"],
        ),
    ],
)
def test_standard_output_is_not_shared(flags: dict[str, object], named: list[str]) -> None:
    """Lines of several processes would mix; the fault names the flag."""
    given = options(**flags)
    faults = worker_faults(given.serving, given, given.sessions)
    assert len(faults) == len(named)
    assert all(flag in fault for flag, fault in zip(named, faults, strict=True))
    assert not set(faults) - set(validate(given))


@pytest.mark.parametrize("count", [0, -1, 65])
def test_how_many(count: int) -> None:
    """From 1 to 64."""
    faults = validate(options(workers=count, audit_log_path="/a.log", secure_port=1))
    assert faults == (
        f"--workers {count} must be between 1 and 64, inclusive; give the number of cores at most",
    )
