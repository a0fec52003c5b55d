"""Many files in, many files out: what to work on, where results go, what is done, and the pipeline for it."""
