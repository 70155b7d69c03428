"""What exporters share: talking to other people's servers, and what their answers mean."""
