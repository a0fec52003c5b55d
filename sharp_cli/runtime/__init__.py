"""What every room stands on: files, compiled kernels, timing, memory."""
