"""Biomedical extractive question answering: two models, one abstract, side by side."""

__version__ = "0.1.0"
