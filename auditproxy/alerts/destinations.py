"""AlertDestinations: where alerts are sent, as a file says; decoded strictly, no file is read.

    apiVersion: auditproxy.io/v1alpha1
    kind: AlertDestinations
    labels: {cluster: production}
    destinations:
    - name: alertmanager
      alertmanager: {urls: ["https://am-0:9093", "https://am-1:9093"], caFile: ca.crt}
    - name: slack
      minimumSeverity: high
      slack: {urlFile: slack-url}
    - name: terminal
      standardError: {}

URLs of webhooks are secrets and are read from files. Paths are relative to the folder of the file.
"""

import re
from typing import Any, Literal
from urllib.parse import urlsplit

import msgspec

from auditproxy.alerts.alert import SEVERITIES
from auditproxy.alerts.messages import Message, message_faults
from auditproxy.apis.faults import Unusable
from auditproxy.apis.gotext import go_quote
from auditproxy.apis.session import SESSION_API_VERSION
from auditproxy.audit.policy.reading import (
    ANYTHING,
    FLAG,
    TEXT,
    TEXTS,
    FieldType,
    distinct,
    list_of,
    not_one_of,
    read_document,
)

KIND = "AlertDestinations"
MAXIMUM_DESTINATIONS = 20
MAXIMUM_URLS = 10

_CONNECTION = {
    **dict.fromkeys(("caFile", "certFile", "keyFile", "serverName", "bearerTokenFile"), TEXT),
    "basicAuth": FieldType("struct", members={"username": TEXT, "passwordFile": TEXT}),
}
_DESTINATION = FieldType(
    "struct",
    members={
        "name": TEXT,
        "minimumSeverity": TEXT,
        "sendResolved": FLAG,
        "alertmanager": FieldType("struct", members={"urls": TEXTS, **_CONNECTION}),
        "webhook": FieldType(
            "struct",
            members={"url": TEXT, "urlFile": TEXT, "template": ANYTHING, **_CONNECTION},
        ),
        "slack": FieldType("struct", members={"url": TEXT, "urlFile": TEXT, "caFile": TEXT}),
        "standardError": FieldType("struct"),
    },
)
_FILE = FieldType(
    "struct",
    members={
        "apiVersion": TEXT,
        "kind": TEXT,
        "labels": FieldType("map", TEXT),
        "destinations": list_of(_DESTINATION),
    },
)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
_LABEL = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}")
_KINDS: tuple[Literal["alertmanager", "webhook", "slack", "standardError"], ...] = (
    "alertmanager",
    "webhook",
    "slack",
    "standardError",
)


class DestinationsError(Unusable):
    """A file of destinations cannot be used."""


class Connection(msgspec.Struct, frozen=True, kw_only=True):
    """The credential and the authorities for a server; paths as the file has them."""

    ca_file: str = ""
    cert_file: str = ""
    key_file: str = ""
    server_name: str = ""
    bearer_token_file: str = ""
    username: str = ""
    password_file: str = ""


class Destination(msgspec.Struct, frozen=True, kw_only=True):
    """One destination; ``urls`` are an Alertmanager's, ``url_file`` holds the URL of the others."""

    name: str
    kind: Literal["alertmanager", "webhook", "slack", "standardError"]
    minimum_severity: str = SEVERITIES[0]
    send_resolved: bool = False
    urls: tuple[str, ...] = ()
    url_file: str = ""
    message: Message | None = None
    """The body of a webhook; None is the default body."""
    connection: Connection = Connection()


class AlertDestinations(msgspec.Struct, frozen=True, kw_only=True):
    """A file of destinations; ``labels`` are added to those of every alert."""

    destinations: tuple[Destination, ...]
    labels: dict[str, str] = {}


STANDARD_ERROR_ONLY = AlertDestinations(
    destinations=(Destination(name="standard-error", kind="standardError"),)
)
"""Where alerts go when no file says."""


def load_destinations(text: bytes) -> AlertDestinations:
    """The destinations in a file's text; raises DestinationsError with all faults."""
    destinations, faults = decode_destinations(text)
    if faults:
        raise DestinationsError(*faults)
    return destinations


