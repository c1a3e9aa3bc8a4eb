"""Common to all of our sockets, client or upstream: accepting, keepalive, buffers.

Tasks start here as well: nothing else in the package creates one (``tasks.spawn``).
"""
