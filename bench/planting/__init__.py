"""Traffic with known faults: what every detector must find, and what looks like it and must be left alone."""
