"""Whether a certificate of our own is in its period, in words for operators."""

import datetime

from cryptography import x509


def period_fault(pem: bytes, now: datetime.datetime) -> str:
    """``expired at 2026-11-28T10:00:00Z``, or ``is not valid before`` a time; "" in its period.

    Of several certificates the first is meant. "" for what cannot be read, which others report.
    """
    try:
        certificate = x509.load_pem_x509_certificate(pem)
    except ValueError:
        return ""
    if now < certificate.not_valid_before_utc:
        return f"is not valid before {certificate.not_valid_before_utc:%Y-%m-%dT%H:%M:%SZ}"
    if now > certificate.not_valid_after_utc:
        return f"expired at {certificate.not_valid_after_utc:%Y-%m-%dT%H:%M:%SZ}"
    return ""
