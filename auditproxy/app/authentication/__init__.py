"""From options and what their files say to the authenticators."""
