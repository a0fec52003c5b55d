"""Many samples' scores in few numbers: means, and how often the prediction beats what needs no network."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from sharp_cli.evaluation.score import BASELINES, Scores


@dataclass(frozen=True)
class Against:
    """The novel views' PSNR beside a baseline's, scene by scene."""

    scenes: int
    """Where both could be measured."""
    share_better: float
    """Part of these in which the prediction is strictly better, 0..1."""
    gain_db: float
    """Mean of PSNR minus the baseline's."""


@dataclass(frozen=True)
class Results:
    """What an evaluation comes to."""

    scored: int
    failed: int
    means: Scores
    """Over the samples that have the number."""
    against: dict[str, Against]
    """By baseline."""
    kinds: dict[str, Results] = field(default_factory=dict)
    """The same of each kind of scene, where the kinds are known."""

    @classmethod
    def of(cls, scores: Sequence[Scores], kinds: Sequence[str] = ()) -> Results:
        """Sum up the samples' scores; those of failed ones are empty.

        Args:
            kinds: of each sample's scene; empty where it is not known.
        """
        known = [each for each in scores if each]
        against = {name: found for name in BASELINES if (found := _against(known, name)) is not None}
        of_kind: dict[str, list[Scores]] = {}
        for each, kind in zip(scores, kinds, strict=bool(kinds)):
            if each and kind:
                of_kind.setdefault(kind, []).append(each)
        by_kind = {kind: cls.of(found) for kind, found in sorted(of_kind.items())}
        return cls(len(known), len(scores) - len(known), _means(known), against, by_kind)

    def to_dict(self) -> dict[str, Any]:
        """For JSON; numbers that are none are None, and kinds are left out where none is known."""
        words = {
            "scored": self.scored,
            "failed": self.failed,
            "means": strict(self.means),
            "against": {name: asdict(found) for name, found in self.against.items()},
        }
        return {**words, "kinds": {kind: each.to_dict() for kind, each in self.kinds.items()}} if self.kinds else words


def strict(scores: Scores) -> dict[str, dict[str, float | None]]:
    """Scores as JSON can hold them, which knows no NaN."""
    return {
        what: {name: value if math.isfinite(value) else None for name, value in values.items()}
        for what, values in scores.items()
    }


def _means(scores: Sequence[Scores]) -> Scores:
    found: dict[str, dict[str, list[float]]] = {}
    for each in scores:
        for what, values in each.items():
            for name, value in values.items():
                found.setdefault(what, {}).setdefault(name, []).extend([value] if math.isfinite(value) else [])
    return {
        what: {name: math.fsum(values) / len(values) if values else math.nan for name, values in names.items()}
        for what, names in found.items()
    }


def _against(scores: Sequence[Scores], baseline: str) -> Against | None:
    gains = [each["novel"]["psnr"] - each[baseline]["psnr"] for each in scores if baseline in each]
    gains = [gain for gain in gains if math.isfinite(gain)]
    if not gains:
        return None
    return Against(len(gains), sum(gain > 0 for gain in gains) / len(gains), math.fsum(gains) / len(gains))
