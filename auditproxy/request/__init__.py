"""What the client requests: target, RequestInfo, attributes, headers, source addresses.

PURE; uses no sockets.
"""
