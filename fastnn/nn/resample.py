"""Layers that make images of another size."""

from __future__ import annotations

from .._typing import Extent, Interpolation, OutputSize
from ..functional.resample import check_interpolation, check_output_size
from .op import Function


class AdaptiveAvgPool2d(Function, op="adaptive_avg_pool2d"):
    """Means over windows that are as large as it takes to make images of output_size.

    x: (N, C, H, W) or (C, H, W). output_size: an int or (height, width), None for either keeps x's.
    Raises TypeError for a wrong dtype, ValueError for a shape or a value that does not fit.
    """

    arguments = ("output_size",)

    def __init__(self, output_size: OutputSize) -> None:
        self.output_size = check_output_size(output_size)


class Upsample(Function, op="interpolate"):
    """Images enlarged (or reduced) to `size` or by `scale_factor`: (N, C, H, W) -> (N, C, P, Q).

    size: an int or (height, width); scale_factor: a number or a pair of them; one of both is given.
    mode: "nearest" or "bilinear". align_corners: for "bilinear", whether the centres of the corner pixels coincide, or
    (False, None) the images' edges.
    Raises TypeError for a wrong dtype, ValueError for a shape or a value that does not fit.
    """

    arguments = ("size", "scale_factor", "mode", "align_corners")

    def __init__(self, size: Extent | None = None, scale_factor: float | tuple[float, float] | None = None,
                 mode: Interpolation = "nearest", align_corners: bool | None = None) -> None:
        self.size, self.scale_factor, _ = check_interpolation(size, scale_factor, mode, align_corners)
        self.mode, self.align_corners = mode, align_corners

    def extra_repr(self) -> str:
        options = {name: value for name, value in self._options().items() if value is not None}
        return ", ".join(f"{name}={value!r}" for name, value in options.items())
