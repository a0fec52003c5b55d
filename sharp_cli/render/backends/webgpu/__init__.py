"""The rasterizer for GPUs without CUDA: WebGPU compute shaders on Vulkan, Metal or Direct3D 12.

:mod:`device` finds the GPU and runs shaders, :mod:`sort` has prefix sums and a radix sort, and :mod:`rasterize` puts
the steps of an image together. The shaders are in ``shaders/``.
"""
