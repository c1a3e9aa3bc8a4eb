"""Logins to Kafka: SCRAM, client certificates, and brokers that are not who they should be."""

import logging
import ssl
from dataclasses import replace
from pathlib import Path

import pytest
from aiokafka import errors

from auditproxy.clients.receivers import kafkaclient
from auditproxy.clients.receivers.kafka import KafkaReceiver
from auditproxy.clients.receivers.kafkatarget import KafkaTarget
from auditproxy.clients.receivers.receiver import ReceiverError
from auditproxy.tls.client import client_context
from tests.fakes.authority import CLIENT, Authority
from tests.fakes.kafkabroker import AUTHENTICATE, METADATA, FakeBroker
from tests.fakes.publishing import records

MECHANISMS = ("SCRAM-SHA-256", "SCRAM-SHA-512")
PASSWORD = "pa=ss,wörd"
USER = "au=dit,proxy"


def target(broker: FakeBroker, mechanism: str, password: str = PASSWORD) -> KafkaTarget:
    """A broker on loopback, and our login there."""
    return KafkaTarget((("127.0.0.1", broker.port),), "audit.events", mechanism, USER, password)


def logging_in(**more: object) -> FakeBroker:
    """A broker that serves nobody without a login."""
    return FakeBroker(users={USER: PASSWORD}, **more)  # type: ignore[arg-type]


async def fault(chosen: KafkaTarget) -> ReceiverError:
    """Why nothing can be published there; names no secret."""
    receiver = KafkaReceiver(chosen)
    with pytest.raises(ReceiverError) as raised:
        await receiver.publish(records("a"))
    await receiver.close()
    shown = f"{raised.value}{raised.value!r}{chosen!r}{receiver!r}"
    assert not chosen.password or chosen.password not in shown
    assert "\n" not in str(raised.value)
    return raised.value


@pytest.mark.parametrize("mechanism", MECHANISMS)
async def test_a_login(mechanism: str, caplog: pytest.LogCaptureFixture) -> None:
    """Each connection proves the password, which may have any character; none is logged."""
    caplog.set_level(logging.DEBUG)
    async with logging_in() as broker:
        receiver = KafkaReceiver(target(broker, mechanism))
        await receiver.publish(records("a", "b"))
        await receiver.close()
    assert {each.key for each in broker.log} == {b"a", b"b"}
    assert set(broker.logins) == {(mechanism, USER)}
    # What the library has to say has passwords in it, and proofs.
    assert "aiokafka" not in {record.name.partition(".")[0] for record in caplog.records}


@pytest.mark.parametrize("mechanism", [*MECHANISMS, "PLAIN"])
async def test_a_wrong_password(mechanism: str) -> None:
    """The fault says what to correct; the right one counts from the next delivery on."""
    async with logging_in() as broker:
        wrong = target(broker, mechanism, "wr,ong=wörd")
        error = await fault(wrong)
        assert (error.reason, error.is_poison) == ("unauthorized", False)
        assert str(error) == (
            "the brokers of Kafka do not accept our login; correct the user name or the password file"
        )
        assert METADATA not in broker.seen
        receiver = KafkaReceiver(wrong)
        receiver.replace(replace(wrong, password=PASSWORD))
        await receiver.publish(records("a"))
        await receiver.close()
    assert len(broker.log) == 1


async def test_a_mechanism_that_is_not_offered() -> None:
    """The fault names it, and nothing is proven to anybody."""
    async with logging_in(mechanisms=("PLAIN", "SCRAM-SHA-256")) as broker:
        error = await fault(target(broker, "SCRAM-SHA-512"))
    assert error.reason == "unauthorized"
    assert str(error) == (
        "the brokers of Kafka do not offer SCRAM-SHA-512; choose a SASL mechanism that they offer"
    )
    assert AUTHENTICATE not in broker.seen


