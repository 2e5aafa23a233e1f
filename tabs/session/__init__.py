"""A visit to the page: what it is told, what it made, and how that comes back."""
