"""PEM, certificates and ssl contexts. No policy: callers decide what is trusted for what,
and put the names of flags in front of its texts.
"""
