"""Keepalive: the kernel probes silent peers, client or upstream."""

import socket
import sys

KEEPALIVE_IDLE, KEEPALIVE_INTERVAL, KEEPALIVE_COUNT = 30, 15, 4
"""A vanished peer is detected after 30 s of silence and 4 probes 15 s apart.

Load balancers drop connections that are silent for 4 minutes (Azure) or 350 s (AWS), and a
watch may be silent for longer. kube-apiserver probes after at most 3 minutes.
"""


def keep_alive(connected: socket.socket) -> None:
    """Let the kernel probe the peer; raises OSError if the connection is already gone.

    TCP_USER_TIMEOUT is not set: it would also end a connection whose peer answers
    every probe and lets its window stay closed, as a paused ``kubectl logs`` does.
    """
    connected.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    if sys.platform == "linux":
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, KEEPALIVE_IDLE)
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, KEEPALIVE_INTERVAL)
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, KEEPALIVE_COUNT)
