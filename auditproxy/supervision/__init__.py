"""Sessions while they run: read beside their tunnels, recorded, followed, reported, ended by rule.

A tunnel never waits for anything in here, and never fails because of it.
"""
