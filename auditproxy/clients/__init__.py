"""What we ask of others over HTTP: reviews, keys, webhooks; every answer read within a bound."""
