"""bnnc: takes a trained 1-bit or low-bit neural network to the device, bit for bit."""

__version__ = "0.1.0"
