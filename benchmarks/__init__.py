"""Reports of speed and memory; not tests, for a machine's speed is no defect of the code."""
