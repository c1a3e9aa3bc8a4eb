"""Decode a redaction file strictly into rules; and the built-in rules.

    apiVersion: auditproxy.io/v1alpha1
    kind: RedactionConfiguration
    builtinRules: true
    resources:
    - group: example.com
      resources: ["databases"]
      fields: [".spec.password", ".spec.users[*].token"]
    queryParameters: ["password"]

Fields are JSONPaths of names and wildcards: ``$`` and a leading dot are optional,
``.name`` or ``['na.me']`` is a member, ``[*]`` or ``.*`` is every member or item.
They are relative to the object; lists and Tables are redacted object by object.
"""

import re
from typing import Any

from auditproxy.apis.faults import Unusable
from auditproxy.audit.redaction.paths import LAST_APPLIED, Known, Path, fold
from auditproxy.audit.redaction.redactor import RedactionRule, Redactor
from auditproxy.serializer import yaml
from auditproxy.serializer.errors import YAMLError

API_VERSION = "auditproxy.io/v1alpha1"
KIND = "RedactionConfiguration"
LONGEST_PATH = 32
"""Steps of a field's path at most."""

_STEP = re.compile(
    r"\.(?P<name>[A-Za-z_$][A-Za-z0-9_$-]*)"
    r"|\[(?P<quote>['\"])(?P<quoted>(?:[^\\'\"]|\\.)+)(?P=quote)\]"
    r"|(?P<every>\[\*\]|\.\*)"
)
_ESCAPED = re.compile(r"\\(.)")


def _known(*names: str, **inside: Known) -> Known:
    """The members of a type, folded; those named with ``=`` have members of their own."""
    return dict.fromkeys(names) | inside


_METADATA = _known(
    "annotations",
    "continue",
    "creationtimestamp",
    "deletiongraceperiodseconds",
    "deletiontimestamp",
    "finalizers",
    "generatename",
    "generation",
    "labels",
    "managedfields",
    "name",
    "namespace",
    "ownerreferences",
    "remainingitemcount",
    "resourceversion",
    "selflink",
    "uid",
)
_COLUMNS = frozenset({"name", "type", "data", "age", "created at"})

BUILTIN_RULES = (
    RedactionRule(
        "",
        ("secrets/*",),
        (("data", None), ("stringdata", None), LAST_APPLIED),
        _known("kind", "apiversion", "data", "stringdata", "immutable", "type", metadata=_METADATA),
        _COLUMNS,
    ),
    RedactionRule(
        "",
        ("serviceaccounts/token",),
        (("status", "token"),),
        _known(
            "kind",
            "apiversion",
            metadata=_METADATA,
            spec=_known("audiences", "expirationseconds", "boundobjectref"),
            status=_known("token", "expirationtimestamp"),
        ),
        _COLUMNS,
    ),
    RedactionRule(
        "authentication.k8s.io",
        ("tokenreviews",),
        (("spec", "token"),),
        _known(
            "kind",
            "apiversion",
            metadata=_METADATA,
            spec=_known("token", "audiences"),
            status=_known("authenticated", "user", "audiences", "error"),
        ),
        _COLUMNS,
    ),
)
"""Secrets, and the tokens that TokenRequest gives and TokenReview is given."""
BUILTIN_QUERY_PARAMETERS = frozenset({"token", "access_token"})


class RedactionError(Unusable):
    """A redaction file cannot be used; ``faults`` has a text for each reason."""


def builtin_redactor(key: bytes) -> Redactor:
    """The rules that hold when no file is named."""
    return Redactor(BUILTIN_RULES, BUILTIN_QUERY_PARAMETERS, key)


def load_redactor(text: bytes, key: bytes) -> Redactor:
    """The rules of a file, the built-in ones included unless it says ``builtinRules: false``.

    Raises RedactionError with all faults.
    """
    try:
        document, repeated = yaml.load_strict(text)
    except YAMLError as error:
        raise RedactionError(str(error)) from None
    reader = _Reader(list(repeated))
    rules, parameters, builtin = reader.document(document)
    if reader.faults:
        raise RedactionError(*reader.faults)
    if builtin:
        rules = BUILTIN_RULES + rules
        parameters |= BUILTIN_QUERY_PARAMETERS
    return Redactor(rules, parameters, key)


