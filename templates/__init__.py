"""Jinja2 templates of everything that bnnc emits."""
