"""Pages made from figures."""
