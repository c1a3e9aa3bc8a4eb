"""Publishing to NATS in tests: records, targets, faults, and a key of a user."""

from collections.abc import Sequence

import pytest

from auditproxy.audit.encode import json_line
from auditproxy.audit.eventid import event_id
from auditproxy.clients.receivers.jetstream import JetStreamReceiver
from auditproxy.clients.receivers.natstarget import NatsTarget
from auditproxy.clients.receivers.receiver import EventRecord, ReceiverError
from tests.fakes.backends import event

SEED = "SUAPDZKWD4DXE26ETFH2SFYBZA75QQN7OD36OEB7H2HJLKOGMAB5FML6TQ"
PUBLIC = "UDASIXVPKDVMRGDWIHYEKUKV4QUMXK6DMJPUHXQ2UW32W2GKUX4Y742T"
"""A pair that the package nkeys of NATS made."""
ACCOUNT = "SAAPDZKWD4DXE26ETFH2SFYBZA75QQN7OD36OEB7H2HJLKOGMAB5FMMNKA"
CREDS = f"""-----BEGIN NATS USER JWT-----
eyJ0eXAiOiJKV1QifQ.eyJqdGkiOiJ4In0.c2ln
------END NATS USER JWT------

************************* IMPORTANT *************************
NKEY Seed printed below can be used to sign and prove identity.

-----BEGIN USER NKEY SEED-----
{SEED}
------END USER NKEY SEED------
"""


def records(*ids: str, body: bytes | None = None) -> list[EventRecord]:
    """A record for each audit ID."""
    lines = [json_line(event(each, body=body)).rstrip(b"\n") for each in ids]
    return [EventRecord(event_id(line), line) for line in lines]


def target(*ports: int, stream: str = "") -> NatsTarget:
    """Servers on loopback."""
    return NatsTarget(tuple(("127.0.0.1", port) for port in ports), "audit.events", stream)


async def fault(receiver: JetStreamReceiver, sent: Sequence[EventRecord]) -> ReceiverError:
    """Why records cannot be published."""
    with pytest.raises(ReceiverError) as raised:
        await receiver.publish(sent)
    return raised.value
