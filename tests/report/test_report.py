"""The figures of README.md and docs/results.md come from files, and are the ones in the files."""

import json

import numpy as np
import pytest

from ser.labels import LABELS
from train.corpora.splits import EMOBOX_FOLDS
from train.judge import evaluate, evidence, pictures
from train.judge.evaluate import Predictions, metrics_row
from train.recipes.load import load_recipe
from train.report import report, results_page, tables
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


def test_readme_and_results_page_are_up_to_date():
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
    text = " ".join(report._founding_lines(rows))
    assert "71.0 ± 1.0 % (report: 75.00 %)" in text
    assert "50.0 % UA: 20.1 points less" in text


def test_check_notices_and_write_mends(tmp_path):
    readme, page = tmp_path / "README.md", tmp_path / "results.md"
    parts = "<!-- results -->\nstale\n<!-- /results -->\n\n<!-- speed -->\n<!-- /speed -->\n"
    readme.write_text(parts)
    with pytest.raises(ValueError, match=r"README.md is out of date"):
        report.write(check=True, readme=readme, page=page)
    assert not page.exists()
    report.write(readme=readme, page=page)
    report.write(check=True, readme=readme, page=page)
    assert "stale" not in readme.read_text()
    page.write_text(page.read_text() + "typed by hand")
    with pytest.raises(ValueError, match=r"results.md is out of date"):
        report.write(check=True, readme=readme, page=page)
    readme.write_text("no marks")
    with pytest.raises(ValueError, match="results"):
        report.write(readme=readme, page=page)


# --- docs/results.md --------------------------------------------------------------------------


def answers(share_right: float, folds: range, seed: int) -> Predictions:
    """Two clips an emotion of four actors a fold; this share of them is right, at random."""
    rng = np.random.default_rng(seed)
    rows = [
        (fold, actor, label, take)
        for fold in folds
        for actor in EMOBOX_FOLDS[fold - 1][0]
        for label in range(8)
        for take in (1, 2)
    ]
    fold, actor, labels, take = (np.array(column) for column in zip(*rows, strict=True))
    right = rng.random(len(rows)) < share_right
    probabilities = 0.5 * np.eye(8)[np.where(right, labels, (labels + 1) % 8)] + 0.5 / 8
    return Predictions(
        np.array([f"03-01-{k + 1:02d}-01-01-{t:02d}-{a:02d}" for _, a, k, t in rows]),
        labels,
        probabilities,
        np.array([f"ravdess-{a:02d}" for a in actor]),
        np.where(actor % 2, "m", "f"),
        fold,
        np.zeros(len(rows), int),
    )


def write_recipe(results, name, share_right, folds=range(1, 7), **extra):
    """Evidence of a recipe that is right this often, on validation clips as on test clips."""
    extra = {"minutes": 6.0, "all_minutes": 9.0, "n_parameters": 1_000} | extra
    protocol = evidence.protocol_name("emobox-6fold", folds, 6)
    judged = {part: answers(share_right, folds, seed=len(name)) for part in evidence.PREDICTIONS}
    rows = [
        metrics_row(
            p,
            protocol,
            name,
            "recipe-crossval",
            part,
            ["ravdess"],
            "0",
            **evidence.folds_judged(folds, 6),
            **extra,
        )
        for part, p in judged.items()
    ]
    evidence.write(results / name / protocol, rows, judged)


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


def part(results, title):
    text = "\n".join(results_page.page_lines(results))
    return text.split(f"## {title}\n")[1].split("\n## ")[0]


def test_the_ladder_tells_gain_evidence_and_cost_of_each_step(results):
    founding, wider = part(results, "From the founding recipe to the best").splitlines()[8:10]
    for words in ("| Where it began |", "| – |", "| all 6 |", "| 10.0 | 900,123 |"):
        assert words in founding
    gain = evidence.compare(*(results / name / "emobox-6fold" for name in ("founding", "wider")))
    assert f"| {100 * gain.ua:+.1f} ({100 * gain.low:+.1f} to {100 * gain.high:+.1f}) |" in wider
    assert "| 20.0 | 1,000 |" in wider


def test_some_folds_stand_apart_beside_the_founding_recipe_on_the_same_folds(results):
    (line,) = part(results, "Measured on some folds only").splitlines()[3:]
    assert "| worse | Half as wide | 1, 2 of 6 |" in line
    gain = evidence.compare(
        results / "founding" / "emobox-6fold", results / "worse" / "emobox-6fold-folds-1-2"
    )
    assert gain.folds == (1, 2)
    assert f"{100 * gain.ua:+.1f} (" in line
    opened = part(results, "From the founding recipe to the best")
    assert "(3): founding, wider, worse (some folds)." in opened


def test_a_step_of_some_folds_says_so_and_is_never_the_best(results):
    path = results / "ladder.toml"
    narrower = '\n[[step]]\nrecipe = "worse"\nwhat = "Narrower"\n'
    founding, wider = path.read_text().split("[[step]]")[1:]
    path.write_text(f"[[step]]{founding}{narrower}[[step]]{wider}")
    assert "**2 of 6**" in part(results, "From the founding recipe to the best")
    path.write_text(f"[[step]]{founding}{narrower}")
    with pytest.raises(ValueError, match="worse, was not measured on emobox-6fold"):
        load_ladder(results)


def test_an_alternative_stands_beside_the_best(results):
    assert "## Tried in place of wider" not in results_page.page_lines(results)
    write_recipe(results, "twice", 0.6)
    with (results / "ladder.toml").open("a") as file:
        file.write('\n[[alternative]]\nrecipe = "twice"\nwhat = "Two of them"\n')
    assert load_ladder(results).best.recipe == "wider"
    header, _, line = part(results, "Tried in place of wider").splitlines()[1:]
    assert "gain over wider, points" in header
    gain = evidence.compare(*(results / name / "emobox-6fold" for name in ("wider", "twice")))
    assert "| Two of them |" in line and f"| {100 * gain.ua:+.1f} (" in line


