"""Proxies that are killed at random moments, and what their logs promise nevertheless."""
