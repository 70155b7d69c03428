"""The tools a model may call, one file each, named as the model calls it."""
