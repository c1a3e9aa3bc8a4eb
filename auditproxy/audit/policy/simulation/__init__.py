"""What a policy would have recorded of the requests in a log, and at what size. PURE.

Everything here is bounded: a log may have any number of events.
"""
