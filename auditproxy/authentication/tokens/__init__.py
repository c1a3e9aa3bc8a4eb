"""Bearer tokens: files, service accounts, signatures and reviews. PURE; fetches nothing."""
