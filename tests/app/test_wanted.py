"""What is imported and made for settings that want it, and for no others."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec

from tests.fakes.proxy import EVERYTHING, TOKENS, write_files
from tests.fakes.tokens import public_pem

ROOT = Path(__file__).parents[2]

ALWAYS_LATER = (
    "aiohttp.web",
    "aiokafka",
    "auditproxy.backends.spool",
    "auditproxy.embedded",
    "auditproxy.kubeconfig.execplugin",
    "auditproxy.reading",
    "auditproxy.tunnel.farewell",
    "cbor2",
    "cel_expr_python",
    "difflib",
    "duckdb",
    "frozenlist._frozenlist",
    "google.protobuf",
    "grpc",
    "jwt",
    "kubernetes",
    "nats",
    "obstore",
    "opentelemetry",
    "pyrage",
    "requests",
    "rich",
    "structlog",
)
"""What a proxy that serves has no use for, or none before somebody asks for it."""
SESSIONS = (
    "auditproxy.app.sessions.opening",
    "auditproxy.recordings",
    "auditproxy.server.sessions",
    "auditproxy.sessions.rules",
    "auditproxy.supervision",
    "tarfile",
)
ISSUERS = (
    "auditproxy.authentication.oidc",
    "auditproxy.clients.fetcher",
    "auditproxy.lookups.issuerkeys",
)
TRACING = ("auditproxy.app.tracing", "auditproxy.tracing.exporting")
RECEIVERS = (
    "auditproxy.app.sinks.receivers",
    "auditproxy.clients.receivers.jetstream",
    "auditproxy.clients.receivers.kafka",
)
WEBHOOK = (
    "auditproxy.app.sinks.webhook",
    "auditproxy.backends.webhook",
    "auditproxy.clients.webhook",
)
BATCH = ("auditproxy.backends.buffered",)
DURABLE = ("auditproxy.app.logs.durablelog", "auditproxy.backends.durable")
TOKENS_OF_OTHERS = (
    "auditproxy.authentication.tokens.publickeys",
    "auditproxy.authentication.tokens.serviceaccount",
    "auditproxy.lookups.tokenwebhook",
)
FLAGS = (*WEBHOOK, *BATCH, *DURABLE, *TOKENS_OF_OTHERS)
ALERTS = ("auditproxy.alerts", "auditproxy.app.alerts", "auditproxy.notifiers")

RECORDED = """\
apiVersion: auditproxy.io/v1alpha1
kind: SessionRecordingPolicy
rules: [{record: Output}]
"""

STARTS = """
import asyncio, json, sys
from pathlib import Path
from auditproxy.app.proxy import build, check
from auditproxy.flags.serve import options_from

async def main():
    options = options_from(json.loads(sys.argv[1]))
    proxy = await build(options, check(options), listener_tls=True)
    names = json.loads(sys.argv[2])
    # None stands for a module that is not to be found (app/libraries.py).
    print(json.dumps([name for name in names if sys.modules.get(name)]))
    await proxy.close()

