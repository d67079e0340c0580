"""What weights had heard before they were fitted."""

from ser.checkpoints.checkpoint import CheckpointConfig


def heard_before(config: CheckpointConfig, what: str) -> list[str]:
    """The `corpora` or `speakers` behind the pretrainings and teachers of a checkpoint."""
    told = [
        part.training.get(source, {}).get(what, ())
        for part in (config, *config.members)
        for source in ("pretraining", "teacher")
    ]
    return sorted({name for names in told for name in names})
