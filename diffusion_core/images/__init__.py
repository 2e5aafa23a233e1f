"""Pictures: converted, in rows, kept as files, and examples drawn by our own code."""
