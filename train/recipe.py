"""One TOML file an experiment. `base = "name"` makes a recipe a delta of a few lines."""

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ser.features import FeatureConfig
from ser.labels import LABELS
from train.augment import AugmentConfig

RECIPES = Path(__file__).parent / "recipes"


@dataclass(frozen=True)
class TrainConfig:
    """How a model is fitted; the defaults are the founding recipe's."""

    batch_size: int = 64
    learning_rate: float = 1e-3
    weight_decay: float = 1e-5
    max_epochs: int = 100
    patience: int = 15  # epochs without a better validation accuracy
    plateau_patience: int = 5  # epochs without a lower validation loss
    plateau_factor: float = 0.3
    min_learning_rate: float = 1e-6
    class_weights: dict[str, float] = field(default_factory=dict)  # 1.0 where not named


@dataclass(frozen=True)
class Recipe:
    """Everything that decides a run but the split and the seed."""

    name: str
    description: str
    corpora: tuple[str, ...]
    model_name: str
    model_args: dict[str, Any]
    features: FeatureConfig
    augment: AugmentConfig
    train: TrainConfig

    def on_corpora(self, corpora: Sequence[str]) -> "Recipe":
        """Return the same recipe trained on other corpora, under a name that says so."""
        more = "+".join(c for c in corpora if c not in self.corpora)
        name = f"{self.name}+{more}" if more else self.name
        return replace(self, name=name, corpora=tuple(corpora))


def load_recipe(name: str) -> Recipe:
    """Read a recipe of `train/recipes` by name, or any TOML file by path.

    Raises ValueError with the file and the reason for an unknown name, key or value.
    """
    path = Path(name) if name.endswith(".toml") else RECIPES / f"{name}.toml"
    values = _read(path)
    try:
        model = dict(values["model"])
        train = TrainConfig(**values.get("train", {}))
        unknown = set(train.class_weights) - set(LABELS)
        if unknown:
            raise ValueError(f"class weights for unknown emotions {sorted(unknown)}")
        top_level = {"description", "corpora", "model", "features", "augment", "train"}
        if set(values) - top_level:
            raise ValueError(f"unknown keys {sorted(set(values) - top_level)}")
        return Recipe(
            name=path.stem,
            description=values["description"],
            corpora=tuple(values["corpora"]),
            model_name=model.pop("name"),
            model_args=model,
            features=FeatureConfig(**values.get("features", {})),
            augment=AugmentConfig(**values.get("augment", {})),
            train=train,
        )
    except KeyError as error:
        raise ValueError(f"{path}: {error} is missing.") from error
    except (TypeError, ValueError) as error:
        raise ValueError(f"{path}: {error}") from error


def _read(path: Path) -> dict:
    try:
        values = tomllib.loads(path.read_text())
    except FileNotFoundError as error:
        known = sorted(p.stem for p in RECIPES.glob("*.toml"))
        raise ValueError(f"There is no recipe {path}: choose from {known}.") from error
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"{path} is not TOML: {error}") from error
    base = values.pop("base", None)
    return _merge(_read(RECIPES / f"{base}.toml"), values) if base else values


def _merge(base: dict, delta: dict) -> dict:
    merged = dict(base)
    for key, value in delta.items():
        both_tables = isinstance(value, dict) and isinstance(base.get(key), dict)
        merged[key] = _merge(base[key], value) if both_tables else value
    return merged
