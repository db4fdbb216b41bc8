"""augflow's stream through PyTorch's DataLoader with two workers."""

from __future__ import annotations

from loop import BATCH, arguments, take
from opened import open_stream

from augflow.bridges.torch import StreamLoader

source, images = arguments()

if __name__ == "__main__":
    take(StreamLoader(open_stream(source, workers=0), BATCH, num_workers=2), images)
