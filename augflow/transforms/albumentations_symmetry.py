"""What transforms of albumentations break, by their names; the library itself does not say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from augflow.symmetry import Breaks, Symmetry, turned

_BREAKING: dict[Symmetry, str] = {
    "orientation": "D4 RandomGridShuffle RandomRotate90 SquareSymmetry Transpose VerticalFlip",
    "handedness": "D4 HorizontalFlip RandomGridShuffle SquareSymmetry TimeReverse Transpose VerticalFlip",
    "colour": (
        "AutoContrast ChannelDropout ChannelShuffle ColorJitter Equalize FancyPCA HEStain InvertImg "
        "HueSaturationValue PlanckianJitter RGBShift RandomSunFlare RandomToneCurve Solarize ToGray ToSepia"
    ),
}
_TURNING = {"Affine": "rotate", "Rotate": "limit", "SafeRotate": "limit", "ShiftScaleRotate": "rotate_limit"}


def breaks_of(name: str, arguments: Mapping[str, Any]) -> Breaks:
    """What `albumentations.name` with these arguments, defaults filled in, breaks."""
    found: list[Symmetry] = [symmetry for symmetry, names in _BREAKING.items() if name in names.split()]
    if name in _TURNING:
        limit = arguments[_TURNING[name]]
        found += turned(*(limit if isinstance(limit, list | tuple) else (-limit, limit)))
    return tuple(found)
