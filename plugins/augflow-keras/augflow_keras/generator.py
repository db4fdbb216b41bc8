"""A drop-in for Keras's ImageDataGenerator: the same arguments, with chance keyed to the image."""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from augflow.draw import Streams
from augflow.transform import Params, Size
from augflow_keras.loading import ColorMode, DataFormat, Loading
from augflow_keras.pixels import Dialect, FillMode, Floats, cast, computed, tell_channels
from augflow_keras.preprocessing import Function, Preprocessing
from augflow_keras.saving import Saving
from augflow_keras.seeds import seed_of
from augflow_keras.statistics import Standard, Statistics
from augflow_keras.transform import Keras

if TYPE_CHECKING:
    from augflow_keras.arrays import ArrayFlow
    from augflow_keras.files import FileFlow

Subset: TypeAlias = Literal["training", "validation"]


class ImageDataGenerator:
    """Make batches of augmented, standardised images, each following from its seed, key and epoch alone.

    Arguments are Keras's, told in the README one by one, with `dialect` besides: `classic` computes as
    keras-preprocessing 1.1.2, `keras3` as Keras 3.

    Raises:
        ValueError: an argument holds what it cannot.
    """

    def __init__(
        self,
        featurewise_center: bool = False,
        samplewise_center: bool = False,
        featurewise_std_normalization: bool = False,
        samplewise_std_normalization: bool = False,
        zca_whitening: bool = False,
        zca_epsilon: float = 1e-6,
        rotation_range: float = 0,
        width_shift_range: float | Sequence[float] = 0.0,
        height_shift_range: float | Sequence[float] = 0.0,
        brightness_range: Sequence[float] | None = None,
        shear_range: float = 0.0,
        zoom_range: float | Sequence[float] = 0.0,
        channel_shift_range: float = 0.0,
        fill_mode: FillMode = "nearest",
        cval: float = 0.0,
        horizontal_flip: bool = False,
        vertical_flip: bool = False,
        rescale: float | None = None,
        preprocessing_function: Function | None = None,
        data_format: DataFormat | None = None,
        validation_split: float = 0.0,
        interpolation_order: int = 1,
        dtype: str | None = None,
        *,
        dialect: Dialect = "classic",
    ) -> None:
        _one_of("dialect", dialect, get_args(Dialect))
        _one_of("fill_mode", fill_mode, get_args(FillMode))
        self.dialect: Dialect = dialect
        self.rotation_range, self.shear_range = rotation_range, shear_range
        self.width_shift_range, self.height_shift_range = width_shift_range, height_shift_range
        self.brightness_range = None if brightness_range is None else _pair("brightness_range", brightness_range)
        if isinstance(zoom_range, Sequence | np.ndarray):
            self.zoom_range = _pair("zoom_range", zoom_range)
        else:
            self.zoom_range = [1 - zoom_range, 1 + zoom_range]
        self.channel_shift_range, self.fill_mode, self.cval = channel_shift_range, fill_mode, cval
        self.horizontal_flip, self.vertical_flip = horizontal_flip, vertical_flip
        self.interpolation_order = interpolation_order
        self.rescale, self.zca_epsilon, self.zca_whitening = rescale, zca_epsilon, zca_whitening
        self.samplewise_center, self.samplewise_std_normalization = samplewise_center, samplewise_std_normalization
        self.featurewise_center = featurewise_center
        self.featurewise_std_normalization = featurewise_std_normalization
        self._settle_standardisation()
        self.preprocessing_function = preprocessing_function
        self.preprocessing = Preprocessing.of(preprocessing_function)
        self.data_format: DataFormat = data_format or _setting(dialect, "image_data_format", "channels_last")
        _one_of("data_format", self.data_format, get_args(DataFormat))
        self.dtype: str = np.dtype(dtype or _setting(dialect, "floatx", "float32")).name
        if validation_split and not 0 < validation_split < 1:
            raise ValueError(f"validation_split lies between 0 and 1, both excluded; {validation_split!r} does not.")
        self.validation_split = validation_split
        self.statistics = Statistics()

    def _settle_standardisation(self) -> None:
        if self.zca_whitening:
            self._overrule("zca_whitening", "featurewise_center", True)
            self._overrule("zca_whitening", "featurewise_std_normalization", False)
        if self.featurewise_std_normalization:
            self._overrule("featurewise_std_normalization", "featurewise_center", True)
        if self.samplewise_std_normalization:
            self._overrule("samplewise_std_normalization", "samplewise_center", True)

    def _overrule(self, by: str, name: str, value: bool) -> None:
        if bool(getattr(self, name)) is not value:
            setattr(self, name, value)
            warnings.warn(f"This ImageDataGenerator specifies `{by}`, which overrides `{name}`.", stacklevel=4)

    @property
    def channel_axis(self) -> int:
        """Of a batch."""
        return 3 if self.data_format == "channels_last" else 1

    @property
    def mean(self) -> Floats | None:
        """Of each channel, by `fit` or set by hand."""
        return self.statistics.mean

    @mean.setter
    def mean(self, value: ArrayLike | None) -> None:
        self.statistics.mean = None if value is None else np.asarray(value, dtype=np.float32)

    @property
    def std(self) -> Floats | None:
        """Standard deviation of each channel, by `fit` or set by hand."""
        return self.statistics.std

    @std.setter
    def std(self, value: ArrayLike | None) -> None:
        self.statistics.std = None if value is None else np.asarray(value, dtype=np.float32)

    @property
    def zca_whitening_matrix(self) -> Floats | None:
        """By `fit` or set by hand."""
        return self.statistics.whitening

    @zca_whitening_matrix.setter
    def zca_whitening_matrix(self, value: ArrayLike | None) -> None:
        self.statistics.whitening = None if value is None else np.asarray(value, dtype=np.float32)

    principal_components = zca_whitening_matrix
    """Its name in keras-preprocessing."""

    @property
    def transform(self) -> Keras:
        """The transform that draws and moves pixels, with the arguments as they stand."""
        return Keras(
            rotation_range=_plain(self.rotation_range),
            width_shift_range=_plain(self.width_shift_range),
            height_shift_range=_plain(self.height_shift_range),
            brightness_range=_plain(self.brightness_range),
            shear_range=_plain(self.shear_range),
            zoom_range=_plain(self.zoom_range),
            channel_shift_range=_plain(self.channel_shift_range),
            fill_mode=self.fill_mode,
            cval=_plain(self.cval),
            horizontal_flip=bool(self.horizontal_flip),
            vertical_flip=bool(self.vertical_flip),
            interpolation_order=_plain(self.interpolation_order),
            dialect=self.dialect,
        )

    def draw(self, shape: Sequence[int], streams: Streams) -> Params:
        """Draw for an image of `shape` from the streams of one output."""
        height, width = shape[:2] if self.data_format == "channels_last" else shape[1:]
        return self.transform.draw(streams.at("keras"), Size(height, width))

    def get_random_transform(self, img_shape: Sequence[int], seed: int | None = None) -> Params:
        """Draw for an image of `img_shape`; without a seed, one is taken from NumPy's global generator."""
        return self.draw(img_shape, Streams(seed_of(seed), "", 0))

    def apply_transform(self, x: NDArray[Any], transform_parameters: Params) -> NDArray[Any]:
        """Change one image (three axes) by a draw; whole numbers are rounded back to their type."""
        image = computed(x)
        if self.data_format == "channels_first":
            made = np.moveaxis(self.transform.perform(np.moveaxis(image, 0, 2), transform_parameters), 2, 0)
        else:
            made = self.transform.perform(image, transform_parameters)
        return cast(made, x.dtype if np.issubdtype(x.dtype, np.integer) else made.dtype)

    def random_transform(self, x: NDArray[Any], seed: int | None = None) -> NDArray[Any]:
        """Draw for one image and change it."""
        return self.apply_transform(x, self.get_random_transform(x.shape, seed))

    def standardize(self, x: NDArray[Any], streams: Streams | None = None) -> NDArray[Any]:
        """Preprocess, rescale and standardise an image or a batch, in place where its type allows.

        `streams` are the output's, for a preprocessing transform that draws.
        """
        x = computed(x)
        if self.preprocessing:
            x = computed(self.preprocessing.perform(x, streams or Streams(seed_of(None), "", 0), self.channel_axis))
        if self.rescale:
            x *= self.rescale
        return self._standard.apply(x, self.statistics)

    @property
    def _standard(self) -> Standard:
        return Standard(
            self.samplewise_center,
            self.samplewise_std_normalization,
            self.featurewise_center,
            self.featurewise_std_normalization,
            self.zca_whitening,
            self.zca_epsilon,
            self.dialect,
        )

    def fit(self, x: ArrayLike, augment: bool = False, rounds: int = 1, seed: int | None = None) -> None:
        """Learn the statistics that feature-wise standardisation and ZCA whitening need.

        Args:
            x: images, four axes.
            augment: learn from `rounds` augmented views of each instead, changed before they are rescaled, as in
                training.
        """
        images: Floats = np.array(x, dtype=np.float64 if self.dtype == "float64" else np.float32)
        if images.ndim != 4:
            raise ValueError(f"Input to `.fit()` should have rank 4. Got array with shape: {images.shape}")
        tell_channels(images.shape, self.channel_axis, self.data_format)
        if augment:
            seed = seed_of(seed)
            views = np.empty((rounds * len(images), *images.shape[1:]), images.dtype)
            for number in range(len(views)):
                turn, index = divmod(number, len(images))
                params = self.draw(images.shape[1:], Streams(seed, str(index), turn))
                views[number] = self.apply_transform(images[index], params)
            images = views
        if self.rescale:
            images *= self.rescale
        self.statistics = self._standard.fit(images, self.channel_axis)

    def flow(
        self,
        x: Any,
        y: ArrayLike | None = None,
        batch_size: int = 32,
        shuffle: bool = True,
        sample_weight: ArrayLike | None = None,
        seed: int | None = None,
        save_to_dir: str | None = None,
        save_prefix: str = "",
        save_format: str = "png",
        ignore_class_split: bool = False,
        subset: Subset | None = None,
    ) -> ArrayFlow:
        """Batches from arrays; `x` may be a pair of images and further inputs, which pass as they are."""
        from augflow_keras.arrays import ArrayFlow

        saving = Saving.into(save_to_dir, save_prefix, save_format)
        return ArrayFlow(x, y, self, batch_size, shuffle, sample_weight, seed, saving, ignore_class_split, subset)

    def flow_from_directory(
        self,
        directory: str | os.PathLike[str],
        target_size: tuple[int, int] = (256, 256),
        color_mode: ColorMode = "rgb",
        classes: Sequence[str] | None = None,
        class_mode: str | None = "categorical",
        batch_size: int = 32,
        shuffle: bool = True,
        seed: int | None = None,
        save_to_dir: str | None = None,
        save_prefix: str = "",
        save_format: str = "png",
        follow_links: bool = False,
        subset: Subset | None = None,
        interpolation: str = "nearest",
        keep_aspect_ratio: bool = False,
    ) -> FileFlow:
        """Batches from a folder with a folder for each class."""
        from augflow_keras.files import FileFlow
        from augflow_keras.listing import list_directory

        _one_of("class_mode", class_mode, ("categorical", "binary", "sparse", "input", None))
        listing = list_directory(directory, classes, self.share(subset), follow_links)
        print(f"Found {len(listing.filenames)} images belonging to {len(listing.class_indices)} classes.")
        loading = Loading(target_size, color_mode, interpolation, keep_aspect_ratio, self.data_format)
        saving = Saving.into(save_to_dir, save_prefix, save_format)
        return FileFlow(listing, loading, self, class_mode, batch_size, shuffle, seed, saving)

    def flow_from_dataframe(
        self,
        dataframe: Any,
        directory: str | os.PathLike[str] | None = None,
        x_col: str = "filename",
        y_col: str | list[str] = "class",
        weight_col: str | None = None,
        target_size: tuple[int, int] = (256, 256),
        color_mode: ColorMode = "rgb",
        classes: Sequence[str] | None = None,
        class_mode: str | None = "categorical",
        batch_size: int = 32,
        shuffle: bool = True,
        seed: int | None = None,
        save_to_dir: str | None = None,
        save_prefix: str = "",
        save_format: str = "png",
        subset: Subset | None = None,
        interpolation: str = "nearest",
        validate_filenames: bool = True,
        keep_aspect_ratio: bool = False,
        **deprecated: Any,
    ) -> FileFlow:
        """Batches from the files that a table names."""
        from augflow_keras.files import FileFlow
        from augflow_keras.table import Columns, list_dataframe

        for name in deprecated:
            _one_of("argument", name, ("has_ext", "sort", "drop_duplicates"))
            warnings.warn(f"`{name}` is deprecated and changes nothing.", DeprecationWarning, stacklevel=2)
        if class_mode == "other":
            warnings.warn('`class_mode="other"` is deprecated: use "raw".', DeprecationWarning, stacklevel=2)
            class_mode = "raw"
        modes = ("categorical", "binary", "sparse", "input", "multi_output", "raw", None)
        _one_of("class_mode", class_mode, modes)
        columns = Columns(x_col, y_col, weight_col, class_mode, self.dialect == "classic")
        share = self.share(subset)
        listing = list_dataframe(dataframe, os.fspath(directory or ""), columns, classes, share, validate_filenames)
        belonging = f" belonging to {len(listing.class_indices)} classes" if listing.class_indices else ""
        validated = "validated" if validate_filenames else "non-validated"
        print(f"Found {len(listing.filenames)} {validated} image filenames{belonging}.")
        loading = Loading(target_size, color_mode, interpolation, keep_aspect_ratio, self.data_format)
        saving = Saving.into(save_to_dir, save_prefix, save_format)
        return FileFlow(listing, loading, self, class_mode, batch_size, shuffle, seed, saving)

    def share(self, subset: Subset | None) -> tuple[float, float] | None:
        """The share of a listing that a subset is: validation comes first."""
        _one_of("subset", subset, ("training", "validation", None))
        if subset is None:
            return None
        return (0, self.validation_split) if subset == "validation" else (self.validation_split, 1)


def _setting(dialect: Dialect, name: str, default: str) -> Any:
    """In Keras 3 its configuration decides."""
    if dialect == "classic":
        return default
    import keras

    return getattr(keras.config, name)()


def _one_of(name: str, value: object, allowed: Sequence[object]) -> None:
    if value not in allowed:
        raise ValueError(f"{name}: {value!r} is none of {', '.join(map(repr, allowed))}.")


def _pair(name: str, value: Sequence[float] | NDArray[Any]) -> list[float]:
    if np.shape(value) != (2,):
        raise ValueError(f"{name} should be a number or a pair of numbers; {value!r} is not.")
    return [float(number) for number in value]


def _plain(value: Any) -> Any:
    """Arrays and lists as tuples, NumPy's numbers as Python's: what a recipe holds."""
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    return tuple(_plain(item) for item in value) if isinstance(value, Sequence) else value
