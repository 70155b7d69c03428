"""What the OTLP receiver is made of: two servers, one way in, and the answers they give."""
