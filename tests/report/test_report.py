"""The figures of README.md and docs/ come from files, and are the ones in the files."""

import json
import shutil

import pytest

from tests.report.small_evidence import part, write_cross_corpus
from train.judge import evidence
from train.report import aims, performance, readme, report, tables
from train.report.ladder import load_ladder

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
    "ece_floor95": 0.045,
    "nll": 1.234,
    "per_fold": [{"wa": 0.70}, {"wa": 0.71}, {"wa": 0.72}],
}


def test_all_pages_are_up_to_date():
    report.write(check=True)


def test_a_row_says_its_protocol_and_that_speakers_are_on_both_sides():
    def line(row):
        return tables.figure_lines([row])[-1]

    assert "random-70-15-15 (*speaker-dependent*)" in line(ROW)
    assert "70.1 ± 1.2 (66.0 to 74.0)" in line(ROW) and "71.2" in line(ROW)
    assert "| 0.051 (0.045) |" in line(ROW)
    apart = line({**ROW, "protocol": "emobox-6fold", "ua_std_seeds": None})
    assert "±" not in apart and "dependent" not in apart


def test_the_gap_between_the_protocols_is_named():
    rows = [ROW, {**ROW, "part": "validation"}, {**ROW, "protocol": "emobox-6fold", "ua": 0.5}]
    text = " ".join(aims.first_report_lines(rows))
    assert "71.0 ± 1.0 % (report: 75.00 %)" in text
    assert "UA of 50.0 %, which is 20.1 points less" in text
    assert aims.first_report_lines([rows[-1]]) == []


def test_check_notices_and_write_mends(tmp_path):
    (tmp_path / "docs").mkdir()
    readme, page, clock = (
        tmp_path / name for name in ("README.md", "docs/results.md", "docs/performance.md")
    )
    readme.write_text("before\n<!-- results -->\nstale\n<!-- /results -->\nafter\n")
    clock.write_text("<!-- performance -->\n<!-- /performance -->\n")
    with pytest.raises(ValueError, match=r"README.md is out of date"):
        report.write(check=True, root=tmp_path)
    assert not page.exists()
    report.write(root=tmp_path)
    report.write(check=True, root=tmp_path)
    text = readme.read_text()
    assert text.startswith("before\n") and text.endswith("after\n") and "stale" not in text
    for path in (page, clock):
        path.write_text(path.read_text().replace("| best |", "| bent |").replace("Measured", "M"))
        with pytest.raises(ValueError, match=rf"{path.name} is out of date"):
            report.write(check=True, root=tmp_path)
        report.write(root=tmp_path)
    readme.write_text("no marks")
    with pytest.raises(ValueError, match="results"):
        report.write(root=tmp_path)


def test_speed_is_what_the_benchmarks_wrote(tmp_path):
    for name in ("results", "hub", "pretrained", "recordings", "live", "page", "peers"):
        values = json.loads((report.ROOT / "benchmarks" / f"{name}.json").read_text())
        if name == "results":
            values["prediction_ms"]["total"] = {"median": 12.34, "p95": 56.78}
            values["start"]["peak_memory_mb"] = 321
            total = {"median": 47.91, "p95": 50.0}
            values["best"] = {"prediction_ms": {"total": total}, "times_faster": [3.14, 2.9, 3.3]}
        if name == "recordings":
            values["hour"]["s"], values["before"]["hour_in_parts_s"] = 20.0, 50.0
        if name == "live":
            values["speakers"]["4"]["all"] = {"median": 77.2, "p95": 88.1}
        if name == "page":
            values["slow_line_answer_s"] = 9.87
        (tmp_path / f"{name}.json").write_text(json.dumps(values))
    text = "\n".join(performance.performance_lines(tmp_path))
    assert "| total | 12.3 | 56.8 |" in text and "321 MB" in text
    assert "| the recording, s | 20.0 | 50.0 (ten minutes at a time) | 2.5 |" in text
    assert "| 4 | 77 | 88 |" in text and "| 9.87 |" in text
    assert "takes 47.9 ms" in text and "3.1 times as fast" in text


def test_many_hours_stand_there_once_they_were_measured(tmp_path):
    for name in ("results", "hub", "pretrained", "recordings", "live", "page", "peers"):
        shutil.copy(report.ROOT / "benchmarks" / f"{name}.json", tmp_path)
    assert "## Many hours" not in performance.performance_lines(tmp_path)
    run = {"s": [20.0, 21.5, 30.0], "hours_a_minute": 3.25, "peak_mb": 700}
    alone = {"s": [4.0, 5.0, 6.0], "peak_mb": 321}
    told = {"files": 1440, "hours": 1.48, "rounds": 3, "machine": "X", "versions": {"ray": "2"}}
    told |= {"bulk": {"1": run, "2": {**run, "hours_a_minute": 5.2}}, "folder": {"1": run}}
    (tmp_path / "bulk.json").write_text(json.dumps(told | {"ray": {"2": alone}}))
    text = "\n".join(performance.performance_lines(tmp_path))
    assert "| `bulk`, 1 worker | 21.5 | 20.0 | 30.0 | 3.25 | 700 |" in text
    assert "| Ray alone, 2 workers | 5.0 | 4.0 | 6.0 |  | 321 |" in text
    assert "hear 1.6 times as much" in text


def test_the_front_page_shows_founding_and_best_each_with_its_protocol(results):
    founding, best = readme.front_lines(results)[2:]
    assert founding.startswith("| `founding` | `emobox-6fold` | RAVDESS speech | 384 | 24 | ")
    (test,) = (
        row
        for row in evidence.read_rows(results / "wider" / "emobox-6fold")
        if row["part"] == "test"
    )
    assert best == f"| `wider` | `emobox-6fold` | RAVDESS speech | 384 | 24 | {tables.ua(test)} |"


def test_the_front_page_shows_both_on_what_the_best_never_heard(results):
    write_cross_corpus(results, "founding", ["emodb", "tess"])
    write_cross_corpus(results, "wider", ["tess"])
    lines = readme.front_lines(results)[4:]
    assert [line.split(" | ")[:3] for line in lines] == [
        [f"| `{name}`", "`cross-corpus`", "TESS"] for name in ("founding", "wider")
    ]


def test_aims_stand_beside_what_was_reached(results):
    told = part(results, "Beside the aims and the first report")
    (row,) = (r for r in load_ladder(results).best.rows.values() if r["part"] == "test")
    assert f"Reached: {100 * row['ua']:.1f} % on `emobox-6fold` by `wider` (1 seed)." in told


def test_a_figure_that_is_not_from_scratch_says_so():
    assert "openai/whisper-base" in aims._start("whisper_base_corpora")
    assert aims._start("best") == aims._start("a file somewhere") == ""