def parse_field(text: str) -> Path:
    """A JSONPath of names and wildcards as steps; raises ValueError with the fix."""
    rest = text.removeprefix("$")
    if rest and rest[0] not in ".[":
        rest = f".{rest}"
    steps: list[str | None] = []
    position = 0
    while position < len(rest):
        found = _STEP.match(rest, position)
        if found is None:
            raise ValueError(
                "is not a valid path of members and wildcards; write it as .spec.password, "
                ".metadata.annotations['example.com/key'] or .data[*]"
            )
        name = found["name"] or _ESCAPED.sub(r"\1", found["quoted"] or "")
        steps.append(None if found["every"] else fold(name))
        position = found.end()
    if not 1 <= len(steps) <= LONGEST_PATH:
        raise ValueError(f"must have 1 to {LONGEST_PATH} steps")
    return tuple(steps)


class _Reader:
    """Reads the document and gathers faults, each with its path and its fix."""

    def __init__(self, faults: list[str]) -> None:
        self.faults = faults

    def document(self, document: Any) -> tuple[tuple[RedactionRule, ...], frozenset[str], bool]:
        """Rules, query parameters, and whether the built-in rules hold too."""
        if not isinstance(document, dict):
            self.faults.append(f"the file must be a mapping with kind: {KIND}")
            return (), frozenset(), True
        members = self._members(
            document, "", ("apiVersion", "kind", "builtinRules", "resources", "queryParameters")
        )
        for name, wanted in (("apiVersion", API_VERSION), ("kind", KIND)):
            if members.get(name) != wanted:
                self.faults.append(f"{name}: must be {wanted}")
        builtin = members.get("builtinRules", True)
        if not isinstance(builtin, bool):
            self.faults.append("builtinRules: must be true or false")
        rules = []
        entries = members.get("resources") or []
        if not isinstance(entries, list):
            self.faults.append("resources: must be a list")
            entries = []
        for index, entry in enumerate(entries):
            rules.append(self._rule(entry, f"resources[{index}]"))
        parameters = self._texts(members.get("queryParameters"), "queryParameters")
        return tuple(rules), frozenset(name.lower() for name in parameters), builtin is True

    def _rule(self, entry: Any, where: str) -> RedactionRule:
        members = self._members(entry, where, ("group", "resources", "fields"))
        group = members.get("group", "")
        if not isinstance(group, str):
            self.faults.append(f'{where}.group: must be text, "" for the core group')
            group = ""
        resources = self._texts(members.get("resources"), f"{where}.resources", required=True)
        paths = []
        for index, text in enumerate(
            self._texts(members.get("fields"), f"{where}.fields", required=True)
        ):
            try:
                paths.append(parse_field(text))
            except ValueError as error:
                self.faults.append(f"{where}.fields[{index}]: {error}")
        return RedactionRule(group.lower(), tuple(r.lower() for r in resources), tuple(paths))

    def _members(self, value: Any, where: str, known: tuple[str, ...]) -> dict[str, Any]:
        if not isinstance(value, dict):
            self.faults.append(f"{where}: must be a mapping")
            return {}
        for name in value:
            if name not in known:
                path = f"{where}.{name}" if where else name
                self.faults.append(f"{path}: unknown field; known fields are {', '.join(known)}")
        return value

    def _texts(self, value: Any, where: str, *, required: bool = False) -> tuple[str, ...]:
        if value is None and not required:
            return ()
        if (
            not isinstance(value, list)
            or (required and not value)
            or not all(isinstance(item, str) and item for item in value)
        ):
            self.faults.append(f"{where}: must be a list of texts, none of them empty")
            return ()
        return tuple(value)
