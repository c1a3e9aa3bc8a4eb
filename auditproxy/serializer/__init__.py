"""Bytes <-> values, in linear time and within a budget; one tree of errors. PURE."""
