"""Traces of requests, as kube-apiserver makes them; OpenTelemetry is in exporting.py alone."""
