"""Whom a user may act as, and the reviews that decide it. PURE; asks nobody itself."""
