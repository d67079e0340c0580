"""Ordinary faults of recordings, and the command that counts the answers that stay."""

import json

import numpy as np
import pytest

from ser.sound.audio import SAMPLE_RATE
from tests import bounds
from tests.small_runs import make_checkpoint
from train.__main__ import main
from train.clips.faults import FAULTS, PAUSE_S, VOICE_PEAK_DB, at_usual_level, tone
from train.judge import faults
from train.judge.faults import FAULTS_NAME
from train.judge.unheard import unheard


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_leaves_the_voice_in_it(name, speech):
    voice = at_usual_level(speech)
    whole = FAULTS[name](voice, np.random.default_rng(0))
    assert whole.dtype == np.float32 and len(whole) >= len(voice)
    assert np.abs(whole).max() <= 1.0
    spectrum = np.fft.rfft(whole) * np.fft.rfft(voice, len(whole)).conj()
    place = int(np.fft.irfft(spectrum, len(whole)).argmax())  # where they agree best
    part = whole[place : place + len(voice)]
    assert np.corrcoef(part, voice)[0, 1] > 0.3


def test_levels_and_lengths_are_those_of_their_names(speech):
    of_peak = bounds.rounding(3)  # a quotient, and what is multiplied by it
    level_db = 20 * np.log10(np.abs(at_usual_level(speech)).max())
    error = bounds.decibels(2 * of_peak, VOICE_PEAK_DB)
    assert level_db == pytest.approx(VOICE_PEAK_DB, abs=error)
    paused = FAULTS["30 s of pause, pink noise at -46 dBFS"](speech, np.random.default_rng(0))
    assert len(paused) == len(speech) + PAUSE_S * SAMPLE_RATE
    after = np.abs(paused[len(speech) :]).max()
    assert after <= 10 ** (-46 / 20) * (1 + of_peak)
    assert len(tone(100, 0.06, 0.9)) == 960


def test_the_command_counts_answers_that_stay(made, run, monkeypatch, capsys):
    monkeypatch.setattr("train.judge.faults.N_CLIPS", 3)
    assert main(["faults", str(run), "--results", str(made / "results")]) == 0
    assert "of 3 answers stay" in capsys.readouterr().out
    path = made / "results" / "whole" / "emobox-6fold-folds-1" / FAULTS_NAME
    rows = json.loads(path.read_text())
    assert [row["fault"] for row in rows] == list(FAULTS)
    assert all(0 <= row["kept"] <= row["n_clips"] == 3 for row in rows)
    assert {row["corpus"] for row in rows} == {"ravdess"}


def test_each_fold_of_a_crossval_judges_its_own_actors(made, monkeypatch):
    """Pooled, an answer of a fold is what its run alone gives."""
    monkeypatch.setattr("train.judge.faults.N_CLIPS", 2)
    monkeypatch.setattr("train.judge.faults.FAULTS", dict(list(FAULTS.items())[3:6]))
    monkeypatch.setattr("train.judge.faults._unheard_too", lambda run: [])
    base, results = made / "runs" / "partial" / "emobox-6fold", made / "results"
    pooled = {row["fault"]: row for row in faults.faults(base, results)}
    assert (results / "partial" / "emobox-6fold-folds-1-2" / FAULTS_NAME).exists()
    alone = dict.fromkeys(pooled, 0)
    chosen = unheard(base).balanced(2)
    assert sum(len(session.clips) for session in chosen.sessions) == 2
    for session in chosen.sessions:
        for row in faults._rows("ravdess", [session]):
            alone[row["fault"]] += row["kept"]
            assert row["folds"] == [session.fold]
    assert alone == {fault: row["kept"] for fault, row in pooled.items()}
    assert {tuple(row["folds"]) for row in pooled.values()} == {
        tuple(session.fold for session in chosen.sessions)
    }


def test_rows_of_a_corpus_that_is_not_here_are_kept(made, run, monkeypatch, capsys):
    monkeypatch.setattr("train.judge.faults.N_CLIPS", 1)
    results = made / "results"
    assert main(["faults", str(run), "--results", str(results)]) == 0
    path = results / "whole" / "emobox-6fold-folds-1" / FAULTS_NAME
    elsewhere = [row | {"corpus": "tess"} for row in json.loads(path.read_text())]
    path.write_text(json.dumps(elsewhere))
    assert main(["faults", str(run), "--results", str(results)]) == 0
    assert "TESS is not here" in capsys.readouterr().err
    assert {row["corpus"] for row in json.loads(path.read_text())} == {"ravdess", "tess"}


def test_a_checkpoint_that_does_not_tell_how_it_was_fitted_is_a_sentence(tmp_path, capsys):
    run = make_checkpoint(tmp_path / "run")
    assert main(["faults", str(run), "--results", str(tmp_path)]) == 1
    assert "does not tell its corpora" in capsys.readouterr().err
