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
        "secrets",
        "token",
        "api-key",
        "apikey",
        "secret-key",
        "access-key",
        "private-key",
        "signing-key",
        "encryption-key",
        "account-key",
        "credential",
        "credentials",
    }
)
"""Ends of the names of options, variables and headers whose values are secret."""

SHORT_NAMES = frozenset({"pass", "pw"})
"""The same where nothing but a dash, an underscore or a sign is before them: not ``bypass``."""

_WORD = r"""(?:\$'(?:[^'\\]|\\.)*(?:'|\Z)|'[^']*(?:'|\Z)|"(?:[^"\\]|\\.)*(?:"|\Z)|\\.|[^\s"'\\])+"""
"""A word of a shell, whose quotes may begin and end within it."""

_HELD = r"""(?:\\"[^"\\]*\\"|"(?:[^"\\]|\\.)*(?:"|\Z)|[^\s"',}\]]+)"""
"""A value of JSON, YAML or a header, perhaps in quotes of a shell."""

_FORMS = (
    r"(?<![a-z0-9_.-])--?(?=[a-z])[a-z0-9_.-]{0,64}?(?:{names})[ \t]+(?!-)(?P<option>{word})",
    r"\bset[ \t]+[a-z0-9_.-]{0,64}?(?:{names})[ \t]+(?P<setting>{word})",
    r"(?:{names})[ \t]*={1,2}[ \t]*(?P<variable>{word})",
    r"authorization[\"']?:[ \t]*(?:(?:bearer|basic|token|digest|negotiate)[ \t]+)?"
    r"(?P<authorization>{held})",
    r"(?:{names})\\?[\"']?[ \t]*:[ \t]*(?P<member>{held})",
    r"(?<!\S)(?:-u|--user|--proxy-user)[ \t=]*(?:'[^':]{1,256}:(?P<login_single>[^']+)"
    r"|\"[^\":]{1,256}:(?P<login_double>[^\"]+)|[^\s:\"']{1,256}:(?P<login>{word}))",
    r"\b(?:mysql|mariadb)[a-z-]{0,16}[ \t](?:[^|;&\n]{0,256}?[ \t])?-p(?![ \t-])(?P<mysql>{word})",
    r"\bopenssl[ \t](?:[^|;&\n]{0,256}?[ \t])?-(?:k|pass|passin|passout)[ \t]+(?:pass:)?"
    r"(?P<openssl>{word})",
    r"\bvault[ \t]+login[ \t]+(?!-)(?P<vault>{word})",
    r"\bsshpass[ \t]+-p[ \t]*(?P<ssh>{word})",
    r"\bredis-cli[ \t](?:[^|;&\n]{0,256}?[ \t])?-a[ \t]+(?P<redis>{word})",
    r"\blogin[ \t](?:[^|;&\n]{0,256}?[ \t])?-p[ \t]+(?P<registry>{word})",
    r"\bhtpasswd[ \t]+-[a-z]*b[a-z]*[ \t]+\S{1,256}[ \t]+\S{1,256}[ \t]+(?P<htpasswd>{word})",
    r"\b(?:bearer|basic)[ \t]+(?P<credential>[a-z0-9._~+/=-]{8,})",
    r"://[^\s/@:\"']{0,256}:(?P<password>[^\s/\"']+)(?=@)",
    r"\b(?P<known>(?:gh[a-z]_|github_pat_|glpat-|gloas-|xox[a-z]-|hv[bs]\.|s\.(?=[a-z0-9]{24})|npm_|dckr_pat_|dop_v1_)"
    r"[a-z0-9_-]{8,})",
    r"(?P<token>\beyJ[a-z0-9_-]{8,}\.[a-z0-9_-]+(?:\.[a-z0-9_-]*)?)",
)
_QUOTED = re.compile(r"""'([^']*)'?|"([^"\\]*)"?""")
"""A word that is one quotation and nothing else."""
_PIECE = re.compile(r"""\$?'([^']*)'?|"((?:[^"\\]|\\.)*)"?|\\(.)|([^"'\\]+)""", re.S)


def line_redactor(redactor: Redactor | None) -> Callable[[str], str]:
    """Return what marks the secrets in a line; it leaves lines alone where redaction is off.

    The query parameters that the rules name are names here as well.
    """
    if redactor is None:
        return str
    names = [
        re.sub(r"\\?[-_]", "[-_]?", re.escape(name))
        for name in sorted(NAMES | redactor.query_parameters, key=len, reverse=True)
    ]
    names += [rf"(?<![a-z0-9]){name}" for name in sorted(SHORT_NAMES)]
    text = "|".join(_FORMS)
    for name, value in (("{names}", "|".join(names)), ("{word}", _WORD), ("{held}", _HELD)):
        text = text.replace(name, value)
    forms = re.compile(text, re.I)

    def redact(line: str) -> str:
        return forms.sub(lambda found: _marked(redactor, found), line)

    return redact


def _marked(redactor: Redactor, found: re.Match[str]) -> str:
    """The text that was found, with a marker in place of the secret in it."""
    group = found.lastgroup or ""
    start, end = (at - found.start() for at in found.span(group))
    text, word = found.group(), found.group(group)
    around = _quote_around(found.string, found.start(group))
    if around and around in word:
        # It is within a quotation, which ends here.
        word = word[: word.index(around)]
        end = start + len(word)
        if not word:
            return text
    quoted = _QUOTED.fullmatch(word)
    if quoted is not None and (quoted[1] or quoted[2]):
        # Its quotes stay, so that the line reads as it was typed.
        start, word = start + 1, quoted[1] or quoted[2]
        end = start + len(word)
    elif not group.startswith("login_"):
        word = _unquoted(word)
    marker = redactor.marker(word.encode("utf-8", "surrogatepass"))
    return text[:start] + marker + text[end:]


def _quote_around(line: str, place: int) -> str:
    """The quote of a shell that is open at a place in a line; "" outside of quotations."""
    around, at = "", 0
    while at < place:
        char = line[at]
        if char == "\\" and around != "'":
            at += 1
        elif char == around:
            around = ""
        elif char in "'\"" and not around:
            around = char
        at += 1
    return around


def _unquoted(word: str) -> str:
    """What a shell makes of a word, so that the marker is that of the same secret elsewhere."""
    return _PIECE.sub(
        lambda piece: (
            piece[1]
            or re.sub(r"\\(.)", r"\1", piece[2] or "", flags=re.S)
            or piece[3]
            or piece[4]
            or ""
        ),
        word,
    )
