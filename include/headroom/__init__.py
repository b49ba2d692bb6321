"""Headroom buys the right amount of AI-inference capacity before it is needed."""

__version__ = "0.1.0"
