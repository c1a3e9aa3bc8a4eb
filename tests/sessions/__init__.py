"""Sessions: what passes through tunnels, recorded from real clients and servers."""
