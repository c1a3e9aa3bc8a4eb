"""Authenticators and authorizers that query other servers, and the caches of their answers."""
