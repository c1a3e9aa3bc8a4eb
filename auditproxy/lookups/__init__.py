"""Authenticators and authorizers that wait for a client's answer, and what is remembered of it."""
