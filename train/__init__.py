"""From corpora to a published checkpoint."""
