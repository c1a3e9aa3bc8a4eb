"""Every trusted file: SOURCES, one row each, and Files, what they say.

    start     read_files reads each row once; ``serve`` uses what ``check`` has read
    reload    app/reload.py reads those rows again whose files have changed

A row describes how its file is read, by which files a change shows, and what may not
change while the proxy runs (trustedfile.py).
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from auditproxy.apis.audit import Policy
from auditproxy.apis.faults import Unusable
from auditproxy.audit.objects import BUILTIN_TYPES
from auditproxy.audit.policy.evaluator import FALLING_BACK
from auditproxy.audit.redaction.redactor import Redactor
from auditproxy.authentication.x509.authorities import CertificateAuthorities
from auditproxy.capture.copies import CaptureLimits
from auditproxy.files.alertfiles import ALERT_DESTINATIONS, ALERT_RULES
from auditproxy.files.authorities import (
    CLIENT_AUTHORITIES,
    FRONT_PROXY_AUTHORITIES,
    check_overlap,
)
from auditproxy.files.backendpolicies import BACKEND_POLICIES
from auditproxy.files.captures import CAPTURES
from auditproxy.files.checkpointkey import CHECKPOINT_KEY
from auditproxy.files.egress import EGRESS_SELECTOR
from auditproxy.files.issuers import AUTHENTICATION_CONFIG, NOBODY_TRUSTED, OIDC_FLAGS, Trusted
from auditproxy.files.policy import POLICY
from auditproxy.files.protobuftables import PROTOBUF_TABLES
from auditproxy.files.receivers import AUDIT_KAFKA, AUDIT_NATS, AUDIT_OTLP
from auditproxy.files.redaction import REDACTION
from auditproxy.files.serviceaccountkeys import SERVICE_ACCOUNT_KEYS
from auditproxy.files.servingcertificate import SERVING_CERTIFICATE, ServingCertificate
from auditproxy.files.sessionrecording import (
    RECORDING_RECIPIENTS,
    RECORDING_UPLOAD,
    SESSION_RECORDING,
)
from auditproxy.files.tokenfile import TOKEN_FILE
from auditproxy.files.tracing import TRACING, TracingConfiguration
from auditproxy.files.trustedfile import Remarks
from auditproxy.files.upstream import UPSTREAM
from auditproxy.files.webhook import AUDIT_WEBHOOK, SESSION_WEBHOOK, TOKEN_WEBHOOK
from auditproxy.kubeconfig.upstream import Upstream
from auditproxy.options import Options
from auditproxy.serializer.protobuf.decoder import Decoder

if TYPE_CHECKING:
    from auditproxy.alerts.rules import AlertRules
    from auditproxy.audit.chain.checkpoints import CheckpointKey
    from auditproxy.authentication.tokens.publickeys import PublicKey
    from auditproxy.authentication.tokens.tokenfile import TokenFile
    from auditproxy.clients.egress import Egress
    from auditproxy.clients.receivers.kafkatarget import KafkaTarget
    from auditproxy.clients.receivers.natstarget import NatsTarget
    from auditproxy.clients.receivers.otlptarget import OtlpTarget
    from auditproxy.clients.webhook import WebhookTarget
    from auditproxy.files.alerts import AlertTargets
    from auditproxy.recordings.encryption import Encrypt
    from auditproxy.recordings.uploadsettings import UploadSettings
    from auditproxy.sessions.rules import RecordingPolicy

SOURCES = (
    POLICY,
    TOKEN_FILE,
    UPSTREAM,
    PROTOBUF_TABLES,  # at start only
    AUDIT_WEBHOOK,  # at start only
    EGRESS_SELECTOR,  # at start only
    TRACING,  # at start only
    AUDIT_NATS,
    AUDIT_KAFKA,
    AUDIT_OTLP,
    CHECKPOINT_KEY,  # at start only
    CAPTURES,  # at start only
    TOKEN_WEBHOOK,
    SERVICE_ACCOUNT_KEYS,
    AUTHENTICATION_CONFIG,
    OIDC_FLAGS,
    REDACTION,
    *BACKEND_POLICIES,
    CLIENT_AUTHORITIES,
    FRONT_PROXY_AUTHORITIES,
    SERVING_CERTIFICATE,
    SESSION_RECORDING,
    RECORDING_RECIPIENTS,  # at start only
    RECORDING_UPLOAD,  # at start only
    SESSION_WEBHOOK,  # at start only
    ALERT_RULES,
    ALERT_DESTINATIONS,
)
"""Every trusted file, in the order in which faults are reported."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Files:
    """What the files say that the options name; a field for each row of SOURCES."""

    policy: Policy
    upstream: Upstream
    captures: CaptureLimits
    token_file: "TokenFile | None" = None
    types: Decoder = BUILTIN_TYPES
    audit_webhook: "WebhookTarget | None" = None
    egress: "Egress | None" = None
    tracing: TracingConfiguration | None = None
    audit_nats: "NatsTarget | None" = None
    audit_kafka: "KafkaTarget | None" = None
    audit_otlp: "OtlpTarget | None" = None
    checkpoint_key: "CheckpointKey | None" = None
    token_webhook: "WebhookTarget | None" = None
    service_account_keys: "tuple[PublicKey, ...]" = ()
    trusted: Trusted = NOBODY_TRUSTED
    redactor: Redactor | None = None
    audit_log_policy: Policy | None = None
    audit_log_redactor: Redactor | None = None
    audit_webhook_policy: Policy | None = None
    audit_webhook_redactor: Redactor | None = None
    audit_nats_policy: Policy | None = None
    audit_nats_redactor: Redactor | None = None
    audit_kafka_policy: Policy | None = None
    audit_kafka_redactor: Redactor | None = None
    audit_otlp_policy: Policy | None = None
    audit_otlp_redactor: Redactor | None = None
    """None where a backend has the policy or the redaction of all."""
    client_authorities: CertificateAuthorities | None = None
    front_proxy_authorities: CertificateAuthorities | None = None
    recording_policy: "RecordingPolicy | None" = None
    recording_encryption: "Encrypt | None" = None
    recording_upload: "UploadSettings | None" = None
    session_webhook: "WebhookTarget | None" = None
    certificate: ServingCertificate | None = None
    """None where it is still to be made."""
    alert_rules: "AlertRules | None" = None
    alert_targets: "AlertTargets | None" = None

    notes: tuple[str, ...] = ()
    """Start-up lines: each default that was taken, each warning of a file."""
    warnings: tuple[str, ...] = ()
    """Start-up lines of what is used and is probably not meant so."""


def read_files(options: Options, *, strict: bool = False) -> Files:
    """Read and check every file, each once; raises Unusable with the faults of all.

    ``strict`` counts as faults what is only warned of otherwise: a policy's fields
    that no policy has.
    """
    values: dict[str, Any] = {}
    faults: list[str] = []
    remarks = Remarks()
    for source in SOURCES:
        try:
            value = source.read(options, remarks)
        except Unusable as error:
            faults += error.faults
            continue
        if value is not None:
            values[source.field] = value
        remarks.notes += source.notes(options)
    try:
        check_overlap(
            options,
            values.get(CLIENT_AUTHORITIES.field),
            values.get(FRONT_PROXY_AUTHORITIES.field),
        )
    except Unusable as error:
        faults += error.faults
    if strict:
        faults += remarks.misspelt
    if faults:
        raise Unusable(*faults)
    lenient = (fault + FALLING_BACK for fault in remarks.misspelt)
    return Files(**values, notes=tuple(remarks.notes), warnings=(*lenient, *remarks.warnings))
