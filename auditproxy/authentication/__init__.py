"""Client authentication: from credentials to an Identity. PURE; see lookups/ for what does I/O."""
