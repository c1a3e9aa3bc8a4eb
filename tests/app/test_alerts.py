"""Alerts from options to their receivers, a real Alertmanager among them."""

import asyncio
import json
import shutil
import socket
import subprocess
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from prometheus_client import CollectorRegistry

from auditproxy.alerts.alert import Alert, AlertState
from auditproxy.apis.faults import Unusable
from auditproxy.app.alerts import (
    describe_alerts,
    open_alerts,
    open_notifiers,
    replace_alerts,
    write_line,
)
from auditproxy.files.alerts import AlertTargets, read_targets
from auditproxy.files.files import Files, read_files
from auditproxy.metrics.alerts import AlertMetrics
from auditproxy.notifiers.outbox import LineNotifier, Outbox
from auditproxy.options import AlertOptions
from tests.fakes.alertrules import alert, audit_event, exec_event, rule_of
from tests.fakes.kubeconfigs import kubeconfig
from tests.fakes.options import options
from tests.fakes.waiting import until
from tests.fakes.webhook import Receiver

ALERTMANAGER = shutil.which("prometheus-alertmanager") or shutil.which("alertmanager")
HEAD = "apiVersion: auditproxy.io/v1alpha1\nkind: AlertDestinations\n"


def targets(folder: Path, text: str) -> AlertTargets:
    """The destinations of a file that lacks only its version and kind."""
    path = folder / "destinations.yaml"
    path.write_text(HEAD + text)
    return read_targets(str(path))


def files(folder: Path, destinations: str) -> Files:
    """What the files of a proxy say, with the shipped rules."""
    path, config = folder / "destinations.yaml", folder / "kubeconfig"
    path.write_text(HEAD + destinations)
    config.write_text(json.dumps(kubeconfig()))
    chosen = options(rules_file="builtin", destinations_file=str(path), kubeconfig=str(config))
    return read_files(chosen)


def metrics() -> AlertMetrics:
    """Metrics of their own registry."""
    return AlertMetrics(CollectorRegistry())


async def test_without_rules(tmp_path: Path) -> None:
    """There is nothing to dispatch."""
    config = tmp_path / "kubeconfig"
    config.write_text(json.dumps(kubeconfig()))
    found = read_files(options(kubeconfig=str(config)))
    assert open_alerts(AlertOptions(), found, metrics(), print) is None
    assert describe_alerts(found, AlertOptions()) == ""


def test_described(tmp_path: Path) -> None:
    """A line at the start: how many rules, and where alerts go."""
    found = files(tmp_path, "destinations: [{name: a, standardError: {}}]")
    assert found.alert_rules is not None
    count = len(found.alert_rules.rules)
    assert describe_alerts(found, AlertOptions()) == f"alerts: {count} rules, to a"
    spooled = AlertOptions(spool_dir="s")
    assert describe_alerts(found, spooled).endswith(
        ", to a; --alert-spool-dir is not used: no destination is a webhook or Slack"
    )


async def test_from_an_event_to_slack(tmp_path: Path) -> None:
    """The shipped rules, a file of destinations, a receiver."""
    async with Receiver() as receiver:
        (tmp_path / "url").write_text(f"{receiver.url}/services/T0")
        found = files(tmp_path, "destinations: [{name: s, slack: {urlFile: url}}]")
        lines: list[str] = []
        dispatcher = open_alerts(AlertOptions(), found, metrics(), lines.append)
        assert dispatcher is not None
        dispatcher.offer(exec_event())
        await receiver.until_received(1)
        await dispatcher.shutdown(5)
    body = json.loads(receiver.received[0].body)
    assert body["text"] == "[medium] alice runs a command in n/box"
    assert lines == []


async def test_reloaded(tmp_path: Path) -> None:
    """Other rules and other destinations, for the events from now on."""
    async with Receiver() as before, Receiver() as after:
        url = tmp_path / "url"
        url.write_text(before.url)
        text = "destinations: [{name: s, slack: {urlFile: url}}]"
        dispatcher = open_alerts(AlertOptions(), files(tmp_path, text), metrics(), print)
        assert dispatcher is not None
        url.write_text(after.url)
        changes = {"alert_rules": rule_of(), "alert_targets": targets(tmp_path, text)}
        replace_alerts(dispatcher, changes, metrics(), print)
        dispatcher.offer(audit_event())
        await after.until_received(1)
        await dispatcher.shutdown(5)
        assert before.received == []
    assert json.loads(after.received[0].body)["attachments"][0]["title"] == "Rule"


