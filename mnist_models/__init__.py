"""Diffusion models for handwritten digits, small enough to train on a laptop (CS180 project 5B)."""
