"""Features are computed once, alike in training and serving, and batches hide nothing."""

from dataclasses import replace

import numpy as np
import pytest
import soundfile
import torch

from ser.checkpoints.checkpoint import BESIDE
from ser.features import FeatureConfig, extract
from ser.labels import LABELS
from ser.pipeline import EmotionPipeline
from ser.sound.audio import SAMPLE_RATE, load_audio
from tests import bounds
from train.clips import augment
from train.clips import store as feature_store
from train.clips.augment import AugmentConfig
from train.clips.batches import collate, sample, training_batches
from train.clips.perturb import PerturbConfig
from train.clips.store import FeatureStore, Kept
from train.clips.targets import TargetConfig, TargetSpace
from train.corpora import Utterance
from train.recipes.load import load_recipe

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


@pytest.mark.numeric
def test_training_and_serving_see_the_same(utterances, store):
    pipeline = EmotionPipeline.from_pretrained("founding")
    assert pipeline.config == CONFIG
    for utterance in utterances:
        served = pipeline.predict(utterance.path).features
        np.testing.assert_array_equal(served, extract(load_audio(utterance.path), CONFIG))
        np.testing.assert_array_equal(store.clean[utterance.stem][0], Kept.of(served).frames())


@pytest.mark.parametrize("folder", [*BESIDE.values()])
def test_keeping_features_moves_no_probability_by_a_thousandth(ravdess, folder):
    pipeline = EmotionPipeline.from_pretrained(folder)
    for utterance in ravdess[::29]:
        seen = pipeline._see(load_audio(utterance.path))
        kept = {
            config: values._replace(features=Kept.of(values.features).frames())
            for config, values in seen.items()
        }
        one, two = (pipeline._judge(values)[0] for values in (seen, kept))
        assert np.abs(one - two).max() < bounds.KEPT_FEATURES


def test_the_second_time_comes_from_the_cache(utterances, store, monkeypatch):
    monkeypatch.setattr(feature_store, "_compute", None)
    for utterance in utterances:
        utterance.path.touch()  # as a new download does: content counts, not dates
    again = FeatureStore(utterances, CONFIG, AugmentConfig(copies=3), seed=0)
    for stem, arrays in store.copies.items():
        for one, two in zip(arrays, again.copies[stem], strict=True):
            np.testing.assert_array_equal(one, two)


def test_recipes_share_what_they_hear_of_a_corpus(utterances, monkeypatch):
    two = [*utterances[:3], *(replace(u, corpus="other") for u in utterances[3:])]
    both = FeatureStore(two, CONFIG, AugmentConfig(), seed=0)
    monkeypatch.setattr(feature_store, "_compute", None)
    alone = FeatureStore(two[:3], CONFIG, AugmentConfig(), seed=0)
    assert list(both.clean) == [u.stem for u in two]
    for stem, (clip,) in alone.clean.items():
        np.testing.assert_array_equal(clip, both.clean[stem][0])


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


def test_copies_with_a_seed_of_their_own_are_shared_by_all_runs(utterances, monkeypatch):
    config = AugmentConfig(copies=2, seed=7)
    first = FeatureStore(utterances, CONFIG, config, seed=0)
    monkeypatch.setattr(feature_store, "_compute", None)
    second = FeatureStore(utterances, CONFIG, config, seed=1)
    for one, two in zip(first.copies["clip-2"], second.copies["clip-2"], strict=True):
        np.testing.assert_array_equal(one, two)


def test_other_clips_of_noise_make_other_copies(utterances, tmp_path, monkeypatch):
    monkeypatch.setenv("SER_DATA", str(tmp_path))
    (tmp_path / "noise").mkdir()
    config = AugmentConfig(copies=1, background_probability=1.0, backgrounds=("clips",))
    copies = []
    for hz in (200, 3000):
        samples = np.sin(2 * np.pi * hz * np.arange(SAMPLE_RATE) / SAMPLE_RATE)
        soundfile.write(tmp_path / "noise" / "tone.wav", samples, SAMPLE_RATE)
        augment._noise_clip.cache_clear()
        copies.append(FeatureStore(utterances, CONFIG, config, 0).copies["clip-0"][0])
    assert copies[0].shape != copies[1].shape or (copies[0] != copies[1]).any()


