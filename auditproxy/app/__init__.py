"""Values -> a running proxy.

Owns clocks, ids, tasks and signals; the one place that puts rooms together.
"""
