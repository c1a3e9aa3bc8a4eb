"""Ports: bound before anything is made, and listening once it serves.

    reserved(options) -> Ports -> Proxy.start

A start that cannot have its ports leaves no certificate, log or folder behind.
"""

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from auditproxy.apis.faults import Unusable
from auditproxy.options import Options
from auditproxy.server.serving import not_bound
from auditproxy.sockets.listener import (
    bind,
    fix_of_binding,
    reserve,
    shown_address,
    why_not_bound,
)
from auditproxy.tls.serving import ServingError


@dataclass(frozen=True, slots=True)
class Ports:
    """Sockets that are bound and do not listen yet; none for probes where there is no such port."""

    clients: socket.socket
    probes: tuple[socket.socket, ...] = ()


def probes_not_bound(host: str, port: int, error: OSError) -> ServingError:
    """What to say when the address of the health port cannot be had."""
    return ServingError(
        f"--health-bind-address {shown_address(host, port)} cannot be used: "
        f"{why_not_bound(error)}; {fix_of_binding(error)}"
    )


@contextmanager
def reserved(options: Options) -> Iterator[Ports]:
    """The ports of a proxy, closed at the end; raises Unusable with a line for each in use."""
    serving, probes = options.serving, options.health.address()
    faults: list[str] = []
    with ExitStack() as closing:
        try:
            clients = closing.enter_context(reserve(serving.bind_address, serving.secure_port))
        except OSError as error:
            faults += not_bound(serving.bind_address, serving.secure_port, error).faults
        bound: list[socket.socket] = []
        if probes is not None:
            try:
                bound = bind(*probes, listening=False)
            except OSError as error:
                faults += probes_not_bound(*probes, error).faults
            for each in bound:
                closing.enter_context(each)
        if faults:
            raise Unusable(*faults)
        yield Ports(clients, tuple(bound))
