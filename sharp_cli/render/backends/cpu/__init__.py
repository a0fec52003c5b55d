"""The rasterizer for CPUs: numba kernels behind one differentiable torch function.

An image takes three steps, each shared among threads: :mod:`projection` turns Gaussians into ellipses, :mod:`binning`
lists the ellipses of every tile of the image, and :mod:`blending` blends them. The gradient goes back from
:mod:`blending` to :mod:`projection`. :mod:`autograd` puts the steps together.
"""
