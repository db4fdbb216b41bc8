"""Keras's ImageDataGenerator for augflow: the transform, a drop-in, and streams for `fit`, `evaluate`, `predict`.

Names are imported when first used: a recipe that names the transform needs no Keras.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from augflow_keras.epochs import Epochs as Epochs
    from augflow_keras.generator import ImageDataGenerator as ImageDataGenerator
    from augflow_keras.streams import StreamDataset as StreamDataset
    from augflow_keras.transform import Keras as Keras

_WHERE = {"Epochs": "epochs", "ImageDataGenerator": "generator", "Keras": "transform", "StreamDataset": "streams"}
__all__ = ["Epochs", "ImageDataGenerator", "Keras", "StreamDataset"]


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module 'augflow_keras' has no attribute '{name}'")
    from importlib import import_module

    return getattr(import_module(f"augflow_keras.{_WHERE[name]}"), name)
