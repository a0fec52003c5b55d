"""What the losses weigh, and the choices where the paper is silent or contradicts itself."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Literal, TypeVar, get_args

from sharp_cli.errors import SharpError

Views = Literal["input", "novel", "both"]
GradLayer = Literal["own", "first"]
GradUnit = Literal["pixel", "ndc"]
Gram = Literal["pixels", "all"]

T = TypeVar("T")


@dataclass(frozen=True)
class LossWeights:
    """Factors of the terms in the total; the paper's by default. A term of weight 0 is not computed.

    Raises:
        SharpError: a weight that is negative or no number.
    """

    color: float = 1.0
    percep: float = 3.0
    alpha: float = 1.0
    depth: float = 0.2
    tv: float = 1.0
    grad: float = 0.5
    delta: float = 1.0
    splat: float = 1.0
    scale: float = 0.1
    grad_scale: float = 5.0

    def __post_init__(self) -> None:
        for each in fields(self):
            value = getattr(self, each.name)
            if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < math.inf:
                raise SharpError(f"invalid loss settings: weights.{each.name} must be 0 or more, not {value!r}")


@dataclass(frozen=True)
class LossConfig:
    """Weights and readings of the losses. Each default says why it is the default.

    Raises:
        SharpError: a choice that does not exist.
    """

    weights: LossWeights = field(default_factory=LossWeights)
    percep_views: Views = "both"
    """One formula of the paper has the novel view only, its supplement both; the memory it reports is for both."""
    alpha_views: Views = "both"
    """The paper's text has the input view only, its formula both."""
    margin: float = 1.05
    """How far beyond the photo's edge, at 1, the novel view is asked for; the paper's. What lies farther out is
    empty in a novel view, unless a wider margin teaches the outermost Gaussians to cover it."""
    grad_layer: GradLayer = "own"
    """Whose disparity gradient fades a Gaussian: its own layer's, or the first layer's for both. The paper does
    not say; a Gaussian can only stretch over an edge of the layer it came from."""
    grad_unit: GradUnit = "pixel"
    """Whether that gradient is per pixel of the disparity map, or per unit of normalized coordinates (half the
    picture). The paper does not say; per unit, its threshold of 0.01 / m would fade every slanted surface."""
    gram: Gram = "pixels"
    """What a Gram matrix is divided by: pixels (the usual mean over positions), or channels times pixels. The paper
    does not say; its 1 / D² outside of the norm already makes up for the channels."""
    perceptual_weights: str = "pretrained"
    """``pretrained``, ``random`` or a file: see :func:`sharp_cli.training.perceptual.load_features`."""

    def __post_init__(self) -> None:
        choices = {"percep_views": Views, "alpha_views": Views, "grad_layer": GradLayer}
        for name, kind in {**choices, "grad_unit": GradUnit, "gram": Gram}.items():
            if getattr(self, name) not in get_args(kind):
                words = ", ".join(get_args(kind))
                raise SharpError(f"invalid loss settings: {name} cannot be {getattr(self, name)!r} (choose {words})")

    @classmethod
    def from_dict(cls, table: Mapping[str, Any]) -> LossConfig:
        """Read a table such as a TOML file holds: the fields above, and the weights in a table ``weights`` in it.

        Raises:
            SharpError: a field that does not exist, or a value that does not fit.
        """
        weights = table.get("weights", {})
        if not isinstance(weights, Mapping):
            raise SharpError(f"invalid loss settings: weights must be a table of numbers, not {weights!r}")
        return _build(cls, {**table, "weights": _build(LossWeights, weights)})


def _build(kind: type[T], table: Mapping[str, Any]) -> T:
    known = [each.name for each in fields(kind)]  # type: ignore[arg-type]
    unknown = [name for name in table if name not in known]
    if unknown:
        raise SharpError(f"unknown loss setting: {', '.join(unknown)} (known: {', '.join(known)})")
    return kind(**table)