async def test_through_a_spool(tmp_path: Path) -> None:
    """What fires while a webhook is away comes once it is back, to where the file says then."""
    url = tmp_path / "url"
    url.write_text("http://127.0.0.1:1")
    text = (
        "destinations:\n- {name: s, slack: {urlFile: url}}\n"
        "- {name: am, alertmanager: {urls: ['http://127.0.0.1:1']}}\n"
    )
    chosen = AlertOptions(spool_dir=str(tmp_path / "alerts"))
    found = files(tmp_path, text)
    assert describe_alerts(found, chosen).endswith(
        ", to s, am; through the spool of --alert-spool-dir: s"
    )
    counted = metrics()
    lines: list[str] = []
    dispatcher = open_alerts(chosen, found, counted, lines.append)
    assert dispatcher is not None
    dispatcher.start()
    dispatcher.offer(exec_event())
    await until(lambda: counted.spools.waiting == 1, "the disk has the alert")
    assert [each.name for each in (tmp_path / "alerts").iterdir()] == ["s"]
    await until(
        lambda: dispatcher.describe()[0].startswith(
            "alerts to s: not delivering: unreachable, 1 wait in the spool"
        ),
        "/readyz?verbose says it",
    )
    async with Receiver() as receiver:
        url.write_text(receiver.url)
        changes = {"alert_targets": targets(tmp_path, text)}
        replace_alerts(dispatcher, changes, counted, print)
        await receiver.until_received(1)
        await until(lambda: counted.spools.waiting == 0, "it is acknowledged")
        await dispatcher.shutdown(5)
    assert json.loads(receiver.received[0].body)["text"] == "[medium] alice runs a command in n/box"


async def test_a_folder_that_cannot_be_used(tmp_path: Path) -> None:
    """The start names it; a proxy that runs keeps the alerts of a new destination in memory."""
    async with Receiver() as receiver:
        (tmp_path / "url").write_text(receiver.url)
        folder = tmp_path / "alerts"
        folder.mkdir()
        (folder / "t").write_text("")
        one = "destinations:\n- {name: s, slack: {urlFile: url}}\n"
        two = one + "- {name: t, slack: {urlFile: url}}\n"
        chosen = AlertOptions(spool_dir=str(folder))
        with pytest.raises(Unusable) as raised:
            open_alerts(
                chosen, files(tmp_path, two.replace("name: s", "name: u")), metrics(), print
            )
        (fault,) = raised.value.faults
        assert fault.startswith(f"--alert-spool-dir {folder}/t cannot be used: file exists; name a")
        dispatcher = open_alerts(chosen, files(tmp_path, one), metrics(), print)
        assert dispatcher is not None
        lines: list[str] = []
        changes = {"alert_targets": targets(tmp_path, two)}
        replace_alerts(dispatcher, changes, metrics(), lines.append)
        assert lines == [f"{fault}; its alerts wait in memory until the file is read again"]
        dispatcher.offer(exec_event())
        await receiver.until_received(2)
        await dispatcher.shutdown(5)


async def test_notifiers(tmp_path: Path) -> None:
    """One for each server; a template makes the body."""
    async with Receiver() as receiver:
        (tmp_path / "url").write_text(receiver.url)
        found = open_notifiers(
            targets(
                tmp_path,
                "destinations:\n- {name: am, alertmanager: {urls: ['http://a', 'http://b']}}\n"
                "- {name: hook, webhook: {urlFile: url, template: {t: '{{ line }}'}}}\n"
                "- {name: err, standardError: {}}\n",
            ),
            metrics(),
            print,
        )
        names = [notifier.name for notifier in found if isinstance(notifier, Outbox | LineNotifier)]
        assert names == ["am/0", "am/1", "hook", "err"]
        found[2].put(alert(ends_at=time.time_ns()))
        for notifier in found:
            await notifier.shutdown(5)
    assert json.loads(receiver.received[0].body)["t"].startswith("alert Exec (high) firing")


def test_write_line(capsys: pytest.CaptureFixture[str]) -> None:
    """One line, whatever the alert holds."""
    write_line(alert(annotations={"summary": "a\nb\x1b[31m"}))
    captured = capsys.readouterr()
    assert (captured.out + captured.err).count("\n") == 1
    assert "\x1b[31m" not in captured.out + captured.err


class RealAlertmanager:
    """A process, its port, and a receiver of its notifications."""

    def __init__(self, url: str, hook: Receiver) -> None:
        self.url = url
        self.hook = hook

    async def alerts(self) -> list[dict[str, Any]]:
        """The alerts that it holds."""
        async with aiohttp.ClientSession() as session:
            async with session.get(f"{self.url}/am/api/v2/alerts") as answer:
                found: list[dict[str, Any]] = await answer.json()
                return found

    def notified(self) -> list[dict[str, Any]]:
        """The groups of alerts that it sent."""
        return [json.loads(request.body) for request in self.hook.received]


