"""`config.json` and `model.safetensors`: saved, loaded, fetched from the Hub, served."""
