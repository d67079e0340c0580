"""A recipe is a TOML file, a new one a delta; a slip of the pen is named."""

from dataclasses import replace

import pytest

from ser.features.descriptors import NAMES
from train.clips.perturb import PerturbConfig
from train.clips.targets import TargetConfig
from train.places import RECIPES
from train.recipes.load import load_recipe
from train.recipes.recipe import PretrainConfig, TrainConfig


def test_every_shipped_recipe_loads_and_describes_itself():
    paths = [path for path in RECIPES.rglob("*.toml") if path.parent.name != "parts"]
    for path in paths:
        recipe = load_recipe(path.stem)
        assert (recipe.name, bool(recipe.description)) == (path.stem, True)
    assert len({path.stem for path in paths}) == len(paths)


def test_the_voiced_frames_are_told_by_the_column_that_says_so():
    assert NAMES[load_recipe("descriptor_statistics").model_args["voiced"]] == "voiced"


def test_the_founding_recipe_is_to_the_letter():
    recipe = load_recipe("founding")
    train, augment = recipe.train, recipe.augment
    assert (train.batch_size, train.learning_rate, train.weight_decay) == (64, 1e-3, 1e-5)
    assert (train.max_epochs, train.patience) == (100, 15)
    assert (train.plateau_patience, train.plateau_factor) == (5, 0.3)
    assert train.min_learning_rate == 1e-6
    assert list(train.class_weights.values()) == [1.5, 1.3, 1.0, 2.0, 0.8, 1.2, 1.0, 1.0]
    assert (augment.probability, augment.max_stretch) == (0.3, 0.05)
    assert (augment.max_pitch_semitones, augment.min_noise, augment.max_noise) == (1, 0.001, 0.005)
    assert recipe.model_args == {"hidden_size": 256, "n_layers": 2, "dropout": 0.5}


def test_a_delta_changes_only_what_it_names(tmp_path):
    path = tmp_path / "short.toml"
    path.write_text('base = "founding"\n[train]\nmax_epochs = 3\n')
    recipe, founding = load_recipe(str(path)), load_recipe("founding")
    assert recipe.name == "short"
    assert recipe.train.max_epochs == 3
    assert recipe.train.class_weights == founding.train.class_weights
    assert recipe.augment == founding.augment


def test_of_several_bases_the_later_decides(tmp_path):
    path = tmp_path / "both.toml"
    path.write_text('base = ["founding", "parts/microphones"]\n[augment]\ncopies = 2\n')
    founding, both = load_recipe("founding"), load_recipe(str(path))
    assert both.train == replace(founding.train, clean_share=0.5)
    assert both.augment.max_stretch == founding.augment.max_stretch
    assert founding.augment.telephone_probability == 0 < both.augment.telephone_probability
    assert both.augment.copies == 2


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("[train]\nepochs = 3\n", "epochs"),
        ("epochs = 3\n", "epochs"),
        ("[train.class_weights]\nbored = 1\n", "bored"),
        ('[features]\nkind = "mfcc"\n', "mfcc"),
        ("[train", "TOML"),
        ('[train]\noptimizer = "sgd"\n', "optimizer is one of adam, adamw, not 'sgd'"),
        ('[train]\nschedule = "step"\n', "schedule is one of plateau"),
        ('[train]\nselect = "f1"\n', "select is one of accuracy"),
        ('[train]\nmax_epochs = "3"\n', "max_epochs is a number"),
        ("[train]\nbatch_size = 0\n", "batch_size is a number from 1"),
        ("[train]\naverage_decay = 1.5\n", "average_decay is a number from 0 to 1, not 1.5"),
        ("[train]\nlabel_smoothing = true\n", "label_smoothing is a number"),
        ("[train]\nrefit = 1\n", "refit is true or false"),
        ("[train]\nwarmup_epochs = 2\n", "warmup_epochs needs the schedule"),
        ('[train]\nschedule = "cosine"\nwarmup_epochs = 100\n', "warmup_epochs is a number"),
        ("[train.sampling]\ncremad = 0.5\n", ".'cremad'. are not among"),
        ("[train.sampling]\nravdess = -1\n", "share of 0 or more"),
        ("[perturb]\nmixup = 0.2\n", "mixup"),
        ("[inference]\nstretches = [3.0]\n", "stretches are rates from 0.5 to 2"),
        ("[targets]\nvotes = 2\n", "votes is a number from 0 to 1, not 2"),
        ("[targets.tasks]\nspeakers = 1\n", "unknown tasks .'speakers'"),
        ("[targets.tasks]\nspeaker = 0\n", "weight above 0"),
        ("[pretrain]\nfreeze_epochs = 3\n", "freeze_epochs needs a recipe"),
        ("[pretrain]\nlayer_decay = 2\n", "layer_decay is a number"),
        ("[model]\nhidden_sise = 64\n", "hidden_sise"),
        ('[model]\nname = "lstm"\n', "Unknown model 'lstm'"),
        ("[train]\nridge = 1.0\n", "would pass over class_weights"),
        ("[perturb]\nmin_crop = 2\n", "min_crop is a number from 0.1 to 1, not 2"),
    ],
)
def test_a_slip_is_named(tmp_path, text, word):
    path = tmp_path / "slip.toml"
    path.write_text('base = "founding"\n' + text)
    with pytest.raises(ValueError, match=word) as raised:
        load_recipe(str(path))
    assert "slip.toml" in str(raised.value)


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("[train]\nlabel_smoothing = 0.1\n", "label_smoothing"),
        ("[train]\naverage_decay = 0.9\n", "average_decay"),
        ("[perturb]\nmixup_alpha = 0.2\n", r"over \[perturb\]"),
        ("[targets]\nvotes = 0.5\n", r"over \[targets\]"),
        ('[distill]\nteacher = "linear_ensemble"\n', r"pass over \[distill\]"),
    ],
)
def test_what_a_ridge_would_pass_over_is_refused(tmp_path, text, word):
    path = tmp_path / "linear.toml"
    path.write_text('base = "descriptor_statistics"\n' + text)
    with pytest.raises(ValueError, match=word):
        load_recipe(str(path))


def test_a_ridge_needs_a_model_with_statistics(tmp_path):
    path = tmp_path / "linear.toml"
    path.write_text(
        'description = ""\ncorpora = ["ravdess"]\n[model]\nname = "crnn"\n[train]\nridge = 1.0\n'
    )
    with pytest.raises(ValueError, match="crnn has none"):
        load_recipe(str(path))


def test_switches_are_off_unless_a_recipe_turns_them_on():
    recipe = load_recipe("founding")
    assert recipe.perturb == PerturbConfig()
    assert recipe.targets == TargetConfig()
    assert recipe.pretrain == PretrainConfig()
    assert recipe.train == replace(TrainConfig(), class_weights=recipe.train.class_weights)


def test_what_is_missing_is_named(tmp_path):
    path = tmp_path / "empty.toml"
    path.write_text("")
    with pytest.raises(ValueError, match="missing"):
        load_recipe(str(path))
    for name in ("finding", "network_*", "microphones", str(tmp_path / "none")):
        with pytest.raises(ValueError, match="There is no recipe .*founding.*network_longer"):
            load_recipe(name)
