"""What `make demo` shows until a trained model ships with the project: the whole path, with drawn weights.

It draws the weights of a small network, stores them as a weights file, and converts an example photo with
the `sharp` command. The file opens in any splat viewer; because the weights are random, what it shows is
the photo on a roughly flat surface, not its depth.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import torch

from sharp_cli.model.drawn import SMALL, draw_tensors
from sharp_cli.weights.write import write_weights

PHOTO = Path(__file__).parent / "coffee.png"


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    weights, splat = folder / "drawn-small.safetensors", folder / "coffee.ply"
    write_weights(weights, draw_tensors(SMALL), SMALL, {"name": "drawn-small (random, untrained)"}, torch.float32)
    command = ["convert", str(PHOTO), "--out", str(splat), "--weights", str(weights), "--timings"]
    print("$ sharp", *command, flush=True)  # noqa: T201
    subprocess.run([sys.executable, "-m", "sharp_cli", *command], check=True)
    print(  # noqa: T201
        f"\n{splat} opens in any 3D Gaussian splat viewer.\n"
        "The weights were drawn at random: this shows that everything runs, not what SHARP can see.\n"
        "With the released weights (research use only, 2.8 GB): sharp convert photo.jpg"
    )


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "build/demo"))
