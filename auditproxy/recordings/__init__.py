"""Recordings on disk: written within bounds, found again after a crash, encrypted, uploaded."""
