"""Users from the claims of issuers trusted by an AuthenticationConfiguration. PURE."""