@pytest.fixture
async def alertmanager(tmp_path: Path) -> AsyncIterator[RealAlertmanager]:
    """An Alertmanager that groups by user and notifies at once."""
    if ALERTMANAGER is None:
        pytest.skip("there is no Alertmanager; install prometheus-alertmanager")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    async with Receiver() as hook:
        (tmp_path / "am.yml").write_text(
            "route: {receiver: hook, group_by: [user], group_wait: 100ms, group_interval: 1s}\n"
            "receivers:\n- name: hook\n  webhook_configs:\n"
            f"  - {{url: '{hook.url}/', send_resolved: true}}\n"
        )
        process = subprocess.Popen(
            [
                ALERTMANAGER,
                f"--config.file={tmp_path / 'am.yml'}",
                f"--storage.path={tmp_path / 'am'}",
                f"--web.listen-address=127.0.0.1:{port}",
                "--web.route-prefix=/am",
                "--cluster.listen-address=",
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        manager = RealAlertmanager(f"http://127.0.0.1:{port}", hook)

        async def is_up() -> bool:
            try:
                await manager.alerts()
            except (aiohttp.ClientError, OSError):
                return False
            return True

        try:
            await until(is_up, "Alertmanager answers", seconds=20)
            yield manager
        finally:
            process.terminate()
            await asyncio.to_thread(process.wait, 10)


async def test_a_real_alertmanager(alertmanager: RealAlertmanager, tmp_path: Path) -> None:
    """It receives what fires, keeps repetitions as one, groups, refuses what is not valid alone,
    and resolves."""
    registry = CollectorRegistry()
    lines: list[str] = []
    (notifier,) = open_notifiers(
        targets(
            tmp_path,
            f"destinations: [{{name: am, alertmanager: {{urls: ['{alertmanager.url}/am']}}}}]",
        ),
        AlertMetrics(registry),
        lines.append,
    )
    now = time.time_ns()
    times = {"starts_at": now, "ends_at": now + 300_000_000_000}

    def of(name: str, user: str, **members: Any) -> Alert:
        labels = {"alertname": name, "severity": "high", "user": user}
        return alert(name=name, labels=labels, **{**times, **members})

    for name in ("Exec", "Attach"):
        notifier.put(of(name, "alice"))
    notifier.put(of("Exec", "bob"))
    # No end before the start: only this one is refused.
    notifier.put(of("Broken", "bob", ends_at=now - 1))

    async def held() -> bool:
        return len(await alertmanager.alerts()) == 3

    await until(held, "three alerts are held")
    await until(lambda: len(alertmanager.notified()) >= 2, "two groups are notified")
    groups = {
        group["groupLabels"]["user"]: {entry["labels"]["alertname"] for entry in group["alerts"]}
        for group in alertmanager.notified()
    }
    assert groups == {"alice": {"Exec", "Attach"}, "bob": {"Exec"}}
    notifier.put(of("Exec", "bob", state=AlertState.REPEATED, annotations={"summary": "again"}))

    async def repeated() -> bool:
        return any(
            entry["annotations"]["summary"] == "again" for entry in await alertmanager.alerts()
        )

    await until(repeated, "the repetition is the same alert")
    assert len(await alertmanager.alerts()) == 3
    ends = time.time_ns()
    notifier.put(of("Exec", "bob", state=AlertState.RESOLVED, ends_at=ends))
    await until(
        lambda: any(
            group["status"] == "resolved" and group["groupLabels"] == {"user": "bob"}
            for group in alertmanager.notified()
        ),
        "bob's alert is resolved",
        seconds=20,
    )
    await notifier.shutdown(5)
    failed = {"destination": "am", "reason": "refused"}
    assert registry.get_sample_value("auditproxy_alerts_failed_total", failed) == 1
    assert lines == ["1 alerts for am are lost: the Alertmanager refused alerts as not valid"]


async def test_a_real_alertmanager_that_was_away(
    alertmanager: RealAlertmanager, tmp_path: Path
) -> None:
    """It notifies of an alert that was over before it came, with its end behind it."""
    (notifier,) = open_notifiers(
        targets(
            tmp_path,
            f"destinations: [{{name: am, alertmanager: {{urls: ['{alertmanager.url}/am']}}}}]",
        ),
        AlertMetrics(CollectorRegistry()),
        list[str]().append,
    )
    now = time.time_ns()
    for state in (AlertState.FIRING, AlertState.RESOLVED):
        times = {"starts_at": now - 900_000_000_000, "ends_at": now - 600_000_000_000}
        notifier.put(alert(state=state, **times))
    await until(lambda: alertmanager.notified(), "it is notified")
    assert alertmanager.notified()[0]["status"] == "firing"
    await notifier.shutdown(5)
