"""Clients over TLS, with a certificate of a test's PKI or without."""

import asyncio
import ssl
from pathlib import Path

from tests.conformance.client import Answer, read_answer
from tests.fakes.proxy import request


def client_tls(pki: Path, certificate: str = "") -> ssl.SSLContext:
    """A client's TLS, with a certificate or without."""
    context = ssl.create_default_context(cafile=str(pki / "ours" / "ca.crt"))
    if certificate:
        context.load_cert_chain(f"{pki}/{certificate}.crt", f"{pki}/{certificate}.key")
    return context


async def ask(port: int, tls: ssl.SSLContext, token: str = "") -> Answer:
    """One request over TLS."""
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", port, ssl=tls, server_hostname="localhost"
    )
    try:
        writer.write(request("GET", "/api/v1/pods", token=token))
        async with asyncio.timeout(5):
            return await read_answer(reader, "GET")
    finally:
        writer.close()
