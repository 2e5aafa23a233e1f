"""How good is the built-in model? `python -m emoji_model.evaluate --json`; see __main__.py, and measures.py,
illusions.py and upscaling.py for what is measured."""
