"""Features are computed once, alike in training and serving, and batches hide nothing."""

import numpy as np
import pytest
import soundfile
import torch

from ser.audio import SAMPLE_RATE, load_audio
from ser.features import FeatureConfig, extract
from ser.pipeline import EmotionPipeline
from train import data
from train.augment import AugmentConfig
from train.corpora import Utterance
from train.data import FeatureStore, collate, training_batches
from train.recipe import load_recipe

CONFIG = load_recipe("founding").features


@pytest.fixture
def utterances(tmp_path, speech, monkeypatch):
    """Six clips of different lengths."""
    monkeypatch.setenv("SER_CACHE", str(tmp_path / "cache"))
    made = []
    for n in range(6):
        path = tmp_path / f"clip-{n}.wav"
        soundfile.write(path, speech[: SAMPLE_RATE + 2000 * n], SAMPLE_RATE, subtype="FLOAT")
        made.append(Utterance(path, "happy", f"speaker-{n}", "f", "made"))
    return made


@pytest.fixture
def store(utterances):
    return FeatureStore(utterances, CONFIG, AugmentConfig(copies=3), seed=0)


def test_training_and_serving_see_the_same(utterances, store):
    pipeline = EmotionPipeline.from_pretrained()
    assert pipeline.config == CONFIG
    for utterance in utterances:
        served = pipeline.predict(utterance.path).features
        np.testing.assert_array_equal(served, extract(load_audio(utterance.path), CONFIG))
        np.testing.assert_array_equal(store.clean[utterance.stem][0], served.astype(np.float16))


def test_float16_moves_no_probability_by_a_thousandth(utterances, store):
    model = EmotionPipeline.from_pretrained().checkpoint.model
    for utterance in utterances:
        exact = torch.from_numpy(extract(load_audio(utterance.path), CONFIG))
        kept = torch.from_numpy(store.clean[utterance.stem][0].astype(np.float32))
        with torch.inference_mode():
            one, two = (model(x[None]).logits.softmax(1) for x in (exact, kept))
        assert (one - two).abs().max() < 1e-3


def test_the_second_time_comes_from_the_cache(utterances, store, monkeypatch):
    monkeypatch.setattr(data, "_compute", None)
    again = FeatureStore(utterances, CONFIG, AugmentConfig(copies=3), seed=0)
    for stem, arrays in store.copies.items():
        for one, two in zip(arrays, again.copies[stem], strict=True):
            np.testing.assert_array_equal(one, two)


def test_another_seed_config_or_file_is_computed_anew(utterances, store, speech):
    def copies(**changes):
        arguments = {"features": CONFIG, "augmentation": AugmentConfig(copies=3), "seed": 0}
        return FeatureStore(utterances, **{**arguments, **changes}).copies["clip-0"]

    assert any(
        a.shape != b.shape or (a != b).any() for a, b in zip(copies(), copies(seed=1), strict=True)
    )
    assert copies(features=FeatureConfig(kind="logmel"))[0].shape[1] == 40
    assert len(copies(augmentation=AugmentConfig(copies=2))) == 2
    soundfile.write(utterances[0].path, speech[:9000], SAMPLE_RATE)
    assert len(copies()[0]) < len(store.copies["clip-0"][0])


def test_copies_do_not_depend_on_which_other_clips_there_are(utterances, store):
    fewer = FeatureStore(utterances[3:], CONFIG, AugmentConfig(copies=3), seed=0)
    for one, two in zip(store.copies["clip-4"], fewer.copies["clip-4"], strict=True):
        np.testing.assert_array_equal(one, two)


def test_collate_pads_with_zeros_and_marks_what_is_real():
    features, mask = collate([np.ones((3, 2), np.float16), np.ones((5, 2), np.float16)])
    assert features.shape == (2, 5, 2)
    assert features.dtype == torch.float32
    assert mask.sum(1).tolist() == [3, 5]
    assert (features[0, 3:] == 0).all()


def test_an_epoch_shows_every_clip_once_in_an_order_of_its_own(utterances, store):
    many = utterances * 40
    orders = []
    for seed in (0, 0, 1):
        batches = list(training_batches(many, store, 16, np.random.default_rng(seed)))
        assert sum(len(labels) for _, _, labels in batches) == len(many)
        assert all(mask.any(1).all() for _, mask, _ in batches)
        orders.append([mask.sum().item() for _, mask, _ in batches])
    assert orders[0] == orders[1] != orders[2]
