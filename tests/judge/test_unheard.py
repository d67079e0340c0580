"""Which clips weights may be asked about."""

import shutil
from collections import Counter
from dataclasses import replace

import pytest

from ser.checkpoints.config import CONFIG_NAME, read_config
from tests.small_runs import make_checkpoint
from train.__main__ import main
from train.corpora import load_corpora
from train.judge.unheard import Unheard, balanced, clips_of, protocol_of, unheard


def shipped(folder, **more):
    told = {"recipe": "shipped", "protocol": "ship-24", "fold": 1, "corpora": ["ravdess"]}
    return make_checkpoint(folder, **(told | more))


def with_seed(folder, seed=0):
    text = (folder / CONFIG_NAME).read_text()
    (folder / CONFIG_NAME).write_text(text.replace('"fold": 1', f'"seed": {seed}, "fold": 1'))
    return folder


def test_folds_are_asked_about_their_own_actors(on_spoken, spoken_runs):
    found = unheard(spoken_runs)
    assert isinstance(found, Unheard)
    assert (found.recipe, found.protocol) == ("spoken", "emobox-6fold-folds-1-2")
    assert [session.fold for session in found.sessions] == [1, 2]
    for session in found.sessions:
        config = read_config(session.run / CONFIG_NAME, "")
        speakers = {u.speaker for u in session.clips}
        assert speakers == set(config.training["test_speakers"])
    assert len(found.clips) == 8 * 4


def test_the_first_seed_counts(on_spoken, spoken_runs, tmp_path):
    base = tmp_path / "emobox-6fold"
    shutil.copytree(spoken_runs, base)
    shutil.copytree(base / "fold-1-seed-0", base / "fold-1-seed-1")
    assert [s.run.name for s in unheard(base).sessions] == ["fold-1-seed-0", "fold-2-seed-0"]


def test_few_clips_are_alike_in_emotions_and_speakers(on_spoken):
    clips = load_corpora(["ravdess"])
    chosen = balanced(clips, 24)
    assert len(chosen) == 24 == len({u.stem for u in chosen})
    assert set(Counter(u.emotion for u in chosen).values()) == {6}
    assert max(Counter(u.speaker for u in chosen).values()) == 1
    assert balanced(clips, 24) == chosen and balanced(clips, 24, seed=1) != chosen
    assert sorted(u.stem for u in balanced(clips, 1000)) == sorted(u.stem for u in clips)


def test_shipped_weights_are_asked_about_other_corpora(home_of_two, tmp_path, capsys):
    run = with_seed(shipped(tmp_path / "run"))
    found = unheard(run)
    assert [session.corpus for session in found.sessions] == ["tess"]
    assert "has learnt them: ravdess" in capsys.readouterr().err


@pytest.fixture
def home_of_two(on_spoken, spoken_ravdess, tmp_path, monkeypatch):
    """RAVDESS, and two clips of TESS."""
    data = tmp_path / "data"
    shutil.copytree(spoken_ravdess, data)
    clip = next(data.rglob("*.wav"))
    (data / "tess").mkdir()
    for word in ("dog", "back"):
        shutil.copyfile(clip, data / "tess" / f"OAF_{word}_angry.wav")
    monkeypatch.setenv("SER_DATA", str(data))


def test_nobody_left_is_a_sentence(on_spoken, tmp_path, capsys):
    run = with_seed(shipped(tmp_path / "run"))
    assert main(["stress", str(run), "--results", str(tmp_path)]) == 1
    assert "nobody is left to judge" in capsys.readouterr().err
    assert main(["lengths", str(tmp_path / "nothing"), "--results", str(tmp_path)]) == 1
    assert "neither a run nor a fold" in capsys.readouterr().err


def test_no_clips_are_a_sentence(on_spoken, spoken_runs, tmp_path, capsys):
    for command in ("stress", "lengths"):
        assert main([command, str(spoken_runs), "--clips", "0", "--results", str(tmp_path)]) == 1
        assert "At least one clip of each corpus" in capsys.readouterr().err


def test_a_fold_that_heard_its_test_actors_is_refused(on_spoken, spoken_runs):
    config = read_config(spoken_runs / "fold-1-seed-0" / CONFIG_NAME, "")
    training = config.training
    heard = training | {"train_speakers": [*training["train_speakers"], "ravdess-01"]}
    with pytest.raises(ValueError, match="has heard the test actors ravdess-01"):
        clips_of(replace(config, training=heard), "run")


def test_what_was_not_learnt_is_part_of_the_name(tmp_path):
    training = {"protocol": "leave-one-corpus-out"}
    without = tmp_path / "leave-one-corpus-out-without-tess" / "fold-1-seed-0"
    assert protocol_of(without, training) == "leave-one-corpus-out-without-tess"
    assert protocol_of(tmp_path / "elsewhere", training) == "leave-one-corpus-out"
