"""The archives that emoji_model.data reads, built from what sources.py names."""
