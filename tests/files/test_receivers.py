"""Files of receivers: what is made of them, and every fault at once."""

import importlib.util
from pathlib import Path
from typing import Any

import pytest

from auditproxy.apis.faults import Unusable
from auditproxy.clients.receivers.natstarget import NatsTarget
from auditproxy.clients.receivers.otlptarget import OtlpTarget
from auditproxy.files.receivers import (
    AUDIT_KAFKA,
    AUDIT_NATS,
    AUDIT_OTLP,
    read_kafka,
    read_nats,
    read_otlp,
)
from auditproxy.files.trustedfile import Remarks
from tests.fakes.certificates import CERTIFICATE, KEY
from tests.fakes.options import options
from tests.fakes.publishing import CREDS, SEED


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Sound files of every kind."""
    for name, content in (
        ("ca.crt", CERTIFICATE),
        ("tls.crt", CERTIFICATE),
        ("tls.key", KEY),
        ("user.creds", CREDS.encode()),
        ("password", b"pass-word\n"),
        ("empty", b"\n"),
        ("lines", b"a\nb\n"),
        ("binary", b"\xff\xfe"),
    ):
        (tmp_path / name).write_bytes(content)
    return tmp_path


def read(folder: Path, remarks: Remarks | None = None, **flags: Any) -> NatsTarget:
    """What is read for NATS with these flags; those of files are names in the folder."""
    given = {
        f"audit_nats_{name}": str(folder / value) if name.endswith("_file") else value
        for name, value in flags.items()
    }
    target = read_nats(
        options(**{"audit_nats_servers": ("tls://a:1", "tls://b"), **given}), remarks or Remarks()
    )
    assert target is not None
    return target


def test_nothing() -> None:
    """Without servers there is no target."""
    assert read_nats(options(), Remarks()) is None


def test_all_of_it(folder: Path) -> None:
    """Servers, TLS, credentials, and the files that show a change."""
    target = read(
        folder,
        ca_file="ca.crt",
        cert_file="tls.crt",
        key_file="tls.key",
        credentials_file="user.creds",
        subject="audit.one",
        stream="AUDIT",
    )
    assert target.servers == (("a", 1), ("b", 4222))
    assert (target.subject, target.stream) == ("audit.one", "AUDIT")
    assert target.credentials.seed == SEED
    assert target.ssl_context is not None
    assert len(target.ssl_context.get_ca_certs()) == 1
    names = ("ca.crt", "tls.crt", "tls.key", "user.creds")
    assert AUDIT_NATS.paths is not None
    assert AUDIT_NATS.paths(options(), target) == tuple(str(folder / name) for name in names)
    assert AUDIT_NATS.paths(options(), None) == ()


def test_a_password_in_clear(folder: Path) -> None:
    """It is read without its line end; without TLS there is a warning."""
    remarks = Remarks()
    password = {"username": "proxy", "password_file": "password"}
    target = read(folder, remarks, servers=("nats://a",), **password)
    assert (target.credentials.user, target.credentials.password) == ("proxy", "pass-word")
    assert target.ssl_context is None
    (warning,) = remarks.warnings
    assert warning.startswith("--audit-nats-servers without tls://: the password")
    secured = Remarks()
    read(folder, secured, **password)
    assert secured.warnings == []


@pytest.mark.parametrize(
    ("flags", "text"),
    [
        ({"ca_file": "absent"}, "-ca-file {}/absent cannot be read: No such file"),
        ({"ca_file": "password"}, "-ca-file {}/password holds no certificate in PEM"),
        ({"token_file": "empty"}, "-token-file {}/empty is empty"),
        ({"token_file": "lines"}, "-token-file {}/lines is not one line of text"),
        ({"token_file": "binary"}, "-token-file {}/binary is not one line of text"),
        ({"cert_file": "tls.crt", "key_file": "password"}, "are not a PEM pair"),
        ({"credentials_file": "password"}, "-credentials-file {}/password holds no credentials"),
    ],
)
def test_faults(folder: Path, flags: dict[str, Any], text: str) -> None:
    """The flag, the file and the fix; nothing of what the file holds."""
    with pytest.raises(Unusable) as raised:
        read(folder, **flags)
    (fault,) = raised.value.faults
    assert text.format(folder) in fault
    assert "pass-word" not in fault


def test_all_at_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A missing extra too, which is named."""
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "nats" else find(name)
    )
    with pytest.raises(Unusable) as raised:
        read(folder, ca_file="absent", token_file="empty")
    assert [fault.split(" ")[0] for fault in raised.value.faults] == [
        "--audit-nats-servers",
        "--audit-nats-token-file",
        "--audit-nats-ca-file",
    ]
    assert "pip install '.[nats]'" in raised.value.faults[0]


