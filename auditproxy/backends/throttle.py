"""TokenBucket: how often something may be done (golang.org/x/time/rate, as client-go uses it)."""


class TokenBucket:
    """Starts with ``burst`` tokens and gains ``rate`` a second, up to ``burst``."""

    def __init__(self, rate: float, burst: int) -> None:
        self._rate = rate
        self._burst = burst
        self._tokens = float(burst)
        self._seen: float | None = None

    def take(self, now: float) -> float:
        """Take a token at ``now``, in seconds; returns how many seconds to wait for it."""
        if self._seen is not None and now > self._seen:
            gained = (now - self._seen) * self._rate
            self._tokens = min(float(self._burst), self._tokens + gained)
        self._seen = now if self._seen is None else max(self._seen, now)
        self._tokens -= 1
        return max(0.0, -self._tokens / self._rate)
