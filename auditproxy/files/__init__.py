"""Trusted files -> values, every fault at once; what is read at start is read again the same way.

One row of SOURCES (files.py) describes each of them. Nothing here is done for a request.
"""
