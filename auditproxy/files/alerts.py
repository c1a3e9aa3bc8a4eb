"""What --alert-rules-file and --alert-destinations-file say, and the files the latter names."""

import base64
import ssl
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Literal

from auditproxy.alerts.decoding import load_rules
from auditproxy.alerts.destinations import (
    AlertDestinations,
    Connection,
    Destination,
    decode_destinations,
    url_fault,
)
from auditproxy.alerts.messages import Message
from auditproxy.alerts.outcomes import UNKNOWN
from auditproxy.alerts.rules import AlertRules
from auditproxy.apis.faults import Unusable
from auditproxy.audit.policy.findings import texts
from auditproxy.audit.policy.lint.selecting import never_matching
from auditproxy.clients.alertmanager import alerts_url
from auditproxy.clients.webhook import WebhookTarget
from auditproxy.files.trustedfile import content_of, parsed
from auditproxy.options.alerts import BUILTIN
from auditproxy.tls.client import client_context
from auditproxy.tls.pem import load_pair

RULES_FLAG = "--alert-rules-file"
DESTINATIONS_FLAG = "--alert-destinations-file"

_SWITCHING_PROTOCOLS = 101
_OF_LEFT_REQUESTS = frozenset({UNKNOWN, 200})
"""Either admits a request whose client left before its answer came."""


@dataclass(frozen=True, slots=True)
class AlertTarget:
    """One destination, ready to be connected to; several ``servers`` are Alertmanagers."""

    name: str
    kind: Literal["alertmanager", "webhook", "slack", "standardError"]
    minimum_severity: str
    send_resolved: bool
    message: Message | None = None
    servers: tuple[WebhookTarget, ...] = ()

    @property
    def is_spooled(self) -> bool:
        """Whether alerts for it wait in a spool, where there is one: Alertmanager gets what fires
        again and again.
        """
        return self.kind in ("webhook", "slack")


@dataclass(frozen=True, slots=True)
class AlertTargets:
    """All destinations; ``files`` are those that were read, ``labels`` are for every alert."""

    targets: tuple[AlertTarget, ...]
    labels: dict[str, str] = field(default_factory=dict)
    files: tuple[str, ...] = ()

    @property
    def spooled(self) -> tuple[str, ...]:
        """The names of those that have a spool, where there is one."""
        return tuple(target.name for target in self.targets if target.is_spooled)


def builtin_rules_text() -> bytes:
    """The file of rules that is shipped."""
    return resources.files("auditproxy.alerts").joinpath("rules.yaml").read_bytes()


def read_rules(path: str, flag: str = RULES_FLAG) -> AlertRules:
    """The rules of a file, or those that are shipped for ``builtin``; raises Unusable."""
    if path == BUILTIN:
        try:
            return load_rules(builtin_rules_text())
        except Unusable as error:
            raise error.under(f"{flag}={BUILTIN}".lstrip("=")) from None
    if not Path(path).exists() and _is_close(path, BUILTIN):
        raise Unusable(f"{flag} {path} does not exist; did you mean {BUILTIN}?".lstrip())
    (rules,) = parsed((path,), flag, load_rules)
    return rules


def _is_close(given: str, meant: str) -> bool:
    """Whether a word is probably another one, misspelt."""
    import difflib

    return bool(difflib.get_close_matches(given.lower(), (meant,), n=1))


def read_targets(path: str) -> AlertTargets:
    """The destinations of a file; raises Unusable with all faults, which quote no secret."""
    ((destinations, found),) = parsed((path,), DESTINATIONS_FLAG, decode_destinations)
    faults = [f"{DESTINATIONS_FLAG} {path}: {fault}" for fault in found]
    for destination in destinations.destinations:
        faults += _unreadable_files(destination, path)
    if faults:
        raise Unusable(*faults)
    return targets_of(destinations, path)


def _unreadable_files(destination: Destination, path: str) -> list[str]:
    """A fault for each file of a destination that cannot be read."""
    connection = destination.connection
    faults: list[str] = []
    for member, name in (
        ("urlFile", destination.url_file),
        ("caFile", connection.ca_file),
        ("certFile", connection.cert_file),
        ("keyFile", connection.key_file),
        ("bearerTokenFile", connection.bearer_token_file),
        ("passwordFile", connection.password_file),
    ):
        if name:
            try:
                content_of(str(Path(path).parent / name), f"{_source(destination, path)}: {member}")
            except Unusable as error:
                faults += error.faults
    return faults


