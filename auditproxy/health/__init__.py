"""The second port: /livez, /readyz, /metrics. Nothing here knows a request of the first."""
