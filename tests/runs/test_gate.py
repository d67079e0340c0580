"""The gate is judged on what it never heard, and becomes part of the checkpoint."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from ser.checkpoints import checkpoint
from ser.checkpoints.checkpoint import GOLDEN_CLIP, CheckpointConfig
from ser.features import FeatureConfig
from ser.gate import NO_VOICE
from ser.pipeline import EmotionPipeline
from ser.sound.audio import SAMPLE_RATE
from tests import bounds
from tests.small_runs import make_checkpoint
from train.__main__ import main
from train.clips import made_sounds
from train.places import ROOT
from train.runs import gate, gate_clips
from train.runs.gate_clips import AT_0_DB, CLEAN, IN_NOISE, GateClip, Heard, fold_of

SOUNDS = ["hum", "rain", "sea"]


def clips_of(n_voices=40):
    """Voices of two corpora, clean and in noise, and three classes of sounds."""
    found = []
    for n in range(n_voices):
        group = ("speech", "ravdess-song")[n % 2]
        voice = GateClip(f"v{n}", "v.wav", group, fold=n % 3, sex="fm"[n % 2], emotion="angry")
        found.append(voice)
        for condition, sounds in (
            (IN_NOISE, SOUNDS),
            (AT_0_DB, [s for s in SOUNDS if fold_of(SOUNDS, s) == voice.fold]),
        ):
            noise = sounds[n % len(sounds)]
            found.append(replace(voice, condition=condition, background=noise, snr_db=0.0))
    found += [GateClip(f"t{n}", "t.wav", "tess", emotion="sad") for n in range(6)]
    return found + [GateClip(f"{s}{n}", "", s, is_voice=False) for s in SOUNDS for n in range(15)]


@pytest.fixture(scope="module")
def bench():
    """Clips whose first statistic tells voices, the second singing; each clip has two windows."""
    clips = clips_of()
    rng = np.random.default_rng(0)
    which = np.repeat(np.arange(len(clips)), 2)
    values = rng.standard_normal((len(which), 8)).astype(np.float32)
    values[:, 0] += [3 if clips[n].is_voice else -3 for n in which]
    values[:, 1] += [3 if clips[n].group == "ravdess-song" else -3 for n in which]
    seconds = np.array([0.5 if clips[n].is_voice else 0.0 for n in which])
    return gate.Bench(
        Heard(clips, torch.from_numpy(values), seconds, which), torch.from_numpy(values)
    )


def test_what_is_judged_in_a_round_was_not_learnt_in_it(bench):
    for sound in SOUNDS:
        fold = fold_of(SOUNDS, sound)
        clips = bench.heard.clips
        learnt = [c for c in clips if gate._is_learnt(c, {sound}, {fold})]
        judged = [c for c in clips if gate._is_judged(c, sound, fold)]
        assert learnt and judged
        assert not {c.name for c in learnt} & {c.name for c in judged}
        assert all(c.group != sound and c.background != sound for c in learnt)
        assert all(c.background in (None, sound) for c in judged)
        assert not any(c.group == "tess" for c in learnt)
        assert {c.group for c in judged if not c.is_voice} == {sound}


def test_every_clip_is_judged_but_copies_for_training(bench):
    judged, chosen = bench.rounds()
    assert set(chosen) == set(SOUNDS)
    names = {(c.name, c.condition) for c in judged.clips}
    wanted = {(c.name, c.condition) for c in bench.heard.clips if c.condition != IN_NOISE}
    assert names == wanted
    found = gate.figures(judged, chosen)
    assert found["refused"]["all"] == {"share": 1.0, "n_clips": 45}
    assert found["kept"][CLEAN]["all"]["n_clips"] == 46, "TESS counts once, judged three times"
    assert found["kept"][CLEAN]["all"]["share"] > 0.95
    assert set(found["kept"][AT_0_DB]["by_background"]) == set(SOUNDS)
    assert found["sung"]["song"]["share"] > 0.9 > 0.1 > found["sung"]["speech"]["share"]


def scored(voice, speech_s, is_voice):
    clips = [GateClip(f"c{n}", "", "x", is_voice=bool(v)) for n, v in enumerate(is_voice)]
    n = len(clips)
    values = np.array(voice, float), np.linspace(-1, 0, n), np.array(speech_s, float)
    return gate.Scored(clips, np.full(n, "rain"), *values)


def test_thresholds_keep_voices_and_use_what_the_detector_says():
    # Voices score 0 where the detector found them; sounds score 0.5, and it found none of them.
    voice = [0.0] * 50 + [0.9] * 50 + [0.5] * 100
    speech_s = [1.0] * 50 + [0.0] * 50 + [0.0] * 100
    judged = scored(voice, speech_s, [1] * 100 + [0] * 100)
    detected, undetected, _ = gate.choose(judged)
    kept = judged.passes(np.tile([detected, undetected, 0], (200, 1)))
    assert kept[:100].all() and not kept[100:].any()
    assert detected <= 0 < 0.5 < undetected <= 0.9


def test_a_class_of_sounds_counts_as_much_as_another():
    clips = [GateClip(f"c{n}", "", "rain" if n < 90 else "sea", is_voice=False) for n in range(100)]
    columns = np.full(100, "rain"), np.zeros(100), np.zeros(100), np.zeros(100)
    weights = gate._weights(gate.Scored(clips, *columns))
    assert weights[:90].sum() == pytest.approx(1) and weights[90:].sum() == pytest.approx(1)


@pytest.fixture
def run(tmp_path, monkeypatch):
    """A run of random weights, and clips at hand: synthetic voices, made sounds."""
    torch.manual_seed(0)
    args = {"size": 64, "n_heads": 2, "layers": [1, 2]}
    config = CheckpointConfig(
        "whisper_statistics",
        args,
        FeatureConfig(kind="whisper", version=2),
        training={"recipe": "small"},
    )
    model = config.build()
    for parameter in model.encoder.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    checkpoint.save(tmp_path / "run", model, config)
    monkeypatch.setitem(made_sounds.MADE, "hums", made_sounds.noise)
    voices = []
    for n, path in enumerate([GOLDEN_CLIP, *sorted((ROOT / "examples").glob("*.flac"))]):
        voice = GateClip(path.stem, str(path), ("speech", "ravdess-song")[n % 2], fold=n % 5)
        kinds = [k for i, k in enumerate(made_sounds.MADE) if voice.fold == i] or ["noises"]
        voices += [voice, replace(voice, condition=IN_NOISE, background=kinds[0], snr_db=20.0)]
    sounds = [
        GateClip(f"{k}{n}", "", k, is_voice=False) for k in made_sounds.MADE for n in range(8)
    ]
    monkeypatch.setattr(gate_clips, "gate_clips", lambda: voices + sounds)
    monkeypatch.setenv("SER_CACHE", str(tmp_path / "cache"))
    return tmp_path / "run"


def test_a_run_gets_a_speech_head_that_the_pipeline_and_the_graph_use(run, tmp_path, capsys):
    results = tmp_path / "results"
    before = EmotionPipeline.from_pretrained(run).predict(GOLDEN_CLIP)
    assert main(["gate", str(run), "--results", str(results)]) == 0
    assert "noises, never heard" in capsys.readouterr().out
    (row,) = json.loads((results / "gate" / "small.json").read_text())
    assert row["recipe"] == "small" and row["refused"]["all"]["n_clips"] == 24
    config = json.loads((run / "config.json").read_text())
    assert config["speech_thresholds"] == row["thresholds"]
    pipeline = EmotionPipeline.from_pretrained(run)
    after = pipeline.predict(GOLDEN_CLIP)
    np.testing.assert_array_equal(after.probabilities, before.probabilities)
    assert main(["quantize", str(run), str(tmp_path / "graph")]) == 0
    graph = EmotionPipeline.from_pretrained(tmp_path / "graph")
    clip = gate_clips.waveform_of(GateClip("tones1", "", "tones", is_voice=False))
    for sound in (GOLDEN_CLIP, (SAMPLE_RATE, clip)):
        of_run, of_graph = pipeline.predict(sound), graph.predict(sound)
        assert of_run.reason == of_graph.reason
        bounds.assert_within(bounds.EIGHT_BITS, of_graph.probabilities, of_run.probabilities)
    strict = replace(pipeline.checkpoint.config, speech_thresholds=(99.0, 99.0, 99.0))
    closed = EmotionPipeline(replace(pipeline.checkpoint, config=strict)).predict(GOLDEN_CLIP)
    assert (closed.label, closed.reason, closed.speech_share) == (None, NO_VOICE, 0)


def test_two_classes_of_sounds_are_too_few(bench):
    heard = bench.heard
    fewer = replace(
        heard, clips=[replace(c, group="rain") if c.group == "sea" else c for c in heard.clips]
    )
    with pytest.raises(ValueError, match="there must be three, and here are 2"):
        gate.Bench(fewer, bench.embedding)


def test_what_cannot_have_a_speech_head_is_said(run, tmp_path, capsys):
    assert main(["quantize", str(run), str(tmp_path / "graph")]) == 0
    assert main(["gate", str(tmp_path / "graph")]) == 1
    assert "fit the gate before the graph is made" in capsys.readouterr().err
    other = make_checkpoint(tmp_path / "other")
    assert main(["gate", str(other)]) == 1
    assert "no place for a speech head" in capsys.readouterr().err
    assert main(["gate", str(tmp_path / "nowhere")]) == 1
    assert "There is no run folder" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("thresholds", "has_head"),
    [((), True), ((0.1, 0.2, 0.3), False), ((0.1, 0.2), True), ((0.1, float("nan"), 0.3), True)],
)
def test_thresholds_that_do_not_fit_the_model_are_refused(thresholds, has_head):
    args = {"size": 64, "n_heads": 2, "layers": [1], **({"speech_head": True} if has_head else {})}
    with pytest.raises(ValueError, match="speech_thresholds"):
        CheckpointConfig(
            "whisper_statistics",
            args,
            FeatureConfig(kind="whisper", version=2),
            speech_thresholds=thresholds,
        )
