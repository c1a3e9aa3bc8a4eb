"""Units of whole numbers."""

SECOND = 1_000_000_000
"""Nanoseconds: durations and instants are whole nanoseconds, as Go's are."""

MEBIBYTE = 1024 * 1024
"""Bytes."""

GIBIBYTE = 1024 * MEBIBYTE
"""Bytes."""
