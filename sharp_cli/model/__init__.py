"""The SHARP network: a square picture and a disparity factor in, normalized 3D Gaussians out.

The path of a picture: ``encoder`` (sliding pyramid of ViT windows) → ``decoder`` and ``depth`` (two
depth layers) → ``base`` (one plain Gaussian per pixel pair and layer) → ``gaussian_decoder`` (14
deltas for each) → ``compose``. ``network`` puts them together, ``checkpoint`` fills them.
"""
