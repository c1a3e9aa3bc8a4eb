"""From options and files to the backends that events go to."""
