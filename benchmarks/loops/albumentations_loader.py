"""PyTorch's DataLoader with two workers over albumentations 2.0.8, as a competent engineer writes it.

OpenCV decodes and is held to one thread; the chain is built in the worker, where it takes entropy of its own; batches
are put together from tensors that share the arrays' memory. BGR is left as it is, which spares this script a pass.
"""

from __future__ import annotations

import os
import sys

os.environ["NO_ALBUMENTATIONS_UPDATE"] = "1"
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "peers"))

import albumentations as A
import cv2
import torch
from jobs import Job, jobs
from loop import BATCH, SIZE, arguments, take
from torch.utils.data import DataLoader, Dataset

source, images = arguments()


class Images(Dataset):
    def __init__(self, todo: list[Job], labels: list[str]) -> None:
        self.todo = todo
        self.labels = labels
        self.chain: A.Compose | None = None

    def __len__(self) -> int:
        return len(self.todo)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        if self.chain is None:
            cv2.setNumThreads(0)
            self.chain = A.Compose(
                [
                    A.HorizontalFlip(p=0.5),
                    A.Rotate(limit=25, border_mode=cv2.BORDER_REFLECT_101, p=1),
                    A.RandomResizedCrop(size=(SIZE, SIZE), scale=(0.8, 1.0), p=1),
                    A.RandomBrightnessContrast(brightness_limit=0.2, contrast_limit=0.2, p=1),
                    A.GaussNoise(std_range=(2 / 255, 10 / 255), p=0.3),
                ]
            )
        job = self.todo[index]
        image = cv2.imread(str(job.sample), cv2.IMREAD_COLOR)
        return torch.from_numpy(self.chain(image=image)["image"]), self.labels.index(job.label)


if __name__ == "__main__":
    todo = list(jobs(source, "augment"))
    labels = sorted({job.label for job in todo})
    take(DataLoader(Images(todo, labels), BATCH, shuffle=True, num_workers=2), images)
