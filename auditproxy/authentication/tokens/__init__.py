"""Bearer tokens: token file, service accounts, signatures, reviews. PURE; does no I/O."""
