"""Secrets in lines that users type: values of options and variables that name one, and tokens.

A line of a shell has no schema, so this is a net with holes: that the argument of ``echo`` is a
password cannot be known. It catches the forms in which secrets are commonly typed.
"""

import re
from collections.abc import Callable

from auditproxy.audit.redaction.redactor import Redactor

NAMES = frozenset(
    {
        "password",
        "passwd",
        "passphrase",
        "pwd",
        "secret",
        "token",
        "api-key",
        "apikey",
        "secret-key",
    }
)
"""Ends of the names of options, variables and headers whose values are secret."""

_VALUE = r"""(?:"(?P<{0}_double>[^"]+)"?|'(?P<{0}_single>[^']+)'?|(?P<{0}_bare>[^\s"']+))"""
_FORMS = "|".join(
    (
        r"--[a-z0-9_.-]{{0,64}}?(?:{names})[ \t]+(?!-)" + _VALUE.format("option"),
        r"[a-z0-9_.-]{{0,64}}?(?:{names})=" + _VALUE.format("variable"),
        r"(?:{names})[\"']?:[ \t]*(?P<header>[^\s\"']{{4,}})",
        r"(?<!\S)(?:-u|--user|--proxy-user)[ \t=]*[^\s:\"']{{1,256}}:(?P<login>[^\s\"']+)",
        r"\bmysql(?:dump|admin)?[ \t](?:[^|;&\n]{{0,256}}?[ \t])?-p(?P<mysql>[^\s\"'-][^\s\"']*)",
        r"\b(?:bearer|basic)[ \t]+(?P<credential>[a-z0-9._~+/=-]{{8,}})",
        r"://[^\s/@:\"']{{0,256}}:(?P<password>[^\s/@\"']+)(?=@)",
        r"(?P<token>\beyJ[a-z0-9_-]{{8,}}\.[a-z0-9_-]+(?:\.[a-z0-9_-]*)?)",
    )
)


def line_redactor(redactor: Redactor | None) -> Callable[[str], str]:
    """Return what marks the secrets in a line; it leaves lines alone where redaction is off.

    The query parameters that the rules name are names here as well.
    """
    if redactor is None:
        return str
    names = "|".join(
        re.sub(r"\\?[-_]", "[-_]", re.escape(name))
        for name in sorted(NAMES | redactor.query_parameters, key=len, reverse=True)
    )
    forms = re.compile(_FORMS.replace("{names}", names).replace("{{", "{").replace("}}", "}"), re.I)

    def redact(line: str) -> str:
        return forms.sub(lambda found: _marked(redactor, found), line)

    return redact


def _marked(redactor: Redactor, found: re.Match[str]) -> str:
    """The text that was found, with a marker in place of the secret in it."""
    group = found.lastgroup or ""
    start, end = (at - found.start() for at in found.span(group))
    text = found.group()
    marker = redactor.marker(found.group(group).encode("utf-8", "surrogatepass"))
    return text[:start] + marker + text[end:]
