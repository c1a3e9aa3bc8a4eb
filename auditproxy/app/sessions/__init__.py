"""From options and files to what follows sessions."""
