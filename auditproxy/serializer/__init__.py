"""Bytes to objects and back: Go's JSON spelling, YAML, protobuf, durations and times (floor 2, pure)."""
