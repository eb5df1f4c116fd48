"""Converters from ONNX nodes to source operations, one file a family."""
