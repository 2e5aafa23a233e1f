"""Diffusion models as five ideas: level, estimate, constraint, one loop, recipe. See CONTRIBUTING.md."""
