"""Who asks: authenticators and their union (floor 4, pure)."""
