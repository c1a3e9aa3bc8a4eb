"""

Rusted files -> values, every fault at once; what is read at start is read again the same way.
"""
