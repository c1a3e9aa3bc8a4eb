"""Every series of /metrics, its labels bounded.

Only here and in health/ is prometheus_client imported.
"""
