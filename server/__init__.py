"""The one owner of HTTP: a FastAPI app with the page mounted in it, and what serves it."""
