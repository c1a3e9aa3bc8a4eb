"""The files that are reloaded while the proxy runs, and how they are activated.

Each row of SOURCES (files/files.py) whose files can change is polled. A request is
judged by the version it began with. What depends on a replaced file is dropped with
it: verdicts on certificates with their authorities, pooled connections with their
kubeconfig, and all that is remembered of tokens with any file that maps tokens to
users (Composed.replace_files). The serving certificate and the authorities of
clients apply to handshakes that begin from now on.
"""

import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from auditproxy.app import operatorlog
from auditproxy.app.composition import Composed
from auditproxy.app.operatorlog import Report
from auditproxy.audit.policy.evaluator import FALLING_BACK
from auditproxy.files.authorities import (
    CLIENT_AUTHORITIES,
    FRONT_PROXY_AUTHORITIES,
    check_overlap,
)
from auditproxy.files.files import SOURCES
from auditproxy.files.listener import listener_context
from auditproxy.files.reloader import Reloader, Source
from auditproxy.files.servingcertificate import SERVING_CERTIFICATE
from auditproxy.files.trustedfile import Remarks, TrustedFile
from auditproxy.options import Options
from auditproxy.server.serving import Serving
from auditproxy.tls.serving import certificate_end

_FIELDS = {source.flag: source.field for source in SOURCES}

_HANDSHAKE = {
    source.field for source in (SERVING_CERTIFICATE, CLIENT_AUTHORITIES, FRONT_PROXY_AUTHORITIES)
}
"""The fields that the listener's TLS settings are made of."""


def new_reloader(
    options: Options,
    composed: Composed,
    serving: Serving,
    report: Report,
    inform: Report = operatorlog.info,
) -> Reloader:
    """The reloader of a proxy."""
    _note_end(composed)

    def apply(values: Mapping[str, Any]) -> None:
        changes = {_FIELDS[flag]: value for flag, value in values.items()}
        files = replace(composed.files, **changes)
        check_overlap(options, files.client_authorities, files.front_proxy_authorities)
        context = serving.tls
        if changes.keys() & _HANDSHAKE:
            context = listener_context(options, files)
        # No await below: handshakes and requests see all of it or nothing.
        serving.handler.services = composed.replace_files(changes)
        serving.tls = context
        _note_end(composed)

    return Reloader(
        tuple(_watched(options, composed, report, inform)),
        apply,
        metrics=composed.shared.metrics.reloads,
        report=report,
        inform=inform,
        clock=time.time,
    )


def _note_end(composed: Composed) -> None:
    """Show in the metrics until when the serving certificate is good."""
    certificate = composed.files.certificate
    end = certificate_end(certificate.pair) if certificate is not None else None
    if end is not None:
        composed.shared.metrics.reloads.certificate_ends(SERVING_CERTIFICATE.flag, end)


def _watched(options: Options, composed: Composed, report: Report, inform: Report) -> list[Source]:
    """The sources that have files which may change."""
    found = []
    for row in SOURCES:
        source = _source(row, options, composed, report, inform)
        if source is not None and source.paths():
            found.append(source)
    return found


def _source(
    row: TrustedFile, options: Options, composed: Composed, report: Report, inform: Report
) -> Source | None:
    """A row of SOURCES as the reloader polls it; None for a file that is read at start only."""
    paths = row.paths
    if paths is None:
        return None

    def current() -> Any:
        return getattr(composed.files, row.field)

    def load() -> Any:
        remarks = Remarks()
        value = row.read_again(options, remarks, current())
        misspelt = (fault + FALLING_BACK for fault in remarks.misspelt)
        for text in (*misspelt, *remarks.warnings):
            report(text)
        for text in remarks.notes:
            inform(text)
        return value

    return Source(row.flag, lambda: paths(options, current()), load)
