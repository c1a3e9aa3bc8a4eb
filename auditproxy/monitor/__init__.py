"""Whether the upstream serves us: asked at start and now and then, noted at each failure."""
