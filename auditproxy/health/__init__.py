"""The second port: /livez, /readyz, /metrics. Independent of requests to the first port."""
