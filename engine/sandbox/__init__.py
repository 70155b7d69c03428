"""Running a model's code where it can reach nothing but the window's functions."""
