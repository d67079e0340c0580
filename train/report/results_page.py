"""docs/results.md: every figure that is committed, with what it may be compared with."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ser.labels import LABELS
from train.corpora.splits import PRIMARY
from train.judge import evidence
from train.judge.cross_corpus import CROSS_CORPUS
from train.places import evidence_folder, evidence_folders
from train.report import tables
from train.report.ablations import ablation_lines
from train.report.ladder import (
    Ladder,
    Step,
    alternative_lines,
    ladder_lines,
    load_ladder,
    opened_lines,
    partial_lines,
    single_lines,
)
from train.report.other_corpora import cross_corpus_part
from train.report.other_sound import robustness_lines

HEAD = """# Results

Made from the files in `results/` by `python -m train report`; no measured figure is typed by hand.
UA is the unweighted average recall, the mean over the emotions of the share recognised (chance is
12.5 % where there are eight); WA is the accuracy; macro-F1 is the mean of the emotions' F1. ECE
(expected calibration error) is how far confidence and accuracy lie apart, on average; NLL
(negative log-likelihood) and the Brier score also punish confidence in a wrong answer. Intervals
are 95 %, bootstrapped over speakers; `±` is the standard deviation over seeds. What was tried and
did not help is in [experiments.md](experiments.md).

RAVDESS speech was read from 16 kHz FLAC copies of the official files, the other corpora from Opus
copies. From the official files a probability moved by up to 0.014.

## Words

- A *descriptor* is a figure of each 10 ms of sound: pitch, voicing, voice quality, spectral shape.
- An *encoder* is a convolutional network that learned from other corpora and then stands still.
- A *ridge* classifier is linear and fitted in one step.
- A *student* is a network that learns, beside the labels, what other models (its teacher) answer.
- A *rehearsal* fits without the validation actors and chooses epochs and temperature on them; then
  the recipe is *refitted* with those actors.
- A *copy* of a clip was changed as rooms, backgrounds, microphones and telephones change sound.

## What the protocols mean

- `emobox-6fold`, the primary one: RAVDESS speech, eight emotions, six folds of four test actors
  whom the model has never heard (EmoBox, arXiv:2406.07162). Four other actors of each fold
  validate: epochs and temperature are chosen on them, and whatever was to be tried on the test
  actors. What was then kept, and every other look at test actors, is told below.
- `luna-5fold`: five folds of four or five test actors and two who validate (Luna-Jiménez et al.,
  Sensors 21(22):7665). One recipe, which learned RAVDESS speech alone, was measured on it, to stand
  beside what others published there (62.3 % from scratch).
- `random-70-15-15`: clips drawn at random, so every actor is on both sides: *speaker-dependent*,
  comparable only to the report that this project started from (75.00 % test accuracy on one such
  draw), and 7 to 18 points above what the same recipes reach with new voices.
- `ship-24`: all actors train, for as many epochs as the folds of `emobox-6fold` chose: the embedded
  default. None is left to test it, so what to expect of it is its recipe's `emobox-6fold`.
- `ship-20-4`: twenty actors train and four say when to stop: the founding weights. For them, too,
  `emobox-6fold` says what to expect.
- `cross-corpus`: all clips of a corpus that the weights never heard: other people, sentences,
  rooms, often another language. That is nearest to what a visitor sends.
