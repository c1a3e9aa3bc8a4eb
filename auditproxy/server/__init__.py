"""Sockets: the client's side, the upstream's, and our own answers (floor 5)."""
