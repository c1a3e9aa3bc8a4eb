"""kube-apiserver's own webhook and ours before the same receiver: the same requests, byte for byte."""

import asyncio
import contextlib
import json
from pathlib import Path

import msgspec
import pytest

from auditproxy.app.sinks.webhook import open_webhook
from auditproxy.backends.webhook import event_list
from auditproxy.files.webhook import load_target
from tests.e2e.cluster import assets, running
from tests.fakes.backends import Told, event
from tests.fakes.kubeconfigs import kubeconfig
from tests.fakes.webhook import Received, Receiver

EVENT_HEAD = b'{"kind":"Event","apiVersion":"audit.k8s.io/v1",'

pytestmark = pytest.mark.skipif(
    assets() is None, reason="KUBEBUILDER_ASSETS names no folder with kube-apiserver and etcd"
)


class EventList(msgspec.Struct):
    """An EventList whose items stay bytes."""

    items: list[msgspec.Raw]


def head(received: Received) -> tuple[str, dict[str, str]]:
    """The request's line and header lines, without the body's length."""
    return received.line, {k: v for k, v in received.headers.items() if k != "content-length"}


@pytest.mark.timeout(180)
async def test_same_requests(tmp_path: Path) -> None:
    """Line, header lines and the form of the body are those that kube-apiserver sends."""
    async with Receiver() as receiver:
        (tmp_path / "server").mkdir()
        path = tmp_path / "webhook.yaml"
        path.write_text(json.dumps(kubeconfig({"server": f"{receiver.url}/some/path/?x=1"})))
        with contextlib.ExitStack() as stack:
            flags = (
                f"--audit-webhook-config-file={path}",
                "--audit-webhook-batch-max-wait=1s",
            )
            await asyncio.to_thread(stack.enter_context, running(tmp_path / "server", *flags))
            async with asyncio.timeout(60):
                await receiver.until_received(1)
            await asyncio.to_thread(stack.close)
        theirs = receiver.received[0]
        items = [bytes(item) for item in msgspec.json.decode(theirs.body, type=EventList).items]
        assert items
        # Made of the same events, our body is theirs.
        assert event_list([EVENT_HEAD + item[1:] + b"\n" for item in items]) == theirs.body

        receiver.received.clear()
        told = Told("webhook")
        backend = open_webhook(load_target(str(path)), initial_backoff=1, losses=told.losses)
        assert await backend.deliver((event(),)) is True
        await backend.shutdown()
        assert head(receiver.received[0]) == head(theirs)
