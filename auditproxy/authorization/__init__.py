"""Impersonation, and the access reviews that decide it. PURE; sends no reviews itself."""
