"""Several processes on one port: what each is set up with."""

import dataclasses

import pytest

from auditproxy.options.receivergroups import ReceiverGroups
from auditproxy.options.spool import SpooledOptions
from auditproxy.options.workers import of_each_worker, of_worker
from tests.fakes.options import options


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/var/log/audit.log", "/var/log/audit-worker2.log"),
        ("audit", "audit-worker2"),
        ("logs/a.b/audit.json.log", "logs/a.b/audit.json-worker2.log"),
        ("", ""),
    ],
)
def test_own_logs(path: str, expected: str) -> None:
    """The number stands before the extension, in the same folder."""
    own = of_worker(options(workers=2, audit_log_path=path, sessions_log_path=path), 2)
    assert own.audit_log.path == own.sessions.log_path == expected


def test_own_spools() -> None:
    """One process uses a folder; of whatever backend it is."""
    of_backends = {
        f"{group.name}_spool_dir": f"/{group.name}"
        for group in dataclasses.fields(ReceiverGroups)
        if isinstance(getattr(options(), group.name), SpooledOptions)
    }
    assert len(of_backends) >= 4
    spools = options(
        workers=2,
        **of_backends,
        sessions_webhook_config_file="w",
        sessions_webhook_spool_dir="/lines",
        alerts_spool_dir="/alerts",
    )
    own = of_worker(spools, 2)
    for name, folder in of_backends.items():
        group = getattr(own, name.removesuffix("_spool_dir"))
        assert group.spool_dir == f"{folder}-worker2"
    assert own.sessions.webhook_spool_dir == "/lines-worker2"
    assert own.alerts.spool_dir == "/alerts-worker2"


def test_no_probes_of_a_worker() -> None:
    """The parent has the port of probes."""
    assert of_worker(options(health_bind_address=":8081", workers=2), 1).health.address() is None


def test_each() -> None:
    """One process is as the options say; of several each has its own."""
    alone = options(audit_log_path="/a.log")
    assert list(of_each_worker(alone)) == [alone]
    several = options(audit_log_path="/a.log", workers=3)
    paths = [own.audit_log.path for own in of_each_worker(several)]
    assert paths == ["/a-worker1.log", "/a-worker2.log", "/a-worker3.log"]