def test_kafka(folder: Path) -> None:
    """Brokers, TLS and login; a password in clear is warned of, and no other."""
    assert read_kafka(options(), Remarks()) is None
    given: dict[str, Any] = {
        "audit_kafka_username": "proxy",
        "audit_kafka_password_file": str(folder / "password"),
    }
    remarks = Remarks()
    secured = read_kafka(
        options(
            audit_kafka_brokers=("tls://a", "tls://b:1"),
            audit_kafka_ca_file=str(folder / "ca.crt"),
            audit_kafka_cert_file=str(folder / "tls.crt"),
            audit_kafka_key_file=str(folder / "tls.key"),
            **given,
        ),
        remarks,
    )
    assert secured is not None
    assert secured.brokers == (("a", 9092), ("b", 1))
    assert (secured.protocol, secured.mechanism) == ("SASL_SSL", "SCRAM-SHA-512")
    assert (secured.user, secured.password) == ("proxy", "pass-word")
    names = ("ca.crt", "tls.crt", "tls.key", "password")
    assert AUDIT_KAFKA.paths is not None
    assert AUDIT_KAFKA.paths(options(), secured) == tuple(str(folder / name) for name in names)
    plain = {"audit_kafka_brokers": ("plaintext://a",)}
    proved = read_kafka(options(**plain, **given), remarks)
    assert proved is not None
    assert proved.protocol == "SASL_PLAINTEXT"
    assert remarks.warnings == []
    read_kafka(options(**plain, **given, audit_kafka_sasl_mechanism="PLAIN"), remarks)
    assert remarks.warnings[0].startswith("--audit-kafka-brokers without tls://: the password")
    nobody = read_kafka(options(**plain), remarks)
    assert nobody is not None
    assert nobody.mechanism == ""


def test_kafka_faults(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All at once, the missing extra too."""
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "aiokafka" else find(name)
    )
    with pytest.raises(Unusable) as raised:
        read_kafka(
            options(
                audit_kafka_brokers=("tls://a",),
                audit_kafka_password_file=str(folder / "lines"),
                audit_kafka_ca_file=str(folder / "absent"),
            ),
            Remarks(),
        )
    assert [fault.split(" ")[0] for fault in raised.value.faults] == [
        "--audit-kafka-brokers",
        "--audit-kafka-password-file",
        "--audit-kafka-ca-file",
    ]
    assert "pip install '.[kafka]'" in raised.value.faults[0]


def read_collector(folder: Path, remarks: Remarks | None = None, **flags: Any) -> OtlpTarget:
    """What is read for OTLP with these flags; those of files are names in the folder."""
    given = {
        f"audit_otlp_{name}": str(folder / value) if name.endswith("_file") else value
        for name, value in flags.items()
    }
    target = read_otlp(
        options(**{"audit_otlp_endpoint": "https://a:4318", **given}), remarks or Remarks()
    )
    assert target is not None
    return target


def test_a_collector(folder: Path) -> None:
    """The URL, TLS that offers HTTP, header lines, and the files that show a change."""
    assert read_otlp(options(), Remarks()) is None
    (folder / "headers").write_text("Authorization: pass-word\n")
    remarks = Remarks()
    target = read_collector(
        folder,
        remarks,
        ca_file="ca.crt",
        cert_file="tls.crt",
        key_file="tls.key",
        headers_file="headers",
    )
    assert target.url == "https://a:4318/v1/logs"
    assert target.headers == (("Authorization", "pass-word"),)
    assert "pass-word" not in repr(target)
    assert target.ssl_context is not None
    assert len(target.ssl_context.get_ca_certs()) == 1
    assert remarks.warnings == []
    names = ("ca.crt", "tls.crt", "tls.key", "headers")
    assert AUDIT_OTLP.paths is not None
    assert AUDIT_OTLP.paths(options(), target) == tuple(str(folder / name) for name in names)
    assert AUDIT_OTLP.paths(options(), None) == ()


def test_headers_in_clear(folder: Path) -> None:
    """Without TLS there is a warning where there is something to hide."""
    (folder / "headers").write_text("Authorization: pass-word\n")
    remarks = Remarks()
    target = read_collector(folder, remarks, endpoint="http://a", headers_file="headers")
    assert target.ssl_context is None
    (warning,) = remarks.warnings
    assert warning.startswith("--audit-otlp-endpoint without https://: what")
    assert "pass-word" not in warning
    silent = Remarks()
    read_collector(folder, silent, endpoint="http://a")
    assert silent.warnings == []


def test_faults_of_a_collector(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All at once, with the extra; nothing of what a file holds."""
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util,
        "find_spec",
        lambda name: None if name == "opentelemetry.proto" else find(name),
    )
    with pytest.raises(Unusable) as raised:
        read_collector(folder, ca_file="absent", headers_file="password")
    extra, headers, ca = raised.value.faults
    assert "pip install '.[otlp]'" in extra
    assert headers == (
        f"--audit-otlp-headers-file {folder}/password line 1 is not a header line; "
        "write Name: value, in ASCII"
    )
    assert ca.startswith("--audit-otlp-ca-file")


def test_without_any_of_opentelemetry(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The namespace may be missing as well."""

    def find(name: str) -> None:
        raise ModuleNotFoundError(name)

    monkeypatch.setattr(importlib.util, "find_spec", find)
    with pytest.raises(Unusable, match="--audit-otlp-endpoint needs"):
        read_collector(folder)
