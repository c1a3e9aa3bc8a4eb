"""An embedded Kubernetes API server in memory, for the demo and the tests (floor 6)."""
