"""docs/results.md tells what the evidence holds."""

import json

import pytest

from tests.report.small_evidence import answers, part, write_cross_corpus, write_recipe
from train.judge import evidence
from train.judge.evaluate import metrics_row
from train.recipes.load import load_recipe
from train.report import results_page
from train.report.ladder import load_ladder


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
    assert "take 2.5 hours" in part(results, "From the founding recipe to the best")


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
    assert "more brittle one: telephone.\n" in told
    assert told.endswith("| telephone | +0.0 (+0.0 to +0.0) | -10.0 (-10.0 to -10.0) |")
    write("founding", -0.3)
    assert "more brittle one: under none of these." in part(results, "Other sound")


def test_all_weights_on_other_corpora_are_told_those_of_the_best_first(results):
    assert "## Other corpora" not in results_page.page_lines(results)
    for name in ("another", "wider"):
        write_cross_corpus(results, name, ["emodb"])
    rows = [line for line in part(results, "Other corpora").splitlines() if "| RAVDESS" in line]
    assert [row.split(" | ")[0] for row in rows] == ["| wider", "| another"]


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
