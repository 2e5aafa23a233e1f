"""Parts that tabs are put together from."""
