"""PEM, certificates and ssl contexts. No policy: callers decide what is trusted for what."""
