"""CEL expressions of trusted files, compiled once and evaluated often. PURE."""
