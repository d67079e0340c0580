"""Whether the corpora that weights learned from let the weights be handed on."""

from ser.checkpoints.checkpoint import CheckpointConfig
from train.corpora import Corpus, named
from train.corpora.heard import heard_before


def forbidding(config: CheckpointConfig) -> list[Corpus]:
    """Corpora without derived works that a checkpoint or its members learned from at any time."""
    names = set(heard_before(config, "corpora"))
    for part in (config, *config.members):
        names |= set(part.training.get("corpora", ()))
    return [corpus for corpus in map(named, sorted(names)) if corpus.no_derivatives]


def check_may_be_handed_on(config: CheckpointConfig) -> None:
    """ValueError where a corpus behind the weights is under a licence without derived works."""
    if corpora := forbidding(config):
        told = " and ".join(f"{corpus.title} ({corpus.license})" for corpus in corpora)
        raise ValueError(
            f"These weights learned from {told}, whose licence allows no derived works: train "
            "without it, or take the responsibility with --despite-licence."
        )
