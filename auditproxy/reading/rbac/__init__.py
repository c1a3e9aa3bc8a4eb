"""RBAC and its use: rights that requests needed, roles for them, and what is granted and unused.

Pure.
"""
