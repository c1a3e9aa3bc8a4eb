"""Series that requests change without a call: plain numbers, given to the library at a scrape.

    Counts      -> labels(..) -> Count        value
    Durations   -> labels(..) -> Buckets      one number a bucket, and their sum

The library's own objects cost a dozen calls and a lock for each change. The text of a scrape is the
same. Changed on the event loop alone; any thread may scrape.
"""

from abc import abstractmethod
from bisect import bisect_left
from collections.abc import Iterable
from itertools import accumulate
from typing import Generic, TypeVar

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

Labels = tuple[str, ...]
Series = TypeVar("Series")


class Count:
    """One series of a counter; a caller adds to ``value``, never less than 0."""

    __slots__ = ("value",)

    def __init__(self) -> None:
        self.value = 0


class Buckets:
    """One series of a histogram: how many values each bucket got, and the ``sum`` of all."""

    __slots__ = ("_bounds", "counts", "sum")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self._bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.sum = 0.0

    def observe(self, value: float) -> None:
        """Add a value to the first bucket that it is not above."""
        self.counts[bisect_left(self._bounds, value)] += 1
        self.sum += value


class _Family(Collector, Generic[Series]):
    """The series of one metric by the values of its labels, in the order of their first use."""

    def __init__(
        self,
        name: str,
        documentation: str,
        labels: Labels = (),
        *,
        registry: CollectorRegistry,
    ) -> None:
        self._name = name
        self._documentation = documentation
        self._labels = labels
        self._series: dict[Labels, Series] = {}
        if not labels:
            # As in the library: what has no labels is there from the start.
            self.labels()
        registry.register(self)

    @abstractmethod
    def _new(self) -> Series:
        """A series without a value."""

    @abstractmethod
    def _family(self, series: Iterable[tuple[Labels, Series]]) -> Metric:
        """These series as the library has them."""

    def labels(self, *values: str) -> Series:
        """Return the series with these values of the labels: the same object each time."""
        series = self._series.get(values)
        if series is None:
            if len(values) != len(self._labels):
                raise ValueError(f"{self._name} has {len(self._labels)} labels")
            series = self._series[values] = self._new()
        return series

    def collect(self) -> Iterable[Metric]:
        """Return the metric with its values now."""
        # One step of the interpreter: another thread may add a series meanwhile.
        return (self._family(tuple(self._series.items())),)

    def describe(self) -> Iterable[Metric]:
        """Return the metric without values, for the registry to know its names."""
        return (self._family(()),)


class Counts(_Family[Count]):
    """A counter; its name is without ``_total``, as the library's."""

    def _new(self) -> Count:
        return Count()

    def _family(self, series: Iterable[tuple[Labels, Count]]) -> Metric:
        family = CounterMetricFamily(self._name, self._documentation, labels=self._labels)
        for values, count in series:
            family.add_metric(values, count.value)
        return family


class Durations(_Family[Buckets]):
    """A histogram; ``bounds`` are the upper ends of its buckets, ascending, without infinity."""

    def __init__(
        self,
        name: str,
        documentation: str,
        labels: Labels = (),
        *,
        bounds: tuple[float, ...],
        registry: CollectorRegistry,
    ) -> None:
        self._bounds = bounds
        self._words = tuple(map(floatToGoString, (*bounds, float("inf"))))
        super().__init__(name, documentation, labels, registry=registry)

    def _new(self) -> Buckets:
        return Buckets(self._bounds)

    def _family(self, series: Iterable[tuple[Labels, Buckets]]) -> Metric:
        family = HistogramMetricFamily(self._name, self._documentation, labels=self._labels)
        for values, buckets in series:
            so_far = tuple(accumulate(tuple(buckets.counts)))
            family.add_metric(values, tuple(zip(self._words, so_far, strict=True)), buckets.sum)
        return family
