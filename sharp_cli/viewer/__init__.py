"""A splat in the browser: one self-contained HTML file, or the same page served on this machine."""
