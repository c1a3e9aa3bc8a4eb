"""Our own HTTP clients: reviews, keys, webhooks; the size of every answer is bounded."""
