"""The quantizers by name: the one place where a `kind:` becomes a class."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from vqaudio.core.errors import VqaudioError
from vqaudio.quantizers.ema import EmaConfig, EmaQuantizer
from vqaudio.quantizers.finite_scalar import FiniteScalarConfig, FiniteScalarQuantizer
from vqaudio.quantizers.gradient import GradientConfig, GradientQuantizer
from vqaudio.quantizers.interface import Quantizer, QuantizerConfig
from vqaudio.quantizers.residual import ResidualQuantizer

MAX_NUMBERS = 1 << 28  # a gigabyte: more is a damaged file


class Kind(NamedTuple):
    """A kind of quantizer.

    config: the dataclass of its section.  build: (config, width) -> quantizer of one codebook.
    """

    config: type
    build: Callable[[Any, int], Any]


KINDS: Mapping[str, Kind] = {
    "ema": Kind(EmaConfig, EmaQuantizer.from_config),
    "gradient": Kind(GradientConfig, GradientQuantizer.from_config),
    "finite_scalar": Kind(FiniteScalarConfig, FiniteScalarQuantizer.from_config),
}
CONFIGS: Mapping[str, type] = {name: kind.config for name, kind in KINDS.items()}


def build_quantizer(config: QuantizerConfig, width: int) -> Quantizer:
    """Build a quantizer for vectors `... width`; several codebooks become a residual stack.

    Raises VqaudioError for a setting that makes no sense, or codebooks of more than MAX_NUMBERS numbers together.
    """
    if (size := config.num_codebooks * config.codebook_size * width) > MAX_NUMBERS:
        raise VqaudioError(f"{config.num_codebooks} codebooks of {config.codebook_size} x {width} are {size:,} numbers")
    build = KINDS[config.kind].build
    if config.num_codebooks == 1:
        return build(config, width)
    layers = [build(config, width) for _ in range(config.num_codebooks)]
    stacked: Any = config  # a config of several codebooks says how they are stacked
    return ResidualQuantizer(
        layers,
        dropout=stacked.quantizer_dropout,
        unquantized=stacked.unquantized,
        rotation_trick=stacked.has_rotation_trick,
    )
