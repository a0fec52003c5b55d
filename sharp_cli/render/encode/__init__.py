"""Frames → an H.264 video, an animated GIF or WebP, or a folder of numbered PNG files.

Start with :mod:`encoder`. Each format has one module with a writer, which takes the frames from an iterator, and a
reader of the comment with the file's provenance.
"""

from sharp_cli.render.encode.encoder import Encoder, Format, open_encoder, read_facts
from sharp_cli.render.encode.frame import Frame
from sharp_cli.render.encode.png import frame_name

__all__ = ["Encoder", "Format", "Frame", "frame_name", "open_encoder", "read_facts"]