def decode_destinations(text: bytes) -> tuple[AlertDestinations, tuple[str, ...]]:
    """The destinations in a file's text, as far as they can be read, and all faults.

    Raises DestinationsError for what is not such a file at all.
    """
    members, faults = read_document(
        text, _FILE, api_version=SESSION_API_VERSION, kind=KIND, error=DestinationsError
    )
    for label in members.get("labels", {}):
        if not _LABEL.fullmatch(label) or label in ("alertname", "severity"):
            faults.append(f"labels.{label}: must be letters, digits and _")
    written = members.get("destinations", [])
    if not 1 <= len(written) <= MAXIMUM_DESTINATIONS:
        faults.append(f"destinations: must have 1 to {MAXIMUM_DESTINATIONS}")
    found = [
        _destination(entry, f"destinations[{index}]", faults)
        for index, entry in enumerate(written[:MAXIMUM_DESTINATIONS])
    ]
    names = [destination.name for destination in found]
    for index, name in enumerate(names):
        if name in names[:index]:
            faults.append(f"destinations[{index}].name: {name} is the name of another one")
    destinations = AlertDestinations(destinations=tuple(found), labels=members.get("labels", {}))
    return destinations, distinct(faults)


def _destination(entry: dict[str, Any], path: str, faults: list[str]) -> Destination:
    name = entry.get("name", "")
    if not _NAME.fullmatch(name):
        given = f"is {go_quote(name)}" if name else "is missing"
        faults.append(f"{path}.name: must be letters, digits and ._-; {given}")
    severity = entry.get("minimumSeverity") or SEVERITIES[0]
    if severity not in SEVERITIES:
        faults.append(f"{path}.minimumSeverity: {not_one_of(severity, SEVERITIES)}")
    kinds = [kind for kind in _KINDS if kind in entry]
    if len(kinds) != 1:
        given = " and ".join(kinds) or "none"
        faults.append(f"{path}: must have one of {', '.join(_KINDS)}; has {given}")
    kind = kinds[0] if kinds else "standardError"
    settings = entry.get(kind, {})
    path = f"{path}.{kind}"
    template = settings.get("template")
    message = None
    if template is not None:
        found = message_faults(template)
        faults += (f"{path}.template{where}: {text}" for where, text in found)
        message = None if found else Message(template)
    urls = tuple(settings.get("urls", ()))
    if kind == "alertmanager":
        if not 1 <= len(urls) <= MAXIMUM_URLS:
            faults.append(f"{path}.urls: must have 1 to {MAXIMUM_URLS}")
        for index, url in enumerate(urls):
            if fault := url_fault(url):
                faults.append(f"{path}.urls[{index}]: {fault}")
    elif "url" in settings:
        faults.append(
            f"{path}.url: is a secret, and no field of this file; put it into a file of its own, "
            "and give the path of that as urlFile"
        )
    elif kind != "standardError" and not settings.get("urlFile"):
        faults.append(f"{path}.urlFile: must be the path of a file with the URL, which is a secret")
    return Destination(
        name=name,
        kind=kind,
        minimum_severity=severity,
        send_resolved=bool(entry.get("sendResolved")),
        urls=urls,
        url_file=settings.get("urlFile", ""),
        message=message,
        connection=_connection(settings, path, faults),
    )


def _connection(settings: dict[str, Any], path: str, faults: list[str]) -> Connection:
    basic = settings.get("basicAuth", {})
    if "basicAuth" in settings and not (basic.get("username") and basic.get("passwordFile")):
        faults.append(f"{path}.basicAuth: must have username and passwordFile")
    if basic and settings.get("bearerTokenFile"):
        faults.append(f"{path}: basicAuth excludes bearerTokenFile")
    if bool(settings.get("certFile")) != bool(settings.get("keyFile")):
        faults.append(f"{path}: certFile and keyFile need each other")
    return Connection(
        ca_file=settings.get("caFile", ""),
        cert_file=settings.get("certFile", ""),
        key_file=settings.get("keyFile", ""),
        server_name=settings.get("serverName", ""),
        bearer_token_file=settings.get("bearerTokenFile", ""),
        username=basic.get("username", ""),
        password_file=basic.get("passwordFile", ""),
    )


def url_fault(url: str) -> str:
    """What is wrong with the URL of a destination, without quoting it; "" when nothing is."""
    try:
        parts = urlsplit(url)
        host, port, user = parts.hostname, parts.port, parts.username
    except ValueError:
        host, port, user, parts = None, 0, None, urlsplit("")
    if parts.scheme not in ("http", "https") or not host or port == 0:
        return "must be an http or https URL with a host"
    if not re.fullmatch(r"[!-~]+", url):
        return "must be ASCII without spaces"
    if user is not None:
        return "has a user; use basicAuth"
    return ""
