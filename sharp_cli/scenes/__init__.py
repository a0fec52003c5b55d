"""Drawn scenes with known truth: an endless supply of posed pairs of pictures with exact depth, from a seed.

The path of a seed: ``layouts`` decides what there is and puts ``props`` of ``paints`` under ``lights`` into a
``builder`` → ``framing`` places two cameras → ``rendering`` traces them (``tracing``, ``shapes``, ``shading``,
``sampling``) → ``imaging`` develops the light to pictures. ``pair`` puts them together, ``stream`` feeds a training.
Scenes are drawn on the CPU; a GPU is fed by workers, as many as it has cores beside it.
"""

from sharp_cli.scenes.config import SceneConfig
from sharp_cli.scenes.pair import View, ViewPair, make_pair
from sharp_cli.scenes.stream import PairBatch, ScenePairs, Split, seeds, stack_pairs, stream

__all__ = [
    "PairBatch",
    "SceneConfig",
    "ScenePairs",
    "Split",
    "View",
    "ViewPair",
    "make_pair",
    "seeds",
    "stack_pairs",
    "stream",
]
