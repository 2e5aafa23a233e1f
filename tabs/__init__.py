"""The page: a file per tab, and what they share. The only place, with app.py, that imports gradio."""
