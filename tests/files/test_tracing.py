"""--tracing-config-file: what kube-apiserver accepts and refuses, with all faults at once."""

from pathlib import Path

import pytest

from auditproxy.apis.faults import Unusable
from auditproxy.files import tracing
from auditproxy.files.tracing import TracingConfiguration, load_tracing
from auditproxy.files.trustedfile import Remarks
from tests.fakes.options import options

HEAD = "apiVersion: apiserver.config.k8s.io/{}\nkind: TracingConfiguration\n"


def load(text: str, version: str = "v1") -> TracingConfiguration:
    """What a file says."""
    return load_tracing((HEAD.format(version) + text).encode())


@pytest.mark.parametrize("version", ["v1", "v1beta1", "v1alpha1"])
def test_defaults(version: str) -> None:
    """OTLP's own endpoint, and nothing sampled but what trusted clients ask for."""
    assert load("", version) == TracingConfiguration("localhost:4317", 0)


@pytest.mark.parametrize(
    ("endpoint", "rate"),
    [
        ("collector:4317", 0),
        ("[::1]:4317", 1),
        ("dns:///collector:4317", 100),
        ("unix:///run/otel.sock", 1_000_000),
        ("unix-abstract://otel", 5),
    ],
)
def test_values(endpoint: str, rate: int) -> None:
    """Addresses as gRPC has them, and any rate up to a million."""
    found = load(f"endpoint: {endpoint!r}\nsamplingRatePerMillion: {rate}\n")
    assert found == TracingConfiguration(endpoint, rate)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("samplingRatePerMillion: -1", "samplingRatePerMillion: must not be negative"),
        ("samplingRatePerMillion: 1000001", "samplingRatePerMillion: must be at most 1000000"),
        ("samplingRatePerMillion: 0.5", "samplingRatePerMillion: must be a whole number"),
        ("samplingRatePerMillion: .inf", "samplingRatePerMillion: must be a whole number"),
        ("samplingRatePerMillion: all", "samplingRatePerMillion: must be a whole number, is text"),
        ("endpoint: http://a:1", "endpoint: has a scheme that is not one of dns, unix, unix-abs"),
        ("endpoint: dns://8.8.8.8/a:1", "endpoint: names a DNS server, which is not supported"),
        ("endpoint: ''", "endpoint: must be the address of a gRPC endpoint"),
        ("endpoint: 'a b'", "endpoint: must be the address of a gRPC endpoint"),
        ("samplingRate: 1", 'unknown field "samplingRate"'),
    ],
)
def test_faults(text: str, fault: str) -> None:
    """Each names its field."""
    with pytest.raises(Unusable) as caught:
        load(text)
    assert caught.value.faults[0].startswith(fault), caught.value.faults


def test_all_faults_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every field, the version, and the extra that is missing; each names the flag."""
    path = tmp_path / "t"
    path.write_text(HEAD.format("v2") + "endpoint: ftp://a\nsamplingRatePerMillion: -5\n")
    monkeypatch.setattr(tracing, "find_spec", lambda name: None)
    with pytest.raises(Unusable) as caught:
        tracing.TRACING.read(options(tracing_config_file=str(path)), Remarks())
    assert len(caught.value.faults) == 4
    assert all(fault.startswith("--tracing-config-file ") for fault in caught.value.faults)
    assert "needs the extra tracing, which is not installed" in caught.value.faults[-1]


def test_without_the_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    """The parent of a missing package is missing too."""

    def missing(name: str) -> None:
        raise ModuleNotFoundError(name)

    monkeypatch.setattr(tracing, "find_spec", missing)
    assert not tracing._is_installed()
    assert tracing.TRACING.read(options(), Remarks()) is None