asyncio.run(main())
"""


def imported(folder: Path, **more: Any) -> set[str]:
    """Which of them a process has imported that has made all of its proxy."""
    values = {
        name.replace("_", "-"): value
        for name, value in write_files(1, folder, policy=EVERYTHING, tokens=TOKENS).items()
    }
    values |= {
        "audit-log-path": str(folder / "audit.log"),
        "cert-dir": str(folder),
        **more,
    }
    names = json.dumps(ALWAYS_LATER + SESSIONS + ALERTS + ISSUERS + TRACING + RECEIVERS + FLAGS)
    done = subprocess.run(
        [sys.executable, "-c", STARTS, json.dumps(values), names],
        cwd=ROOT,
        timeout=60,
        check=True,
        capture_output=True,
        text=True,
    )
    return set(json.loads(done.stdout))


def test_a_plain_proxy(tmp_path: Path) -> None:
    """It takes 60 MiB, and less time to start, because it has none of these."""
    assert imported(tmp_path) == set()


def test_alerts(tmp_path: Path) -> None:
    """With rules there is what evaluates them, and what gives them lines of sessions."""
    found = imported(tmp_path, **{"alert-rules-file": "builtin"})
    assert found >= {*ALERTS, "auditproxy.server.sessions", "auditproxy.supervision"}
    assert not found & set(ALWAYS_LATER) - {"cel_expr_python", "difflib", "google.protobuf"}


def test_sessions(tmp_path: Path) -> None:
    """With a log of sessions, or rules for them, there is what follows them."""
    (tmp_path / "recordings").mkdir(mode=0o700)
    (tmp_path / "sessions.yaml").write_text(RECORDED)
    found = imported(
        tmp_path,
        **{
            "session-recording-config-file": str(tmp_path / "sessions.yaml"),
            "session-recording-dir": str(tmp_path / "recordings"),
        },
    )
    assert found >= set(SESSIONS)
    assert not found & set(ALWAYS_LATER) - {"difflib"}
    logged = imported(tmp_path, **{"session-log-path": str(tmp_path / "sessions.log")})
    assert logged >= {"auditproxy.app.sessions.opening", "auditproxy.server.sessions"}


def test_issuers(tmp_path: Path) -> None:
    """With an issuer there is what reads its configuration, loads its keys and judges its tokens."""
    found = imported(
        tmp_path,
        **{"oidc-issuer-url": "https://127.0.0.1:1", "oidc-client-id": "kubernetes"},
    )
    assert found >= set(ISSUERS)


def test_tracing(tmp_path: Path) -> None:
    """With a collector there are OpenTelemetry and gRPC, and nothing else of the extras."""
    path = tmp_path / "tracing.yaml"
    path.write_text("apiVersion: apiserver.config.k8s.io/v1\nkind: TracingConfiguration\n")
    found = imported(tmp_path, **{"tracing-config-file": str(path)})
    assert found >= {*TRACING, "grpc", "opentelemetry"}
    assert not found & set(ALWAYS_LATER) - {
        "grpc",
        "opentelemetry",
        "difflib",
        "google.protobuf",
        "requests",
    }


def test_receivers(tmp_path: Path) -> None:
    """With servers of NATS, or brokers of Kafka, there is its library, and nothing else."""
    found = imported(tmp_path, **{"audit-nats-servers": "nats://127.0.0.1:1"})
    assert found == {*RECEIVERS, *BATCH, "nats"} - {"auditproxy.clients.receivers.kafka"}
    found = imported(tmp_path, **{"audit-kafka-brokers": "plaintext://127.0.0.1:1"})
    assert found == {*RECEIVERS, *BATCH, "aiokafka"} - {"auditproxy.clients.receivers.jetstream"}


def test_otlp(tmp_path: Path) -> None:
    """With a collector there are the protocol's definitions, and neither the SDK nor gRPC."""
    found = imported(tmp_path, **{"audit-otlp-endpoint": "http://127.0.0.1:1"})
    assert found == {
        *BATCH,
        "auditproxy.app.sinks.receivers",
        "google.protobuf",
        "opentelemetry",
    }


def test_webhook(tmp_path: Path) -> None:
    """With a webhook there is its client, and the buffer of mode batch."""
    write_files(1, tmp_path, policy=EVERYTHING, tokens=TOKENS)
    found = imported(tmp_path, **{"audit-webhook-config-file": str(tmp_path / "kubeconfig")})
    assert found == {*WEBHOOK, *BATCH}


def test_modes(tmp_path: Path) -> None:
    """Each mode of the log has its own backend, and not those of others."""
    assert imported(tmp_path, **{"audit-log-mode": "batch"}) == {*BATCH}
    assert imported(tmp_path, **{"audit-log-mode": "durable"}) == {*DURABLE}
    assert imported(tmp_path, **{"audit-log-mode": "blocking-strict"}) == set()


def test_tokens_of_others(tmp_path: Path) -> None:
    """With keys of service accounts, or a webhook, there is what judges such tokens."""
    (tmp_path / "keys.pem").write_bytes(public_pem(ec.generate_private_key(ec.SECP256R1())))
    found = imported(
        tmp_path,
        **{
            "service-account-key-file": (str(tmp_path / "keys.pem"),),
            "service-account-issuer": ("https://kubernetes.default.svc",),
            "authentication-token-webhook-config-file": str(tmp_path / "kubeconfig"),
        },
    )
    assert found == {*TOKENS_OF_OTHERS, "auditproxy.clients.webhook"}
