"""The forms in which others keep audit events, and how to get at them."""
