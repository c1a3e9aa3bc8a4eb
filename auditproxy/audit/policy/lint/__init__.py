"""What is probably not meant in a policy: findings, from its rules alone. PURE.

What follows from matching is proved (``reach.py``), and what follows from levels and stages is what
kube-apiserver records; nothing is guessed from logs.
"""
