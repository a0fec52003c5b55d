"""The rasterizer for CPUs: numba kernels behind one differentiable torch function.

An image is made in three steps, each shared among threads: :mod:`projection` turns Gaussians into ellipses,
:mod:`binning` lists for every tile of the image the ellipses it has to blend, and :mod:`blending` blends them.
The way back runs from :mod:`blending` to :mod:`projection`. :mod:`autograd` puts the steps together.

Compiled kernels are cached per source file: after changing :mod:`layout`, or a kernel that another file calls,
remove ``__pycache__``.
"""
