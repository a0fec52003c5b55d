"""The GPU that WebGPU finds, its buffers, and how shaders run on it."""

from __future__ import annotations

import logging
import os
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib import import_module
from importlib.resources import files
from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sharp_cli.errors import SharpError, install_extra

LOG = logging.getLogger(__name__)

REMEDY = "install a Vulkan driver, or render on the CPU"
SOFTWARE = ("llvmpipe", "lavapipe", "swiftshader", "basic render", "warp")
WITH_CAMERA = ("project", "emit", "blend")
MOST_GROUPS = 65535
"""Workgroups per dimension that every device allows."""


class Gpu:
    """An open device: compiled shaders, and buffers that keep their memory from one image to the next.

    Use it under its ``lock``: buffers go by name, so images must be rendered one after the other.
    """

    def __init__(self, device: Any) -> None:
        self.device = device
        self.lock = threading.Lock()
        self.largest = min(device.limits["max-storage-buffer-binding-size"], device.limits["max-buffer-size"])
        self._pipelines: dict[str, Any] = {}
        self._buffers: dict[str, Any] = {}

    def buffer(self, name: str, count: int, width: int = 4) -> Any:
        """The storage buffer of this name, with room for ``count`` items of ``width`` bytes; its content is undefined.

        Raises:
            SharpError: the device has no buffers of this size.
        """
        size = max(16, -(-count * width // 4) * 4)
        if size > self.largest:
            raise SharpError(
                f"cannot render on this GPU: the scene needs a buffer of {size / 2**20:.0f} MiB, "
                f"and the device allows {self.largest / 2**20:.0f} MiB (render on the CPU)",
                "out_of_memory",
            )
        known = self._buffers.get(name)
        if known is None or known.size < size:
            room = min(self.largest, size * 5 // 4 // 16 * 16 + 16)  # so that the next frame's fit
            usage = self._usage("STORAGE", "COPY_DST", "COPY_SRC")
            try:
                known = self._buffers[name] = self.device.create_buffer(size=room, usage=usage)
            except Exception as error:
                message = f"cannot render on this GPU: no memory for a buffer of {room / 2**20:.0f} MiB"
                raise SharpError(f"{message} (render on the CPU)", "out_of_memory") from error
        return known

    def upload(self, name: str, values: NDArray[Any]) -> Any:
        """The storage buffer of this name, filled with an array."""
        buffer = self.buffer(name, values.size, values.itemsize)
        if values.size:
            self.device.queue.write_buffer(buffer, 0, values)
        return buffer

    def uniform(self, *values: int | bytes) -> Any:
        """A uniform buffer of unsigned numbers, or of bytes."""
        data = b"".join(v if isinstance(v, bytes) else np.uint32(v).tobytes() for v in values)
        data += bytes(-len(data) % 16)
        return self.device.create_buffer_with_data(data=data, usage=self._usage("UNIFORM"))

    def run(self, steps: Any, shader: str, buffers: list[Any], groups: int | tuple[int, int]) -> None:
        """Add a shader to a compute pass; ``buffers`` are its bindings from 0."""
        pipeline = self._pipeline(shader)
        entries = [
            {"binding": i, "resource": {"buffer": buffer, "offset": 0, "size": buffer.size}}
            for i, buffer in enumerate(buffers)
        ]
        layout = pipeline.get_bind_group_layout(0)
        steps.set_pipeline(pipeline)
        steps.set_bind_group(0, self.device.create_bind_group(layout=layout, entries=entries))
        if isinstance(groups, int):
            groups = (min(groups, MOST_GROUPS), -(-groups // MOST_GROUPS))
        steps.dispatch_workgroups(*groups)

    def read(self, buffer: Any, dtype: Any, count: int, first: int = 0) -> NDArray[Any]:
        """``count`` values of a buffer from the ``first``, once the submitted work is done."""
        width = np.dtype(dtype).itemsize
        return np.frombuffer(self.device.queue.read_buffer(buffer, first * width, count * width), dtype)

    def _pipeline(self, shader: str) -> Any:
        if shader not in self._pipelines:
            folder = files("sharp_cli.render.backends.webgpu").joinpath("shaders")
            names = (["camera"] if shader in WITH_CAMERA else []) + [shader]
            code = "\n".join(folder.joinpath(f"{name}.wgsl").read_text("utf-8") for name in names)
            module = self.device.create_shader_module(code=code, label=shader)
            stage = {"module": module, "entry_point": "main"}
            self._pipelines[shader] = self.device.create_compute_pipeline(layout="auto", compute=stage)
        return self._pipelines[shader]

    def _usage(self, *names: str) -> int:
        usages = import_module("wgpu").BufferUsage
        return sum(int(getattr(usages, name)) for name in names)


@cache
def find_adapter() -> Any:
    """The adapter that renders: the fastest one, as WebGPU says.

    Raises:
        SharpError: wgpu is not installed or does not run, or there is no adapter.
    """
    if find_spec("wgpu") is None:
        raise SharpError(f"rendering by WebGPU needs the package wgpu ({install_extra('gpu')})", "no_device")
    try:
        wgpu = import_module("wgpu")
        # not OpenGL, which lacks what we need
        import_module("wgpu.backends.wgpu_native.extras").set_instance_extras(backends=["Vulkan", "Metal", "DX12"])
        with _quiet_wayland():
            adapter = wgpu.gpu.request_adapter_sync(power_preference="high-performance")
    except Exception as error:  # drivers fail in ways of their own
        text = " ".join(str(error).split())
        raise SharpError(f"no GPU for WebGPU: {type(error).__name__}: {text} ({REMEDY})", "no_device") from error
    if adapter is None:
        raise SharpError(f"no GPU for WebGPU ({REMEDY})", "no_device")
    return adapter


@contextmanager
def _quiet_wayland() -> Iterator[None]:
    """Without this variable, Wayland's library prints an error on machines without a display."""
    missing = "XDG_RUNTIME_DIR" not in os.environ
    if missing:
        os.environ["XDG_RUNTIME_DIR"] = tempfile.gettempdir()
    try:
        yield
    finally:
        if missing:
            del os.environ["XDG_RUNTIME_DIR"]


def is_software(adapter: Any) -> bool:
    """Whether an adapter is a program that computes on the CPU, slower than our own CPU backend."""
    name = f"{adapter.info['device']} {adapter.info['description']}".lower()
    return adapter.info["adapter_type"] == "CPU" or any(word in name for word in SOFTWARE)


def has_gpu() -> bool:
    """Whether WebGPU runs here on a real GPU."""
    try:
        return not is_software(find_adapter())
    except SharpError as error:
        LOG.debug("%s", error)
        return False


@cache
def open_gpu() -> Gpu:
    """The device, opened once.

    Raises:
        SharpError: there is no device, or it cannot be opened.
    """
    adapter = find_adapter()
    limits = {name: adapter.limits[name] for name in ("max-storage-buffer-binding-size", "max-buffer-size")}
    try:
        return Gpu(adapter.request_device_sync(required_limits=limits))
    except Exception as error:
        raise SharpError(f"cannot open {adapter.info['device']}: {error} ({REMEDY})", "no_device") from error
