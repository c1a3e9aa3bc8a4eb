"""Tests of auditproxy."""
