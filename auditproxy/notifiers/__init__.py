"""Alerts on their way: evaluated beside the requests, queued for each destination, and sent."""
