"""What every room uses: atomic files and locks, compiled kernels, timing, memory."""
