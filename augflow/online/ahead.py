"""Work done ahead by threads, in order and within bounds; the libraries let go of Python's lock while they work."""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def ahead(call: Callable[[Item], Result], items: Iterable[Item], workers: int, most: int) -> Iterator[Result]:
    """Yield what `call` makes of each item, in order, with at most `most` under way or waiting to be taken."""
    if not workers:
        yield from map(call, items)
        return
    pool = ThreadPoolExecutor(workers, thread_name_prefix="augflow")
    under_way: deque[Future[Result]] = deque()
    rest = iter(items)
    try:
        under_way.extend(pool.submit(call, item) for item in itertools.islice(rest, most))
        while under_way:
            yield under_way.popleft().result()
            under_way.extend(pool.submit(call, item) for item in itertools.islice(rest, 1))
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
