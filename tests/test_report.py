"""README's figures come from files, and are the ones in the files."""

import pytest

from train import report

ROW = {
    "protocol": "random-70-15-15",
    "recipe": "founding",
    "scope": "recipe-crossval",
    "part": "test",
    "n_clips": 600,
    "seeds": [0, 1, 2],
    "ua": 0.7012,
    "wa": 0.7123,
    "macro_f1": 0.69,
    "ci95": [0.66, 0.74],
    "ua_std_seeds": 0.0123,
    "ece": 0.051,
    "nll": 1.234,
    "per_fold": [{"wa": 0.70}, {"wa": 0.71}, {"wa": 0.72}],
}


def test_readme_is_up_to_date():
    report.write(check=True)


def test_a_row_says_its_protocol_and_that_speakers_are_on_both_sides():
    line = report._table_line(ROW)
    assert "random-70-15-15 (*speaker-dependent*)" in line
    assert "70.1 ± 1.2 (66.0 to 74.0)" in line and "71.2" in line
    embedded = {**ROW, "scope": "these-weights", "protocol": "ship-20-4", "ua_std_seeds": None}
    line = report._table_line(embedded)
    assert "the embedded weights" in line and "±" not in line and "dependent" not in line


def test_the_gap_between_the_protocols_is_named():
    rows = [ROW, {**ROW, "part": "validation"}, {**ROW, "protocol": "emobox-6fold", "ua": 0.5}]
    text = " ".join(report._founding_lines(rows))
    assert "71.0 ± 1.0 % (report: 75.00 %)" in text
    assert "50.0 % UA: 20.1 points less" in text


def test_check_notices_and_write_mends(tmp_path):
    readme = tmp_path / "README.md"
    parts = "<!-- results -->\nstale\n<!-- /results -->\n\n<!-- speed -->\n<!-- /speed -->\n"
    readme.write_text(parts)
    with pytest.raises(ValueError, match="out of date"):
        report.write(check=True, readme=readme)
    report.write(readme=readme)
    report.write(check=True, readme=readme)
    assert "stale" not in readme.read_text()
    readme.write_text("no marks")
    with pytest.raises(ValueError, match="results"):
        report.write(readme=readme)
