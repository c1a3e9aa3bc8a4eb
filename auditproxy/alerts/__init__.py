"""Alert rules: which events and session lines deserve attention. PURE; sends nothing."""
