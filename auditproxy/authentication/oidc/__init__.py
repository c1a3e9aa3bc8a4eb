"""Users from the claims of a trusted issuer, by an AuthenticationConfiguration. PURE."""
