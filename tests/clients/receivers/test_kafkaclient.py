"""KafkaClient: what the library lacks, which its own tests would not notice."""

import asyncio

import pytest
from aiokafka import conn

from auditproxy.clients.receivers.kafkaclient import BoundedConnection, BoundedScram, KafkaClient
from auditproxy.clients.receivers.kafkatarget import KafkaTarget
from tests.fakes.kafkabroker import METADATA, FakeBroker
from tests.fakes.waiting import until


def test_the_library_makes_our_connections() -> None:
    """Its name for them is ours; a version that makes them otherwise would have no bounds."""
    assert conn.AIOKafkaConnection is BoundedConnection


async def test_the_end_waits_for_nothing() -> None:
    """A client whose start is cut off leaves no task and no connection."""
    before = asyncio.all_tasks()
    async with FakeBroker() as broker:
        broker.always[METADATA] = "hang"
        client = KafkaClient(KafkaTarget((("127.0.0.1", broker.port),), "audit.events"))
        starting = asyncio.create_task(client.start())
        await until(lambda: METADATA in broker.seen, "it asks for metadata")
        (connection,) = client.link.connections
        assert type(connection) is BoundedConnection
        starting.cancel()
        await client.end()
        assert not connection.connected()
        assert not client.link.connections
    await until(lambda: asyncio.all_tasks() <= before, "all tasks have ended")


def test_iterations_are_bounded() -> None:
    """A broker cannot make SCRAM compute for ever, nor send what is soon guessed."""
    scram = BoundedScram(
        loop=None,
        sasl_plain_password="p",
        sasl_plain_username="u",
        sasl_mechanism="SCRAM-SHA-512",
    )
    scram.create_salted_password(b"salt", 4096)
    for iterations in (1, 4095, 10**9):
        with pytest.raises(ValueError, match="iterations"):
            scram.create_salted_password(b"salt", iterations)


def test_a_login_with_scram() -> None:
    """The exchange of RFC 7677, section 3; a server that cannot prove itself is not believed."""
    scram = BoundedScram(
        loop=None,
        sasl_plain_password="pencil",
        sasl_plain_username="user",
        sasl_mechanism="SCRAM-SHA-256",
    )
    scram._nonce = "rOprNGfwEbeRWgbNEkqO"
    assert scram.first_message() == "n,,n=user,r=rOprNGfwEbeRWgbNEkqO"
    scram.process_server_first_message(
        "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"
    )
    assert scram.final_message().endswith(",p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=")
    scram.process_server_final_message("v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=")
    with pytest.raises(ValueError, match="prove that they know"):
        scram.process_server_final_message("v=AAAA")