def test_copies_do_not_depend_on_which_other_clips_there_are(utterances, store):
    fewer = FeatureStore(utterances[3:], CONFIG, AugmentConfig(copies=3), seed=0)
    for one, two in zip(store.copies["clip-4"], fewer.copies["clip-4"], strict=True):
        np.testing.assert_array_equal(one, two)


def test_collate_pads_with_zeros_and_marks_what_is_real():
    features, mask = collate([torch.ones(3, 2).half(), torch.ones(5, 2).half()])
    assert features.shape == (2, 5, 2)
    assert features.dtype == torch.float32
    assert mask.sum(1).tolist() == [3, 5]
    assert (features[0, 3:] == 0).all()


def epoch(utterances, store, seed=0, config=PerturbConfig(), sampling=None, batch_size=16):  # noqa: B008 - frozen
    targets = TargetSpace(utterances, TargetConfig()).targets(utterances)
    rng = np.random.default_rng(seed)
    return list(
        training_batches(utterances, targets, store, batch_size, rng, config, sampling or {})
    )


def test_no_batch_is_of_one_clip(utterances, store):
    """It has no deviation that a BatchNorm could divide by."""
    for batch_size, sizes in {5: [6], 4: [2, 4], 3: [3, 3], 6: [6]}.items():
        batches = epoch(utterances, store, batch_size=batch_size)
        assert sorted(len(batch.features) for _, batch in batches) == sizes
    (only,) = epoch(utterances[:1], store)
    assert len(only[1].features) == 1


def test_some_clips_are_drawn_as_they_are(utterances):
    clip = utterances[0]
    store = FeatureStore(utterances, CONFIG, AugmentConfig(copies=3, probability=1.0), seed=0)
    known = [array.tobytes() for array in (*store.clean[clip.stem], *store.copies[clip.stem])]
    rng = np.random.default_rng(0)
    copies = [known.index(store.draw(clip, rng).tobytes()) for _ in range(50)]
    assert set(copies) == {1, 2, 3}
    drawn = [known.index(store.draw(clip, rng, clean_share=0.5).tobytes()) for _ in range(200)]
    assert 60 < drawn.count(0) < 140
    assert set(drawn) == {0, 1, 2, 3}


def test_an_epoch_shows_every_clip_once_in_an_order_of_its_own(utterances, store):
    many = utterances * 40
    orders = []
    for seed in (0, 0, 1):
        shares, batches = zip(*epoch(many, store, seed), strict=True)
        assert shares[0] == 0 and list(shares) == sorted(shares) and shares[-1] < 1
        assert sum(len(batch.targets) for batch in batches) == len(many)
        assert all(batch.mask.any(1).all() for batch in batches)
        orders.append([batch.mask.sum().item() for batch in batches])
    assert orders[0] == orders[1] != orders[2]


def test_each_corpus_takes_part_with_its_share_of_clips(utterances):
    ours = [replace(u, corpus="ours") for u in utterances[:2]] * 10
    theirs = [replace(u, corpus="theirs") for u in utterances[2:]] * 10
    everything = theirs + ours
    drawn = [
        sample(everything, {"ours": 2.5, "theirs": 0.25}, np.random.default_rng(s)) for s in (0, 1)
    ]
    for chosen in drawn:
        counts = np.bincount(chosen, minlength=len(everything))
        assert counts[: len(theirs)].sum() == 10
        assert counts[: len(theirs)].max() == 1
        assert sorted(set(counts[len(theirs) :])) == [2, 3]
        assert counts[len(theirs) :].sum() == 50
    assert drawn[0] != drawn[1]
    assert sample(everything, {"theirs": 0}, np.random.default_rng(0)) == list(range(40, 60))


def test_batches_are_perturbed_and_mixed_as_the_recipe_says(utterances, store):
    plain = epoch(utterances, store)[0][1]
    config = PerturbConfig(max_stretch=0.5, mixup_alpha=1.0)
    changed = epoch(utterances, store, config=config)[0][1]
    assert sorted(changed.mask.sum(1).tolist()) != sorted(plain.mask.sum(1).tolist())
    kinds = [replace(u, emotion=e) for u, e in zip(utterances, LABELS, strict=False)]
    mixed = epoch(kinds, store, config=config)[0][1].targets.emotions
    bounds.assert_within(bounds.shares(mixed), mixed.sum(1), torch.ones(len(mixed)))
    assert (mixed.max(1).values < 1).any()
