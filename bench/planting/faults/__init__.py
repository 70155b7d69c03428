"""A file for each detector, named after it: `plant` puts its fault into traffic, `near_miss` what only resembles it."""
