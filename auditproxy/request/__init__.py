"""What is asked: target, RequestInfo, attributes, headers, source addresses.

PURE; knows no socket.
"""
