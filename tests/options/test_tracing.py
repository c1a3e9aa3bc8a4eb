"""The group of tracing: nothing is traced, unless a file says so."""

from auditproxy.options import Options, validate
from auditproxy.options.tracing import TracingOptions


def test_default() -> None:
    """Without the flag there are no traces, and any path is sound until it is read."""
    assert Options().tracing.config_file == ""
    assert validate(Options(tracing=TracingOptions(config_file="/x"))) == ()
