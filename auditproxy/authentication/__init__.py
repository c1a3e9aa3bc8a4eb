"""Who asks: credentials in, an Identity out. PURE; what must wait for an answer is in lookups/."""
