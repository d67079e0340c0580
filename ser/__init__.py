"""From a sound to the emotion it seems to express."""

__version__ = "0.3.0"
