"""Runners that feed mutated input, bounded by a count."""
