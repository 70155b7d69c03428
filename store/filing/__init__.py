"""Windows of trace files, kept beside the files so that they are opened again at once and grow with them."""
