"""What every socket of ours has, whoever is at the other end: accepting, keepalive, buffers.

Tasks start here as well: nothing else in the package creates one (``tasks.spawn``).
"""
