"""Replays of recorded traffic, compared with the API server's own events."""
