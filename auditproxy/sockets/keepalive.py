"""Keepalive: the kernel asks a silent peer whether it is still there, client or upstream."""

import socket
import sys

KEEPALIVE_IDLE, KEEPALIVE_INTERVAL, KEEPALIVE_COUNT = 30, 15, 4
"""A vanished peer is noticed after 30 s of silence and 4 probes 15 s apart.

Balancers forget connections that are silent for 4 minutes (Azure) or 350 s (AWS), and a
watch may be silent for longer; kube-apiserver probes after 3 minutes at the latest.
"""


def keep_alive(connected: socket.socket) -> None:
    """Have the kernel probe the peer; raises OSError when the connection is gone already.

    TCP_USER_TIMEOUT is not set: it would also end a connection whose peer answers
    every probe and lets its window stay closed, as a paused ``kubectl logs`` does.
    """
    connected.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    if sys.platform == "linux":
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, KEEPALIVE_IDLE)
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, KEEPALIVE_INTERVAL)
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, KEEPALIVE_COUNT)
