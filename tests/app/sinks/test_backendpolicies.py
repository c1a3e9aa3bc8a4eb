"""A proxy whose log and webhook have policies of their own, as an operator sets it up."""

import json
from pathlib import Path
from typing import Any

import pytest

from auditproxy.app.sinks.backendpolicies import NO_BACKEND, divided
from tests.fakes.alertrules import HEAD as ALERTS
from tests.fakes.options import options
from tests.fakes.proxy import EVERYTHING, EventCollector, RunningProxy, proxy_before, request
from tests.fakes.upstream import FakeUpstream, answer, replying
from tests.fakes.waiting import until
from tests.fakes.webhook import Receiver

JSON = b"Content-Type: application/json"
SECRET = b'{"kind":"Secret","apiVersion":"v1","metadata":{"name":"s"},"data":{"p":"aHVudGVyMg=="}}'
TARGET = "/api/v1/namespaces/team/secrets"


def at(level: str) -> str:
    """A policy of one level."""
    return EVERYTHING.replace("RequestResponse", level)


def test_divided() -> None:
    """Backends with own policies are apart from those that follow the main one."""
    log, webhook = EventCollector(), EventCollector()
    named = (("log", log), ("webhook", webhook))
    common, own = divided(options(), named)
    assert str(common) == "union[collector,collector]"
    assert own == ()
    common, own = divided(options(audit_log_policy_file="x"), named)
    assert common is webhook
    assert [(each.plugin, each.backend) for each in own] == [("log", log)]
    common, own = divided(options(audit_log_redact="none", audit_webhook_redact="x"), named)
    assert common is NO_BACKEND
    assert len(own) == 2


def lines_of(path: Path) -> list[dict[str, Any]]:
    """The events in a log."""
    return [json.loads(line) for line in path.read_text().splitlines()]


async def create(proxy: RunningProxy) -> None:
    """Create a Secret."""
    asked = request("POST", TARGET, JSON.decode(), body=SECRET)
    assert (await proxy.ask(asked)).status == 201
    await proxy.proxy.settle()


@pytest.mark.parametrize("mode", ["blocking", "durable"])
async def test_log_and_webhook(tmp_path: Path, mode: str) -> None:
    """Each gets its own level and redaction of every request, and a reload changes one alone."""
    log, policy = tmp_path / "audit.log", tmp_path / "log-policy.yaml"
    policy.write_text(at("Metadata"))
    async with (
        FakeUpstream(replying(answer(201, SECRET, JSON))) as upstream,
        Receiver() as receiver,
    ):
        (tmp_path / "webhook.json").write_text(
            json.dumps(
                {
                    "apiVersion": "v1",
                    "kind": "Config",
                    "clusters": [{"name": "c", "cluster": {"server": receiver.url}}],
                    "contexts": [{"name": "c", "context": {"cluster": "c"}}],
                    "current-context": "c",
                }
            )
        )
        async with proxy_before(
            upstream.port,
            tmp_path,
            own_backend=True,
            audit_log_path=str(log),
            audit_log_mode=mode,
            audit_log_policy_file=str(policy),
            audit_webhook_config_file=str(tmp_path / "webhook.json"),
            audit_webhook_mode="blocking",
            audit_webhook_redact="none",
        ) as proxy:
            await create(proxy)
            await until(lambda: len(receiver.received) == 2, "the webhook has both stages")
            sent = [json.loads(one.body)["items"][0] for one in receiver.received]
            assert sent[1]["responseObject"]["data"] == {"p": "aHVudGVyMg=="}
            await until(lambda: len(lines_of(log)) == 2, "the log has both stages")
            written = lines_of(log)
            assert [event["level"] for event in written] == ["Metadata", "Metadata"]
            assert "requestObject" not in written[1]
            # The same request in both.
            for mine, theirs in zip(written, sent, strict=True):
                for member in ("auditID", "stage", "stageTimestamp", "objectRef"):
                    assert mine.get(member) == theirs.get(member)
            assert proxy.metric("apiserver_audit_event_total") == 2
            policy.write_text(at("RequestResponse"))
            await proxy.proxy.reloader.poll(settle=False)
            await create(proxy)
            await until(lambda: len(lines_of(log)) == 4, "the log has the second request")
            marked = lines_of(log)[-1]["responseObject"]["data"]["p"]
            assert marked.startswith("auditproxy.io/redacted:")
            policy.write_text(at("Sometimes"))
            await proxy.proxy.reloader.poll(settle=False)
            await create(proxy)
            await until(lambda: len(lines_of(log)) == 6, "the log has the third request")
            assert lines_of(log)[-1]["level"] == "RequestResponse"
            labels = {"file": "audit-log-policy-file", "result": "error"}
            assert proxy.metric("auditproxy_config_reloads_total", **labels) == 1


async def test_alerts_follow_the_main_policy(tmp_path: Path) -> None:
    """Where each backend has its own, alert rules still see what the main policy records."""
    policy, rules = tmp_path / "none.yaml", tmp_path / "rules.yaml"
    policy.write_text(at("None"))
    rules.write_text(
        f"{ALERTS}rules:\n- name: Made\n  severity: high\n  summary: made\n"
        "  match: {verbs: [create], stages: [ResponseComplete]}\n  by: [user]\n"
    )
    log = tmp_path / "audit.log"
    async with FakeUpstream(replying(answer(201, SECRET, JSON))) as upstream:
        async with proxy_before(
            upstream.port,
            tmp_path,
            own_backend=True,
            audit_log_path=str(log),
            audit_log_policy_file=str(policy),
            alerts_rules_file=str(rules),
        ) as proxy:
            await create(proxy)
            fired = {"rule": "Made", "severity": "high"}
            await until(
                lambda: proxy.metric("auditproxy_alerts_fired_total", **fired) == 1, "it fires"
            )
    assert log.read_text() == ""


async def test_refused_by_one(tmp_path: Path) -> None:
    """A backend in mode blocking-strict that fails refuses requests, whatever the others take."""
    policy = tmp_path / "log-policy.yaml"
    policy.write_text(at("Metadata") + "omitStages: [RequestReceived]\n")
    full = Path("/dev/full")
    async with FakeUpstream(replying(answer(201, SECRET, JSON))) as upstream:
        async with proxy_before(
            upstream.port,
            tmp_path,
            own_backend=True,
            audit_log_path=str(full),
            audit_log_mode="blocking-strict",
            audit_log_policy_file=str(policy),
        ) as proxy:
            reply = await proxy.ask(request("GET", "/api/v1/pods"))
            assert (reply.status, upstream.connections) == (500, [])
            assert b"failed to store audit event" in reply.body
