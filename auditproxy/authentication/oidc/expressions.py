"""CEL expressions: the optional library behind one function.

Expressions are compiled and type-checked once, at startup. The library is Google's own,
with its extensions for strings and optional values. Kubernetes' extensions are missing.
"""

from collections.abc import Mapping
from typing import Any

from auditproxy.authentication.oidc.claims import Compiler, ExpressionError, Program

LONGEST_EXPRESSION = 10_000
"""Characters."""


def cel_compiler() -> Compiler:
    """Return a compiler of expressions over ``claims`` and ``user``.

    The compiler raises ExpressionError for an expression that does not compile, and if the
    library is not installed: it is imported only when the first expression is compiled.
    """
    environment: Any = None
    errors: tuple[Any, ...] = ()

    def compile_expression(expression: str) -> Program:
        nonlocal environment, errors
        if environment is None:
            environment, errors = _environment()
        if len(expression) > LONGEST_EXPRESSION:
            raise ExpressionError(f"it is longer than {LONGEST_EXPRESSION} characters")
        try:
            compiled = environment.compile(expression)
        except Exception as error:
            raise ExpressionError(_first_line(error)) from None

        def run(variables: Mapping[str, Any]) -> Any:
            try:
                value = compiled.eval(data=dict(variables))
                plain = value.plain_value()
            except Exception:
                # The library's error message may quote the claims.
                raise ExpressionError("it cannot be evaluated with these claims") from None
            if value.type() in errors:
                # The library returns evaluation errors as values, which convert to strings.
                raise ExpressionError("it cannot be evaluated with these claims")
            return plain

        return run

    return compile_expression


def _environment() -> tuple[Any, tuple[Any, ...]]:
    """Return the CEL environment, and the types of results that represent errors."""
    try:
        from cel_expr_python import cel
        from cel_expr_python.ext import ext_optional, ext_strings
    except ImportError:
        raise ExpressionError(
            "expressions need the library for CEL: pip install 'auditproxy[cel]'"
        ) from None
    anything = cel.Type.Map(cel.Type.STRING, cel.Type.DYN)
    environment = cel.NewEnv(
        variables={"claims": anything, "user": anything},
        extensions=[ext_strings.ExtStrings(), ext_optional.ExtOptional()],
    )
    return environment, (cel.Type.ERROR, cel.Type.UNKNOWN)


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0][:300] or type(error).__name__
