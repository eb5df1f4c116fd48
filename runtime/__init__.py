"""C11 sources that ship to the device beside a generated model."""
