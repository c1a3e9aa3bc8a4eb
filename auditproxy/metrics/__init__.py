"""Every series of /metrics, its labels bounded.

prometheus_client is imported only here and in health/.
"""
