"""The window: window.db, where spans live until retention takes them."""
