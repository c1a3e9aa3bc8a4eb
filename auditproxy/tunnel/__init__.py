"""Two connections joined after a verified 101, and the protocols used over them."""
