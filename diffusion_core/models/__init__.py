"""Text-to-image models: which there are, what fits this machine, how they are opened."""
