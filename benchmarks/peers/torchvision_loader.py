"""torchvision v2 on PIL images, saved by the two workers of a DataLoader: black corners, for it cannot reflect."""

from __future__ import annotations

import torch
from jobs import ORIGINALS, Job, arguments, copy_kept, jobs
from PIL import Image
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms import InterpolationMode, v2

workload, source, sink = arguments()

FLIP = v2.RandomHorizontalFlip(0.5)
ROTATE = v2.RandomRotation(25, InterpolationMode.BILINEAR)
BRIGHTNESS = v2.ColorJitter(brightness=0.2)
NOISE = v2.Compose(
    [v2.ToImage(), v2.ToDtype(torch.float32, scale=True), v2.GaussianNoise(sigma=6 / 255), v2.ToPILImage()]
)
CHAINS = {
    "photos": [
        FLIP,
        ROTATE,
        v2.RandomResizedCrop(224, scale=(0.8, 1.0)),
        v2.ColorJitter(brightness=0.2, contrast=0.2),
        v2.RandomApply([NOISE], p=0.3),
    ],
    "original": [FLIP, ROTATE, BRIGHTNESS],
    "tiny": [FLIP, v2.RandomAffine(0, translate=(0.1, 0.1), interpolation=InterpolationMode.BILINEAR), BRIGHTNESS],
}
chain = v2.Compose(CHAINS[workload])


class Outputs(Dataset[int]):
    """Making item n is all that asking for it does."""

    def __init__(self, todo: list[Job]) -> None:
        self.todo = todo

    def __len__(self) -> int:
        return len(self.todo)

    def __getitem__(self, index: int) -> int:
        torch.set_num_threads(1)
        job = self.todo[index]
        chain(Image.open(job.sample).convert("RGB")).save(job.output(sink), quality=90)
        return index


if __name__ == "__main__":
    copy_kept(source, sink, ORIGINALS[workload])
    for _ in DataLoader(Outputs(list(jobs(source, ORIGINALS[workload]))), batch_size=32, num_workers=2):
        pass
