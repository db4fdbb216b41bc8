"""Augmentor's `sample()`, a pipeline per class, on the threads it opens by itself.

It has neither noise nor shifts nor a JPEG quality, and saves at Pillow's default of 75; `rotate` crops the corners away
and enlarges what is left; originals are not copied. All of that is less work than the others do.
"""

from __future__ import annotations

import Augmentor
from jobs import ORIGINALS, arguments, missing

workload, source, sink = arguments()

for label, count in missing(source, ORIGINALS[workload]).items():
    if count == 0:
        continue
    pipeline = Augmentor.Pipeline(str(source / label), str(sink / label), save_format="JPEG")
    pipeline.flip_left_right(probability=0.5)
    if workload != "tiny":
        pipeline.rotate(probability=1, max_left_rotation=25, max_right_rotation=25)
    if workload == "photos":
        pipeline.crop_random(probability=1, percentage_area=0.9)
        pipeline.resize(probability=1, width=224, height=224)
        pipeline.random_contrast(probability=1, min_factor=0.8, max_factor=1.2)
    pipeline.random_brightness(probability=1, min_factor=0.8, max_factor=1.2)
    pipeline.sample(count)