def _source(destination: Destination, path: str) -> str:
    return f"{DESTINATIONS_FLAG} {path}: destination {destination.name}"


def targets_of(destinations: AlertDestinations, path: str) -> AlertTargets:
    """The destinations with the contents of their files; raises Unusable with all faults."""
    folder = Path(path).parent
    faults: list[str] = []
    files: list[str] = []
    targets = []
    for destination in destinations.destinations:
        reader = _Contents(folder, _source(destination, path))
        try:
            targets.append(_target(destination, reader))
        except Unusable as error:
            faults += error.faults
        files += reader.files
    if faults:
        raise Unusable(*faults)
    return AlertTargets(tuple(targets), destinations.labels, (path, *files) if path else ())


class _Contents:
    """Reads the files of one destination; remembers which."""

    def __init__(self, folder: Path, source: str) -> None:
        self.folder = folder
        self.source = source
        self.files: list[str] = []

    def read(self, name: str, member: str) -> bytes:
        """The content of a file, b"" for no name; raises Unusable."""
        if not name:
            return b""
        path = str(self.folder / name)
        self.files.append(path)
        return content_of(path, f"{self.source}: {member}")

    def text(self, name: str, member: str) -> str:
        """The content as text of one line."""
        content = self.read(name, member).decode("utf-8", "replace").strip()
        if name and (not content or not content.isprintable()):
            raise Unusable(f"{self.source}: {member} {name} must hold one line of text")
        return content


class _Fixed:
    """An Authorization header that does not change."""

    def __init__(self, value: bytes | None) -> None:
        self._value = value

    async def authorization(self) -> bytes | None:
        return self._value

    def invalidate(self) -> None:
        """A file that is read again brings another one."""

    def __repr__(self) -> str:
        return "authorization of a file" if self._value else "no authorization"


def _target(destination: Destination, reader: _Contents) -> AlertTarget:
    urls: tuple[str, ...] = tuple(map(alerts_url, destination.urls))
    if destination.url_file:
        url = reader.text(destination.url_file, "urlFile")
        if fault := url_fault(url):
            raise Unusable(f"{reader.source}: urlFile {destination.url_file}: the URL {fault}")
        urls = (url,)
    connection = destination.connection
    credential = _Fixed(_authorization(connection, reader))
    context = _context(connection, reader) if urls else None
    return AlertTarget(
        name=destination.name,
        kind=destination.kind,
        minimum_severity=destination.minimum_severity,
        send_resolved=destination.send_resolved,
        message=destination.message,
        servers=tuple(
            WebhookTarget(
                url=url,
                credential=credential,
                ssl_context=context if url.startswith("https:") else None,
                server_name=connection.server_name,
            )
            for url in urls
        ),
    )


def _authorization(connection: Connection, reader: _Contents) -> bytes | None:
    if connection.bearer_token_file:
        return b"Bearer " + reader.text(connection.bearer_token_file, "bearerTokenFile").encode()
    if not connection.username:
        return None
    password = reader.text(connection.password_file, "passwordFile")
    return b"Basic " + base64.b64encode(f"{connection.username}:{password}".encode())


def _context(connection: Connection, reader: _Contents) -> ssl.SSLContext:
    try:
        context = client_context(reader.read(connection.ca_file, "caFile"))
    except (ssl.SSLError, ValueError):
        raise Unusable(
            f"{reader.source}: caFile {connection.ca_file} holds no PEM certificate; "
            "name a PEM bundle"
        ) from None
    if connection.cert_file:
        certificate = reader.read(connection.cert_file, "certFile")
        key = reader.read(connection.key_file, "keyFile")
        try:
            load_pair(context, certificate, key)
        except (ssl.SSLError, ValueError, OSError):
            raise Unusable(
                f"{reader.source}: certFile and keyFile are not a PEM pair without password; give "
                "the key of this certificate"
            ) from None
    return context


def advice_on(rules: AlertRules, source: str) -> list[str]:
    """Texts about rules that are valid and probably not meant so; ``source`` names their file."""
    found: list[str] = []
    for rule in rules.rules:
        where = f"{source}: rule {rule.name}: match"
        found += texts(never_matching(rule.selectors, where))
        codes = rule.response_codes
        if _SWITCHING_PROTOCOLS in codes and not codes & _OF_LEFT_REQUESTS:
            found.append(
                f"{where}.responseCodes: 101 without unknown: the command of a client that leaves "
                "before its answer comes runs, and this rule does not see it; add unknown"
            )
    return found
