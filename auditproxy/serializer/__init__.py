"""Bytes to objects and back: Go's JSON, YAML, protobuf, durations, times (floor 2, pure)."""