def test_whole_figures_beside_the_ladder_are_told_with_what_the_recipe_is(results):
    assert "## Single models on all folds" not in results_page.page_lines(results)
    write_recipe(results, "bilstm", 0.6, minutes=12.0)
    line = part(results, "Single models on all folds").splitlines()[-1]
    assert line.startswith(f"| bilstm | {load_recipe('bilstm').description} |")
    assert line.endswith("| 1 | 2.0 |")


def test_other_looks_at_the_test_folds_are_told(results):
    path = results / "ladder.toml"
    assert "Opened besides" not in "".join(results_page.page_lines(results))
    path.write_text('opened = ["fold 1 in passing", "fold 2"]\n' + path.read_text())
    assert "Opened besides: fold 1 in passing; fold 2." in part(
        results, "From the founding recipe to the best"
    )


def test_the_hours_of_the_best_are_told(results):
    write_recipe(results, "wider", 0.7, minutes=120.0, all_minutes=150.0)
    assert "trains for 2.5 hours" in part(results, "From the founding recipe to the best")


def test_the_means_of_each_fold_are_told(results):
    rows = evidence.read_rows(results / "wider" / "emobox-6fold")
    first = rows[1]["per_fold"][0]
    told = " | ".join(f"{100 * first[name]:.1f}" for name in ("ua", "wa", "macro_f1"))
    line = part(results, "By fold").splitlines()[3]
    assert line.startswith("| 1 |") and line.endswith(f"| {told} |")


def test_a_step_without_figures_is_a_sentence(results):
    (results / "ladder.toml").write_text('[[step]]\nrecipe = "none"\nwhat = ""\n')
    with pytest.raises(ValueError, match="names none"):
        load_ladder(results)


def test_founding_and_best_stand_side_by_side_in_detail(results):
    for title in ("By emotion", "By sex", "By actor", "When unsure answers are withheld"):
        assert "| founding | wider |" in part(results, title), title
    assert part(results, "By emotion").count("\n") == 11
    assert "../results/wider/emobox-6fold/reliability.png" in part(results, "Calibration")


def test_whether_the_best_is_more_brittle_is_said(results):
    def write(name, change):
        actors = {f"ravdess-{k:02d}": change + 0.001 * k for k in range(1, 25)}
        row = {
            **{
                "protocol": "emobox-6fold",
                "recipe": name,
                "part": "test",
                "n_clips": 384,
                "seeds": [0],
            },
            **{"condition": "telephone", "unchanged": 0.8, "ua_before": 0.5},
            **{"ua_change": change, "ua_change_ci95": [change, change]},
            "per_speaker": {"unchanged": dict.fromkeys(actors, 0.8), "ua_change": actors},
        }
        path = results / name / "emobox-6fold" / "robustness.json"
        path.write_text(json.dumps([row]))

    write("wider", -0.2)
    assert "telephone" in part(results, "Other sound")
    assert "more brittle" not in part(results, "Other sound")
    write("founding", -0.1)
    told = part(results, "Other sound")
    assert "below zero: telephone.\n" in told
    assert told.endswith("| telephone | +0.0 (+0.0 to +0.0) | -10.0 (-10.0 to -10.0) |")
    write("founding", -0.3)
    assert "below zero: under none of these." in part(results, "Other sound")


def test_all_weights_on_other_corpora_are_told_those_of_the_best_first(results):
    assert "## Other corpora" not in results_page.page_lines(results)
    for name in ("another", "wider"):
        told = ("cross-corpus", name, "these-weights", "test", ["ravdess"], "0")
        more = {"tested_on": "emodb", "classes": list(LABELS)}
        more |= {"ua_restricted": 0.5, "ua_restricted_ci95": [0.4, 0.6]}
        row = metrics_row(answers(0.5, [1], seed=1), *told, **more)
        path = results / name / "cross-corpus" / "metrics.json"
        path.parent.mkdir(parents=True)
        evaluate.write_rows(path, [row])
    wider, another = part(results, "Other corpora").splitlines()[7:9]
    assert wider.startswith("| wider |") and another.startswith("| another |")


def test_one_method_at_a_time_is_judged_on_validation_actors(results):
    for name, share in {"plain": 0.5, "with_mixup": 0.8}.items():
        judged = {"validation": answers(share, range(1, 3), seed=7)}
        protocol = evidence.protocol_name(evidence.screening("emobox-6fold"), range(1, 3), 6)
        told = (protocol, name, "recipe-crossval", "validation", ["ravdess"], "0")
        row = metrics_row(judged["validation"], *told, **evidence.folds_judged([1, 2], 6))
        evidence.write(results / name / protocol, [row], judged)
    title = "One training method at a time"
    assert f"## {title}" not in results_page.page_lines(results)
    (results / "ablations.toml").write_text(
        'base = "plain"\n[changed]\nwith_mixup = "mixup, alpha 0.4"\n'
    )
    base, mixup = part(results, title).splitlines()[-2:]
    assert base.startswith("| plain |  | 1, 2 |") and base.endswith("| – |")
    assert mixup.startswith("| with_mixup | mixup, alpha 0.4 | 1, 2 |")
    gain = float(mixup.split("|")[-2].split()[0])
    assert 20 < gain < 40
    assert "plain" not in part(results, "From the founding recipe to the best")
    with (results / "ablations.toml").open("a") as file:
        file.write('none = "nothing"\n')
    with pytest.raises(ValueError, match="no screening"):
        results_page.page_lines(results)