- A name that ends in `-folds-1-2` is about these folds alone, and is never the protocol's figure.
"""


def page_lines(results: Path) -> list[str]:
    """Every line of docs/results.md."""
    ladder = load_ladder(results)
    recipes = ladder.chosen
    rows = {name: _test_row(evidence_folder(name, results) / PRIMARY) for name in recipes}
    parts: list[tuple[str, list[str]]] = [
        ("From the founding recipe to the best", _ladder_part(results, ladder)),
        (f"Tried in place of {ladder.best.recipe}", alternative_lines(ladder)),
        ("Single models on all folds", single_lines(results, ladder)),
        ("Measured on some folds only", partial_lines(results, ladder)),
        ("One training method at a time", ablation_lines(results)),
        ("Figures", tables.figure_lines(list(rows.values()))),
        ("By fold", _fold_lines(rows)),
        ("Other protocols", _other_lines(results)),
        ("By emotion", _side_by_side(rows, "per_class", "emotion, recall in %", LABELS)),
        ("By sex", _side_by_side(rows, "per_sex", "sex, UA in %")),
        ("By actor", _side_by_side(rows, "per_speaker", "actor, UA in %")),
        ("Most frequent mistakes", _pair_lines(rows)),
        ("Calibration", _calibration_lines(rows)),
        ("When unsure answers are withheld", _coverage_lines(rows)),
        ("Other sound", robustness_lines(results, recipes)),
        ("Other corpora", cross_corpus_part(results, recipes)),
    ]
    lines = HEAD.splitlines()
    for title, part in parts:
        if part:
            lines += ["", f"## {title}", "", *part]
    return lines


def _test_row(folder: Path) -> dict:
    (row,) = (row for row in evidence.read_rows(folder) if row["part"] == "test")
    return row


def _ladder_part(results: Path, ladder: Ladder) -> list[str]:
    return [
        f"On `{PRIMARY}`. A gain is paired: both recipes on the same actors, drawn together, so a",
        "voice that is hard for both cancels. Minutes are the epochs of all folds and seeds, and",
        "of what the recipe starts from where its fit recorded that, divided by their number;",
        "teachers, rehearsals and features are not in them.",
        "",
        *ladder_lines(ladder),
        "",
        *_cost_lines(ladder.best),
        *opened_lines(results, ladder),
    ]


def _cost_lines(best: Step) -> list[str]:
    """What reproducing the best recipe's figures takes."""
    minutes = best.rows["test"]["all_minutes"]
    return [
        f"All that {best.recipe} needs on all folds and seeds, with pre-training, teachers and the",
        f"rehearsals on validation actors, trains for {minutes / 60:.1f} hours of one core;",
        "features and copies are not in them.",
        "",
    ]


def _fold_lines(rows: dict[str, dict]) -> list[str]:
    """Figures of each fold, means over the seeds."""
    names = {"ua": "UA", "wa": "WA", "macro_f1": "macro-F1"}
    folds = sorted({one["fold"] for row in rows.values() for one in row["per_fold"]})

    def mean(row: dict, fold: int, name: str) -> str:
        return tables.percent(np.mean([f[name] for f in row["per_fold"] if f["fold"] == fold]))

    return tables.markdown(
        ["fold", *(f"{recipe}: {words}, %" for recipe in rows for words in names.values())],
        [[f, *(mean(row, f, name) for row in rows.values() for name in names)] for f in folds],
    )


def _other_lines(results: Path) -> list[str]:
    """Whole protocols beside the primary one."""
    rows = [
        row
        for recipe in evidence_folders(results)
        for row in evidence.whole_rows(recipe)
        if row["protocol"] not in (PRIMARY, CROSS_CORPUS)
    ]
    return tables.figure_lines(rows) if rows else []


def _side_by_side(
    rows: dict[str, dict], key: str, title: str, order: Sequence[str] | None = None
) -> list[str]:
    names = order or list(next(iter(rows.values()))[key])
    return tables.markdown(
        [title, *rows],
        [[name, *(tables.percent(row[key][name]) for row in rows.values())] for name in names],
    )


def _pair_lines(rows: dict[str, dict]) -> list[str]:
    return tables.markdown(
        ["recipe", "intended", "answer", "share of the intended, %"],
        [
            [name, pair["intended"], pair["answer"], tables.percent(pair["share"])]
            for name, row in rows.items()
            for pair in row["confusion_pairs"]
        ],
    )


def _calibration_lines(rows: dict[str, dict]) -> list[str]:
    pictures = [
        f"![{what} of {name}](../results/{name}/{PRIMARY}/{file})"
        for name in rows
        for what, file in (("Calibration", "reliability.png"), ("Coverage", "coverage.png"))
    ]
    return [
        "The temperature comes from validation predictions alone. ECE has 15 bins and is pooled",
        "over the folds of a seed, then averaged over the seeds; 95 % of perfectly calibrated",
        "models with the same confidences stay under the figure beside it.",
        "",
        *tables.markdown(
            ["recipe", "ECE", "95 % of perfect models: under", "NLL", "Brier score"],
            [
                [
                    name,
                    f"{row['ece']:.3f}",
                    f"{row['ece_floor95']:.3f}",
                    f"{row['nll']:.3f}",
                    f"{row['brier']:.3f}",
                ]
                for name, row in rows.items()
            ],
        ),
        "",
        *pictures,
    ]


def _coverage_lines(rows: dict[str, dict]) -> list[str]:
    shares = list(next(iter(rows.values()))["coverage"])
    cells = [
        [
            f"{100 * float(share):.0f}",
            *(tables.percent(r["coverage"][share]) for r in rows.values()),
        ]
        for share in shares
    ]
    cells.append(
        ["mean over all shares", *(tables.percent(r["coverage_area"]) for r in rows.values())]
    )
    return [
        "Accuracy, in percent, when only the surest answers are given.",
        "",
        *tables.markdown(["answers given, %", *rows], cells),
    ]
