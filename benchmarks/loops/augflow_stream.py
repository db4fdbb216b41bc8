"""augflow's stream by itself: two processes, and this one takes."""

from __future__ import annotations

from loop import BATCH, arguments, take
from opened import open_stream

if __name__ == "__main__":
    source, images = arguments()
    take(open_stream(source, workers=2, processes=True).batches(BATCH), images)
