"""The lines for operators, on standard error."""

from dataclasses import dataclass
from typing import Annotated

from auditproxy.options.declared import Declared
from auditproxy.options.values import choice

LOGGING_FORMATS = ("json", "text")


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggingOptions:
    """The lines for operators, on standard error; audit events never go there."""

    verbosity: Annotated[
        int,
        Declared(
            "v",
            "int",
            "Verbosity of the log on standard error: 0 is informational, 2 and above is debugging.",
            shorthand="v",
        ),
    ] = 0
    format: Annotated[
        str,
        Declared(
            "logging-format",
            "string",
            "Format of the log on standard error: text or json.",
            choices=LOGGING_FORMATS,
        ),
    ] = "text"
    """One of LOGGING_FORMATS."""


def logging_faults(logging: LoggingOptions) -> list[str]:
    """Faults of the settings of the lines for operators."""
    faults = []
    if logging.verbosity < 0:
        faults.append(f"-v {logging.verbosity} can't be a negative number")
    return faults + choice("logging-format", logging.format, LOGGING_FORMATS)
