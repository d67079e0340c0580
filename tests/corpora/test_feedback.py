"""Shared recordings become training data only with a label, a maintainer's yes, and speech."""

import json

import numpy as np
import pytest
import soundfile
import soxr

from ser.checkpoints.checkpoint import GOLDEN_CLIP
from ser.feedback.dataset import FeedbackDataset
from ser.feedback.queue import Feedback
from ser.labels import LABELS
from ser.pipeline import EmotionPipeline
from ser.sound.audio import SAMPLE_RATE, load_audio
from train.__main__ import main
from train.corpora import CORPORA, Utterance, feedback, load_corpora
from train.corpora.splits import PROTOCOLS, make_splits
from train.recipes.load import load_recipe

REPO = "user/voices"


@pytest.fixture(scope="module")
def predictions():
    """Of a voice, and of a second of noise."""
    pipeline = EmotionPipeline.from_pretrained()
    noise = 0.1 * np.random.default_rng(0).standard_normal(SAMPLE_RATE).astype(np.float32)
    return pipeline.predict(GOLDEN_CLIP), pipeline.predict((SAMPLE_RATE, noise))


@pytest.fixture
def shared(hub, predictions, tmp_path, monkeypatch):
    """Four recordings on the Hub: sad, angry, cannot tell, and a second of noise called happy."""
    monkeypatch.setenv("SER_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("SER_CACHE", str(tmp_path / "features"))
    voice, noise = predictions
    queue = Feedback(FeedbackDataset(REPO), tmp_path / "queue")
    receipts = [
        queue.share(voice, "sad", "visit-1", "visitor"),
        queue.share(voice, "angry", "visit-2", "visitor"),
        queue.share(voice, None, "visit-2", "visitor"),
        queue.share(noise, "happy", "visit-3", "visitor"),
    ]
    queue.sync()
    return queue, receipts


def answers(*given):
    waiting = list(given)
    return lambda _: waiting.pop(0)


def review(*given) -> int:
    return feedback.review(ask=answers(*given), play=lambda _: None)


def learnable() -> list[tuple[str, str]]:
    return sorted((u.emotion, u.speaker) for u in CORPORA["feedback"](feedback.data_root()))


def test_what_joins(shared):
    feedback.fetch(REPO)
    assert learnable() == []  # nobody has reviewed anything
    assert review("a", str(LABELS.index("disgust") + 1), "a") == 0
    assert learnable() == [("disgust", "feedback-visit-2"), ("sad", "feedback-visit-1")]
    loaded = load_corpora(["feedback"])
    assert {(u.corpus, u.sex) for u in loaded} == {("feedback", "unknown")}


def test_a_review_goes_on_where_it_stopped(shared):
    feedback.fetch(REPO)
    assert review("p", "x", "r", "q") == 2
    assert review("s", "a") == 1
    assert review("a") == 0
    assert review() == 0
    assert learnable() == [("angry", "feedback-visit-2")]


def test_what_is_withdrawn_is_gone_here_too_after_the_next_fetch(shared):
    queue, receipts = shared
    folder = feedback.fetch(REPO)
    review("a", "a", "a")
    queue.withdraw(receipts[0], "visitor")
    queue.sync()
    feedback.fetch(REPO)
    assert learnable() == [("angry", "feedback-visit-2")]
    assert len(list((folder / "train").glob("*.flac"))) == 3
    names = {json.loads(line)["file_name"] for line in (folder / "reviews.jsonl").open()}
    assert len(names) == 2


def test_a_clip_of_the_corpus_is_named_for_what_it_is(shared, capsys):
    speech = load_audio(GOLDEN_CLIP)
    folder = feedback.data_root() / "ravdess" / "Actor_07"
    folder.mkdir(parents=True)
    original = soxr.resample(speech, SAMPLE_RATE, 48_000)
    soundfile.write(folder / "03-01-05-01-01-01-07.wav", original, 48_000)
    feedback.fetch(REPO)
    review("r", "r", "a")
    assert capsys.readouterr().out.count("03-01-05-01-01-01-07 of a public corpus") == 2


def test_withdrawal_clears_cached_features_and_an_empty_dataset_clears_all(shared, tmp_path):
    (tmp_path / "features").mkdir()
    cached = tmp_path / "features" / "a.npz"
    cached.write_bytes(b"voices")
    queue, receipts = shared
    feedback.fetch(REPO)
    assert cached.exists()
    for receipt in receipts:
        queue.withdraw(receipt, "visitor")
    queue.sync()
    folder = feedback.fetch(REPO)
    assert not cached.exists()
    assert not list((folder / "train").glob("*.flac"))


def test_the_end_of_the_input_ends_the_review(shared):
    def ended(_):
        raise EOFError

    feedback.fetch(REPO)
    assert feedback.review(ask=ended, play=lambda _: None) == 3


def test_a_dataset_that_is_not_there_is_not_made(hub, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("SER_DATA", str(tmp_path))
    assert main(["fetch-feedback", "--repo", "user/typo"]) == 1
    assert "not on the Hub" in capsys.readouterr().err
    assert not hub.seen("POST")


def test_a_hub_that_is_down_leaves_what_was_fetched(shared, hub, capsys):
    assert main(["fetch-feedback", "--repo", REPO]) == 0
    review("a", "a", "a")
    before = learnable()
    hub.down()
    assert main(["fetch-feedback", "--repo", REPO]) == 1
    assert "could not be reached" in capsys.readouterr().err
    hub.up()
    assert learnable() == before


def test_speech_is_told_from_noise(noise):
    speech = load_audio(GOLDEN_CLIP)
    assert feedback.speech_s(speech) > 1.0
    assert feedback.speech_s(speech * 1e-3) > 1.0
    assert feedback.speech_s(np.tile(noise, 3)) < 1.0


def test_no_corpus_says_what_to_do(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("SER_DATA", str(tmp_path))
    assert main(["fit", "--corpora", "ravdess,feedback"]) == 1
    assert main(["fit", "--corpora", "feedback"]) == 1
    assert "fetch-feedback" in capsys.readouterr().err


def test_feedback_alone_measures_nothing(shared, capsys):
    feedback.fetch(REPO)
    review("a", "a", "a")
    assert main(["fit", "--corpora", "feedback"]) == 1
    assert "name it among the corpora" in capsys.readouterr().err


def test_a_recipe_on_more_corpora_says_so_in_its_name():
    recipe = load_recipe("founding").on_corpora(["ravdess", "feedback"])
    assert recipe.name == "founding+feedback"
    assert recipe.corpora == ("ravdess", "feedback")
    assert load_recipe("founding").on_corpora(["ravdess"]) == load_recipe("founding")


def test_a_recipe_on_fewer_corpora_says_so_too_and_an_ensemble_passes_it_on():
    best = load_recipe("best")
    *rest, last = best.corpora
    changed = best.on_corpora([*rest, "feedback"])
    assert changed.name == f"best+feedback-{last}"
    assert changed.corpora == (*rest, "feedback")
    for before, after in zip(best.members, changed.members, strict=True):
        assert set(after.corpora) == set(before.corpora) - {last} | {"feedback"}
        assert after.name == before.name + "+feedback" + f"-{last}" * (last in before.corpora)
    student = load_recipe("robust_student").on_corpora(["ravdess"])
    assert student.name.startswith("robust_student-")
    with pytest.raises(ValueError, match="learns from ravdess alone"):
        best.on_corpora(rest[1:])


def test_a_song_of_the_corpus_is_named_too(tmp_path, speech):
    folder = tmp_path / "ravdess_song" / "Actor_07"
    folder.mkdir(parents=True)
    soundfile.write(folder / "03-02-05-01-01-01-07.wav", speech, SAMPLE_RATE)
    assert feedback.find_twin(speech, tmp_path) == "03-02-05-01-01-01-07"
    assert feedback.find_twin(speech[::-1], tmp_path) is None


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_feedback_is_training_data_only(tmp_path, protocol):
    measured = []
    for actor in range(1, 25):
        for n in range(60):
            path = tmp_path / f"{actor}-{n}.wav"
            path.write_text(path.name)
            speaker = f"ravdess-{actor:02d}"
            measured.append(Utterance(path, LABELS[n % 8], speaker, "f", "ravdess"))
    path = tmp_path / "shared.flac"
    path.write_text("shared")
    shared = Utterance(path, "sad", "feedback-1", "unknown", "feedback")
    impostor = Utterance(tmp_path / "song.wav", "sad", "ravdess-01", "m", "ravdess_song")
    impostor.path.write_text("song")
    alone = make_splits(protocol, measured, 0)
    joined = make_splits(protocol, [*measured, shared, impostor], 0)
    for one, two in zip(alone, joined, strict=True):
        assert two.validation == one.validation and two.test == one.test
        assert shared in two.train
        held_out = {u.speaker for u in (*two.validation, *two.test)}
        assert (impostor in two.train) == ("ravdess-01" not in held_out)
