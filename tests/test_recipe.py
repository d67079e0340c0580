"""A recipe is a TOML file, a new one a delta; a slip of the pen is named."""

import pytest

from train.recipe import RECIPES, load_recipe


def test_every_shipped_recipe_loads_and_describes_itself():
    for path in RECIPES.glob("*.toml"):
        assert load_recipe(path.stem).description


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


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("[train]\nepochs = 3\n", "epochs"),
        ("epochs = 3\n", "epochs"),
        ("[train.class_weights]\nbored = 1\n", "bored"),
        ('[features]\nkind = "mfcc"\n', "mfcc"),
        ("[train", "TOML"),
    ],
)
def test_a_slip_is_named(tmp_path, text, word):
    path = tmp_path / "slip.toml"
    path.write_text('base = "founding"\n' + text)
    with pytest.raises(ValueError, match=word):
        load_recipe(str(path))


def test_what_is_missing_is_named(tmp_path):
    path = tmp_path / "empty.toml"
    path.write_text("")
    with pytest.raises(ValueError, match="missing"):
        load_recipe(str(path))
    with pytest.raises(ValueError, match="founding"):
        load_recipe("finding")
