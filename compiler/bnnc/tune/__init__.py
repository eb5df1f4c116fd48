"""Choices of kernels that are measured, not estimated, and the log that remembers them."""
