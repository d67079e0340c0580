"""A run leaves the house: embedded, published, deployed."""
