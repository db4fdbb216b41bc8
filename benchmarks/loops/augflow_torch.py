"""augflow's stream by two processes, as PyTorch takes it."""

from __future__ import annotations

from loop import BATCH, arguments, take
from opened import open_stream

from augflow.bridges.torch import StreamLoader

if __name__ == "__main__":
    source, images = arguments()
    take(StreamLoader(open_stream(source, workers=2, processes=True), BATCH), images)
