"""The group of egress: directly, unless a file says otherwise."""

from auditproxy.options import Options, validate
from auditproxy.options.egress import EgressOptions


def test_default() -> None:
    """Without the flag nothing goes through a proxy, and any path is sound until it is read."""
    assert Options().egress.selector_config_file == ""
    assert validate(Options(egress=EgressOptions(selector_config_file="/x"))) == ()
