"""The ten losses of SHARP's training (docs/training.md), each a small pure function, and their sum.

``config`` holds the weights and every choice the paper leaves open. Pictures are compared in ``image``
(where ``visibility`` says which pixels count) and by features in ``sharp_cli.training.perceptual``;
``depth``, ``gaussians`` and ``adjustment`` look at what the network predicts. ``total`` puts them together.
"""
