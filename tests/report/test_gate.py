"""The tables of the gate: every figure of the file, and what was not measured."""

import json

import pytest

from train.report.gate import NOT_MEASURED, gate_lines


def share(value, n_clips=10):
    return {"share": value, "n_clips": n_clips}


@pytest.fixture
def results(tmp_path):
    """Figures of one recipe."""
    kept = {
        condition: {
            "all": share(0.5 + n / 100, 1200),
            "detector_alone": share(0.25),
            "by_corpus": {"tess": share(0.125)},
            "by_emotion": {"angry": share(0.75)},
        }
        for n, condition in enumerate(("clean", "0 dB SNR"))
    }
    kept["0 dB SNR"]["by_background"] = {"baby_cry": share(0.375)}
    row = {
        "recipe": "small",
        "kept": kept,
        "refused": {
            "all": share(0.875),
            "detector_alone": share(0.0625),
            "by_class": {"rain": share(0.9), "sea_waves": share(None, 0)},
        },
        "sung": {
            "song": share(0.6),
            "speech": share(0.01),
            "by_corpus": {"tess": share(0.02), "emodb": share(0.03)},
        },
    }
    (tmp_path / "gate").mkdir()
    (tmp_path / "gate" / "small.json").write_text(json.dumps([row]))
    return tmp_path


def test_every_figure_is_in_the_tables(results):
    lines = gate_lines(results)
    for line in (
        "| all | 50.0 (1,200) | 51.0 (1,200) |",
        "| the detector alone | 25.0 (10) | 25.0 (10) |",
        "| corpus tess | 12.5 (10) | 12.5 (10) |",
        "| emotion angry | 75.0 (10) | 75.0 (10) |",
        "| noise of the class baby cry | – | 37.5 (10) |",
        "| all | 87.5 (10) |",
        "| rain | 90.0 (10) |",
        "| sea waves | – |",
        *(f"| {name} | not measured |" for name in NOT_MEASURED),
    ):
        assert line in lines
    assert "Called singing: 60.0 (10) % of song, 1.0 (10) % of speech." in lines
    assert "Of speech by corpus: tess 2.0 (10) %, emodb 3.0 (10) %." in lines


def test_nothing_measured_is_no_table(tmp_path):
    assert gate_lines(tmp_path) == []
