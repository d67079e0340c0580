"""An experiment as a file: TOML, read and checked."""
