"""CEL expressions: the optional library behind one function.

Expressions are compiled and type-checked once, at startup. The library is Google's own,
with its extensions for strings and optional values. Kubernetes' extensions are missing.
Its evaluations are bounded: regular expressions take linear time, and all loops of one
evaluation together have a budget of iterations, beyond which it fails.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

from auditproxy.apis.faults import missing_extra
from auditproxy.apis.gotext import go_quote

LONGEST_EXPRESSION = 10_000
"""Characters."""

_COMPILE_ERROR = re.compile(
    r"(?:[A-Z_]+: )?ERROR: <input>:([0-9]+):([0-9]+): (.*?)(?: \(in container ''\))?"
)
_CANNOT = "it cannot be evaluated with these values"
_NO_MEMBER = re.compile(r'.*Key not found in map : "([^"\\]+)"')
_NO_OVERLOAD = re.compile(
    r".*No matching overloads found : ([A-Za-z_]+|_[^\w\s]+_|[^\w\s]_)\([\w, ]*\)"
)
_PLAIN_REASONS = (
    ("divide by zero", "it divides by zero"),
    ("modulus by zero", "it divides by zero"),
    ("Applying SELECT to non-message type", "it asks for a member of what has none"),
)


class ExpressionError(ValueError):
    """An expression cannot be compiled, or cannot be evaluated with the given variables.

    ``member`` is the one that the expression names and the variables lack, "" if that is not why.
    """

    def __init__(self, text: str = "", *, member: str = "") -> None:
        super().__init__(text)
        self.member = member


class NoExpressionLibrary(ExpressionError):  # noqa: N818 - what is the case
    """The library is not installed, so that no expression can be compiled; the text has the fix."""


class SharedVariables(dict[str, Any]):
    """Variables for several programs: what the library makes of each is made once.

    They must not change, and all programs must come from one compiler.
    """

    activation: Any = None


Program = Callable[[Mapping[str, Any]], Any]
"""A compiled expression: maps its variables to a plain value; raises ExpressionError."""
Compiler = Callable[[str], Program]
"""Compiles an expression; raises ExpressionError."""


def cel_compiler(*variables: str, is_condition: bool = False) -> Compiler:
    """Return a compiler of expressions over these variables, each an object.

    With ``is_condition`` an expression that cannot be true or false does not compile. The
    compiler raises ExpressionError for an expression that does not compile, and if the
    library is not installed: it is imported only when the first expression is compiled.
    """
    environment: Any = None
    errors: tuple[Any, ...] = ()
    conditions: tuple[Any, ...] = ()

    def compile_expression(expression: str) -> Program:
        nonlocal environment, errors, conditions
        if environment is None:
            environment, errors, conditions = _environment(variables)
        if len(expression) > LONGEST_EXPRESSION:
            raise ExpressionError(f"it is longer than {LONGEST_EXPRESSION} characters")
        try:
            compiled = environment.compile(expression)
        except Exception as error:
            raise ExpressionError(_first_line(error)) from None
        if is_condition and compiled.return_type() not in conditions:
            raise ExpressionError("it must be true or false")

        def run(values: Mapping[str, Any]) -> Any:
            try:
                if isinstance(values, SharedVariables):
                    if values.activation is None:
                        values.activation = environment.Activation(values)
                    value = compiled.eval(values.activation)
                else:
                    value = compiled.eval(data=dict(values))
                plain = value.plain_value()
            except Exception:
                # The library's error message may quote the values.
                raise ExpressionError(_CANNOT) from None
            if value.type() in errors:
                # The library returns evaluation errors as values, which convert to strings.
                raise _error_of(str(plain), expression)
            return plain

        return run

    return compile_expression


def _environment(variables: tuple[str, ...]) -> tuple[Any, tuple[Any, ...], tuple[Any, ...]]:
    """Return the CEL environment, the types of results that are errors, and of conditions."""
    try:
        from cel_expr_python import cel
        from cel_expr_python.ext import ext_optional, ext_strings
    except ImportError:
        raise NoExpressionLibrary(f"expressions need {missing_extra('cel')}") from None
    anything = cel.Type.Map(cel.Type.STRING, cel.Type.DYN)
    environment = cel.NewEnv(
        variables=dict.fromkeys(variables, anything),
        extensions=[ext_strings.ExtStrings(), ext_optional.ExtOptional()],
    )
    return environment, (cel.Type.ERROR, cel.Type.UNKNOWN), (cel.Type.BOOL, cel.Type.DYN)


def _error_of(text: str, expression: str) -> ExpressionError:
    """Why an evaluation failed, as far as the expression alone says it; never a value.

    A key that is missing may be a value: it is shown if the expression has it as a word or text.
    """
    found = _NO_MEMBER.fullmatch(text)
    if found is not None:
        member = found[1]
        named = re.search(rf"""(?<![\w-])(['"`]?){re.escape(member)}\1(?![\w-])""", expression)
        if named is None:
            return ExpressionError(_CANNOT)
        return ExpressionError(f"{_CANNOT}: no such member {go_quote(member)}", member=member)
    if _NO_OVERLOAD.fullmatch(text):
        return ExpressionError(f"{_CANNOT}: the types of what it compares or calls do not fit")
    for theirs, ours in _PLAIN_REASONS:
        if text.endswith(theirs):
            return ExpressionError(f"{_CANNOT}: {ours}")
    return ExpressionError(_CANNOT)


def _first_line(error: Exception) -> str:
    """The first error of the library with its place, without what only its developers know."""
    text = str(error).partition("\n")[0] or type(error).__name__
    found = _COMPILE_ERROR.fullmatch(text)
    if found is not None:
        line, column, text = found.groups()
        text = f"{text} at {f'line {line}, ' if line != '1' else ''}column {column}"
    return text[:300]
