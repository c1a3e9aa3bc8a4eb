"""Audit trails, read: whatever form they come in, to requests, sentences and tables.

The proxy imports nothing of it, and it imports nothing of the proxy that runs.
"""
