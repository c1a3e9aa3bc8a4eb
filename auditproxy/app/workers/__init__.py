"""Several processes on one port; loaded only where ``--workers`` asks for more than one."""
