"""Where the time of a compiled network goes, layer by layer."""
