"""One TOML file an experiment. `base = "name"` makes a recipe a delta of a few lines.

Of several bases, `base = ["name", "parts/name"]`, a later one decides what an earlier one said.
"""

import tomllib
from dataclasses import replace
from pathlib import Path

from ser.checkpoints.checkpoint import ENSEMBLE
from ser.models import registry
from train.clips.perturb import PerturbConfig
from train.clips.targets import TargetConfig
from train.places import RECIPES, recipe_files
from train.recipes.recipe import (
    TABLES,
    DistillConfig,
    InferenceConfig,
    PretrainConfig,
    Recipe,
    TrainConfig,
)

NOT_FOR_A_RIDGE = (  # of [train]
    "average_decay",
    "class_weights",
    "sampling",
    "label_smoothing",
    "focal_gamma",
)


def load_recipe(name: str) -> Recipe:
    """Read a recipe of `train/recipes` or a folder of it by name, or any TOML file by path.

    Raises ValueError with the file and the reason for an unknown name, key or value.
    """
    path = Path(name) if name.endswith(".toml") else _path(name)
    values = _read(path)
    try:
        if "ensemble" in values:
            return _ensemble(path.stem, values)
        model = dict(values.pop("model"))
        settings = {name: table(**values.pop(name, {})) for name, table in TABLES.items()}
        recipe = Recipe(
            name=path.stem,
            description=values.pop("description"),
            corpora=tuple(values.pop("corpora")),
            model_name=model.pop("name"),
            model_args=model,
            **settings,
        )
        if values:
            raise ValueError(f"unknown keys {sorted(values)}")
        for what in (
            recipe.train.sampling,
            recipe.train.corpus_shares,
            recipe.distill.corpora,
            recipe.augment.corpora,
        ):
            if unknown := set(what) - set(recipe.corpora):
                raise ValueError(f"{sorted(unknown)} are not among the recipe's corpora")
        registry.check(recipe.model_name, recipe.model_args)
        if recipe.train.ridge:
            _check_ridge(recipe)
        if recipe.distill.teacher:
            _check_teacher(recipe)
        return recipe
    except KeyError as error:
        raise ValueError(f"{path}: {error} is missing.") from error
    except (TypeError, ValueError) as error:
        raise ValueError(f"{path}: {error}") from error


def _check_ridge(recipe: Recipe) -> None:
    """ValueError for what a fit in closed form would pass over."""
    passed_over = [name for name in NOT_FOR_A_RIDGE if getattr(recipe.train, name)]
    passed_over += ["[perturb]"] if recipe.perturb != PerturbConfig() else []
    passed_over += ["[targets]"] if recipe.targets != TargetConfig() else []
    passed_over += ["[distill]"] if recipe.distill.teacher else []
    if passed_over:
        raise ValueError(f"a ridge is fitted at once and would pass over {', '.join(passed_over)}")
    if not hasattr(registry.MODELS[recipe.model_name], "statistics"):
        raise ValueError(f"a ridge needs a model with statistics, and {recipe.model_name} has none")


def _check_teacher(student: Recipe) -> None:
    """ValueError for a teacher who is a student, or has heard whom the student is judged by."""
    name = student.distill.teacher
    if Path(name).stem == student.name:
        raise ValueError("nobody is a teacher of himself")
    teacher = load_recipe(name)
    if any(recipe.distill.teacher for recipe in (teacher, *teacher.members)):
        raise ValueError(f"the teacher {teacher.name} is a student itself: one step is enough")
    if student.distill.cross_fitted and not all(
        recipe.train.ridge for recipe in teacher.members or [teacher]
    ):
        raise ValueError(
            f"cross_fitted needs a teacher of ridge models, and {teacher.name} is none"
        )
    if any(recipe.inference.stretches for recipe in (teacher, *teacher.members)):
        raise ValueError(
            f"the teacher {teacher.name} answers stretched clips: let it answer plainly"
        )
    if teacher.train.refit and not student.train.refit:
        raise ValueError(f"the teacher {teacher.name} is refitted, so the student must be, too")


def _ensemble(name: str, values: dict) -> Recipe:
    """The recipe of an ensemble: what its members have in common, and the members."""
    table = dict(values.pop("ensemble"))
    members = tuple(load_recipe(member) for member in table.pop("members"))
    shares = tuple(map(float, table.pop("shares", [1.0] * len(members))))
    description = values.pop("description")
    if values or table:
        raise ValueError(f"unknown keys {sorted({*values, *table})}")
    if len(members) < 2 or len(shares) != len(members) or min(shares) <= 0:
        raise ValueError("an ensemble has two members or more, and a share above 0 for each")
    if any(member.members for member in members):
        raise ValueError("a member of an ensemble is no ensemble itself")
    if len({member.train.refit for member in members}) > 1:
        raise ValueError("either all members are refitted or none")
    return replace(
        members[0],
        name=name,
        description=description,
        corpora=tuple(dict.fromkeys(corpus for m in members for corpus in m.corpora)),
        model_name=ENSEMBLE,
        model_args={},
        features=min((m.features for m in members), key=lambda f: f.hop_length),
        train=TrainConfig(refit=members[0].train.refit),
        pretrain=PretrainConfig(),
        distill=DistillConfig(),
        inference=InferenceConfig(),
        members=members,
        shares=shares,
    )


def _path(name: str) -> Path:
    """Where the recipe or part of this name lies, or would."""
    path = RECIPES / f"{name}.toml"
    return next((p for p in recipe_files() if p.stem == name), path)


def _read(path: Path) -> dict:
    try:
        values = tomllib.loads(path.read_text())
    except FileNotFoundError as error:
        known = sorted(p.stem for p in recipe_files())
        raise ValueError(f"There is no recipe {path}: choose from {known}.") from error
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"{path} is not TOML: {error}") from error
    bases = values.pop("base", [])
    merged = {}
    for base in [bases] if isinstance(bases, str) else bases:
        merged = _merge(merged, _read(_path(base)))
    return _merge(merged, values)


def _merge(base: dict, delta: dict) -> dict:
    merged = dict(base)
    for key, value in delta.items():
        both_tables = isinstance(value, dict) and isinstance(base.get(key), dict)
        merged[key] = _merge(base[key], value) if both_tables else value
    return merged
