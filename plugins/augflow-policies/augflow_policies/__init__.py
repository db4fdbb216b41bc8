"""Augmentation policies from papers, as transforms for augflow."""

from __future__ import annotations

from augflow_policies.aug_mix import AugMix
from augflow_policies.rand_augment import RandAugment
from augflow_policies.trivial_augment import TrivialAugment

__all__ = ["AugMix", "RandAugment", "TrivialAugment"]
