"""Where events go, and what wraps it. Knows neither the chain nor who made the event."""
