"""Alert rules: which events and session lines deserve somebody's attention. PURE; sends nothing."""
