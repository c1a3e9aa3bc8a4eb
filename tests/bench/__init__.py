"""Benchmarks: ``make bench`` prints figures; nothing here is timed in a test."""
