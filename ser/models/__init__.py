"""What turns features into an answer: one file an architecture, one registry of them."""
