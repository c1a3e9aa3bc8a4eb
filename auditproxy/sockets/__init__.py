"""Common to all of our sockets, client or upstream: accepting, keepalive, buffers."""
