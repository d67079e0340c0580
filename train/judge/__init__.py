"""Figures from answers; needs no training code."""
