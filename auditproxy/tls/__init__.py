"""PEM, certificates and ssl contexts. Nobody's policy: what is trusted for what is told to it."""
