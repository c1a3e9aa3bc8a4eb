"""From options to the logs: how they are opened, chained and checked."""
