"""The settings of the lines for operators."""

from auditproxy.options.logging import LoggingOptions, logging_faults


def test_faults() -> None:
    """Verbosity and format."""
    assert logging_faults(LoggingOptions(verbosity=-1, format="xml")) == [
        "-v -1 can't be a negative number",
        'invalid --logging-format "xml", allowed values are "json,text"',
    ]
