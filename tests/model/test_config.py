from __future__ import annotations

import json

import pytest

from sharp_cli.errors import SharpError
from sharp_cli.model.config import SharpConfig
from sharp_cli.model.random_weights import SMALL


def test_the_released_model_is_the_default() -> None:
    stored = (
        '{"image_size": 384, "patch_size": 16, "embed_dim": 1024, "depth": 24, "num_heads": 16, '
        '"latent_blocks": [5, 11], "encoder_dims": [256, 256, 512, 1024, 1024], "depth_decoder_dim": 256, '
        '"gaussian_decoder_dim": 128, "head_dim": 32, "alignment_width": 16}'
    )
    assert SharpConfig().to_dict() == json.loads(stored)
    assert SharpConfig().resolution == 1536
    assert SharpConfig().num_gaussians == 1_179_648


def test_json_round_trip_ignores_further_fields() -> None:
    stored = json.loads(json.dumps({**SMALL.to_dict(), "license": "MIT", "something": [1]}))
    assert SharpConfig.from_dict(stored) == SMALL


@pytest.mark.parametrize(
    "sizes",
    [
        {"encoder_dims": [16, 16, 24, 32]},
        {"encoder_dims": 16},
        {"latent_blocks": [1, 24]},
        {"latent_blocks": [-1, 2]},
        {"num_heads": 15},
        {"image_size": 100},
        {"image_size": 160},
        {"depth": "many"},
        {"depth": 0},
        {"depth": 10**11},
        {"head_dim": None},
    ],
)
def test_sizes_that_do_not_fit_are_refused(sizes: dict[str, object]) -> None:
    with pytest.raises(SharpError, match="invalid network config"):
        SharpConfig.from_dict(sizes)
