"""Evidence that the tests of this room share."""

import pytest

from tests.report.small_evidence import write_recipe
from train.judge import pictures


@pytest.fixture
def results(tmp_path, monkeypatch):
    monkeypatch.setattr(pictures, "judgement", lambda *_: None)
    write_recipe(tmp_path, "founding", 0.5, minutes=60.0, n_parameters=900_123)
    write_recipe(tmp_path, "wider", 0.7, minutes=120.0)
    write_recipe(tmp_path, "worse", 0.3, folds=range(1, 3), minutes=20.0)
    (tmp_path / "ladder.toml").write_text(
        """
        [[step]]
        recipe = "founding"
        what = "Where it began"
        [[step]]
        recipe = "wider"
        what = "Twice as wide"
        [tried]
        worse = "Half as wide"
        """
    )
    return tmp_path
