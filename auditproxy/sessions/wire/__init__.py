"""The bytes of a tunnel, both directions, read into StreamEvents. PURE; bytes in, values out.

What the receiver takes counts, not what an RFC says: kube-apiserver's and the kubelet's reading
decides what reaches a container, and so what is recorded. Nothing here raises on a peer's bytes.
"""
