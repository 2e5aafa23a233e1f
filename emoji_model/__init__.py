"""The built-in text-to-image cascade: a small DeepFloyd IF, trained on Noto emoji."""
