"""The generated pages of docs/, one module each; `page()` is the whole page as text."""
