"""Fuzzers: run by hand and, briefly, in continuous integration."""
