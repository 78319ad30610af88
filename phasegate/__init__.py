"""phasegate turns a written phase plan into a verdict that can be defended."""

__version__ = "0.2.0"
