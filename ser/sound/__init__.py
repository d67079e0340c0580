"""From any file or array to a checked waveform, and to windows that a model can judge."""
