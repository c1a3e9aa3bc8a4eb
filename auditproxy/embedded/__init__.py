"""A Kubernetes API server in memory, for the demo and the tests.

Production code imports nothing of it.
"""
