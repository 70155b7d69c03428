"""Reading the checkout of an agent's code and its history, and nothing outside it."""
