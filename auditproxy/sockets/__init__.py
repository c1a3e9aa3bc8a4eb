"""What every socket of the proxy has, for any peer: accepting, keepalive, buffers."""
