"""Tamper evidence: the hash chain of a log, its signed checkpoints, their verification. PURE.

It knows lines and digests, and nothing of what events say.
"""
