"""Receivers of events beside the webhook: NATS JetStream, Kafka.

Files of its own for each. Its library is an extra, and is imported by these files alone.
"""
