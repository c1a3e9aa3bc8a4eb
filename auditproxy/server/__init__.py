"""The chain: one request from its first byte to its last event. handler.py is one page."""
