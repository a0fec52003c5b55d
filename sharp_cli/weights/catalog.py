"""The known weights: their names, sources and licenses."""

from __future__ import annotations

from dataclasses import dataclass

from sharp_cli.errors import SharpError, did_you_mean
from sharp_cli.model.config import SharpConfig


@dataclass(frozen=True)
class Checkpoint:
    """One downloadable weights file."""

    name: str
    hub_repo: str
    """Owner and name on the model hub."""
    filename: str
    """Its name on the hub and in our cache."""
    url: str
    """A second source."""
    size: int
    """Bytes."""
    sha256: str
    license: str
    """One plain sentence."""
    config: SharpConfig
    note: str
    """What it is, in a few words."""


@dataclass(frozen=True)
class Bundled:
    """A weights file that comes with the package; its config, name and license are in its own header."""

    name: str
    filename: str
    license: str
    """One plain sentence."""
    note: str
    """What it is, in a few words."""


RELEASED = Checkpoint(
    name="sharp",
    hub_repo="apple/Sharp",
    filename="sharp_2572gikvuh.pt",
    url="https://ml-site.cdn-apple.com/models/sharp/sharp_2572gikvuh.pt",
    size=2_809_738_232,
    sha256="94211a75198c47f61fca7d739ba08a215418d8d398d48fddf023baccc24f073d",
    license="Apple's model license: research use only; redistribution only with its text and the notice it asks for.",
    config=SharpConfig(),
    note="the model released with the SHARP paper (arXiv 2512.10685)",
)

PREVIEW = Bundled(
    name="preview",
    filename="preview.safetensors",
    license="MIT; what you make with it is yours.",
    note="a small model that this project trained, for a first look",
)

KNOWN: dict[str, Checkpoint | Bundled] = {weights.name: weights for weights in (RELEASED, PREVIEW)}


def recognize(size: int) -> Checkpoint | None:
    """The downloadable checkpoint of exactly this many bytes: good enough for a label, no proof."""
    return next((each for each in KNOWN.values() if isinstance(each, Checkpoint) and each.size == size), None)


def known(name: str) -> Checkpoint | Bundled:
    """Look weights up by name.

    Raises:
        SharpError: the name is unknown; the message lists the known ones.
    """
    if name not in KNOWN:
        raise SharpError(f"unknown weights: {name}{did_you_mean(name, KNOWN)} (use {', '.join(KNOWN)})")
    return KNOWN[name]


def published_sha256(name: str) -> str | None:
    """What the publisher says the file's sha256 is; None where nothing is published, or no such weights are known."""
    weights = KNOWN.get(name)
    return weights.sha256 if isinstance(weights, Checkpoint) else None
