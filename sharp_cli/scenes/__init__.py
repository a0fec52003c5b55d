"""Synthetic scenes with known truth: an endless supply of posed pairs of pictures with exact depth, from a seed.

The path of a seed: ``layouts`` decides what there is and puts ``props`` of ``paints`` under ``lights`` into a
``builder`` → ``framing`` places two cameras → ``rendering`` traces them (``tracing``, ``shapes``, ``shading``,
``sampling``) → ``imaging`` develops the light to pictures. ``pair`` puts them together, ``dataset`` feeds a training.
Scenes are generated on the CPU; a GPU is fed by workers, as many as it has cores beside it.
"""

from sharp_cli.scenes.config import SceneConfig
from sharp_cli.scenes.dataset import ScenePairs, Split, seeds
from sharp_cli.scenes.pair import make_pair

__all__ = ["SceneConfig", "ScenePairs", "Split", "make_pair", "seeds"]
