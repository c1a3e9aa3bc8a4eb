"""Fakes that implement an interface over real sockets; see each module."""
