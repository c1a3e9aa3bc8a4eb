"""What every socket of ours has, whoever is at the other end: accepting, keepalive, buffers."""