@pytest.mark.parametrize("mechanism", MECHANISMS)
async def test_a_broker_that_does_not_know_the_password(mechanism: str) -> None:
    """It gets no event: it may be somebody else's."""
    async with logging_in() as broker:
        broker.proves = False
        error = await fault(target(broker, mechanism))
    assert error.reason == "unauthorized"
    assert str(error) == (
        "the brokers of Kafka do not prove that they know our password; they may not be ours"
    )
    assert METADATA not in broker.seen


async def test_a_broker_that_asks_for_a_cheap_proof() -> None:
    """It gets none: with few iterations a password is soon guessed."""
    async with logging_in() as broker:
        broker.iterations = 1
        error = await fault(target(broker, "SCRAM-SHA-512"))
    assert error.reason == "unauthorized"
    assert "iterations" in str(error)
    assert broker.seen.count(AUTHENTICATE) == 1


@pytest.fixture
def brokers(tmp_path: Path) -> tuple[Authority, ssl.SSLContext]:
    """The authority of brokers and clients, and the context of a broker that asks for those."""
    authority = Authority("brokers")
    authority.write_leaf(tmp_path / "broker", "localhost")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "broker.crt", tmp_path / "broker.key")
    context.load_verify_locations(cadata=authority.pem.decode())
    context.verify_mode = ssl.CERT_REQUIRED
    return authority, context


def over_tls(
    chosen: KafkaTarget, folder: Path, authority: Authority, client: Authority | None
) -> KafkaTarget:
    """The same over TLS, with a certificate of an authority, or without one."""
    context = client_context(authority.pem)
    if client is not None:
        client.write_leaf(folder / "client", "audit-proxy", usages=CLIENT)
        context.load_cert_chain(folder / "client.crt", folder / "client.key")
    brokers = (("localhost", chosen.brokers[0][1]),)
    return replace(chosen, brokers=brokers, ssl_context=context)


@pytest.mark.parametrize("mechanism", ["", *MECHANISMS])
async def test_client_certificates(
    mechanism: str, tmp_path: Path, brokers: tuple[Authority, ssl.SSLContext]
) -> None:
    """TLS that both sides verify, alone and below a login."""
    authority, context = brokers
    broker = FakeBroker(users={USER: PASSWORD} if mechanism else None, host="localhost")
    broker.ssl = context
    async with broker:
        chosen = target(broker, mechanism)
        receiver = KafkaReceiver(over_tls(chosen, tmp_path, authority, authority))
        await receiver.publish(records("a"))
        await receiver.close()
    assert broker.peers == {"audit-proxy"}
    assert len(broker.log) == 1
    assert set(broker.logins) == ({(mechanism, USER)} if mechanism else set())


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize("other", [False, True])
async def test_brokers_that_want_another_certificate(
    other: bool,
    version: ssl.TLSVersion,
    tmp_path: Path,
    brokers: tuple[Authority, ssl.SSLContext],
) -> None:
    """None, or one of another authority: what brokers then say, in every version of TLS."""
    authority, context = brokers
    context.maximum_version = version
    broker = FakeBroker(host="localhost")
    broker.ssl = context
    async with broker:
        client = Authority("others") if other else None
        error = await fault(over_tls(target(broker, ""), tmp_path, authority, client))
    assert error.reason == "tls"
    assert str(error).startswith("the brokers of Kafka: TLS: ")
    assert str(error).endswith("; correct the certificate and key files")
    assert not broker.log


def test_the_end_of_a_login() -> None:
    """A refusal in the words of RFC 5802 is one too."""
    scram = kafkaclient.BoundedScram(
        loop=None, sasl_plain_password="p", sasl_plain_username="u", sasl_mechanism=MECHANISMS[0]
    )
    with pytest.raises(errors.SaslAuthenticationFailed):
        scram.process_server_final_message("e=invalid-proof")
    for text in ("v=AAAA", "v", "x=1"):
        with pytest.raises(kafkaclient.UntrustedBrokerError):
            scram.process_server_final_message(text)
