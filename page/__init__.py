"""The page, a file a part."""
