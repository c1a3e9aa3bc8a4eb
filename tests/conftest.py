"""Settings of every test."""

from hypothesis import settings

# How long one example takes is the machine's mood; what must not take long is measured by counts
# or has a test of its own.
settings.register_profile("auditproxy", deadline=None)
settings.load_profile("auditproxy")
