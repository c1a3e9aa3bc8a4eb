"""Alert rules: which audit events and session lines raise an alert. PURE; sends nothing."""
