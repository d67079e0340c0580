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
from train.report.aims import aims_lines
from train.report.gate import gate_lines
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
from train.report.left_out import is_left_out, left_out_part
from train.report.lengths import length_lines
from train.report.other_corpora import cross_corpus_part
from train.report.other_sound import robustness_lines
from train.report.recording_faults import fault_lines
from train.report.stress import stress_lines
from train.report.subsets import subset_lines

HEAD = """# Results

For readers who want to know how good the answers are, and how that was measured.

`python -m train report` makes this page from the files in `results/`; no measured figure is typed
by hand. What was tried and did not help is in [experiments.md](experiments.md).

RAVDESS speech was read from 16 kHz FLAC copies of the official files, the other corpora from Opus
copies. With the official files a probability moved by up to 0.014.

## Words

- *UA*, unweighted average recall: the share of each emotion's clips that was recognised, averaged
  over the emotions. Guessing among eight gives 12.5 %.
- *WA*: the accuracy, the share of all clips that was recognised.
- *Macro-F1*: the F1 score of each emotion, averaged.
- *ECE*, expected calibration error: how far confidence and accuracy lie apart, on average.
- *NLL*, negative log-likelihood, and *Brier score*: both also punish confidence in a wrong answer.
- *Interval*: 95 %, bootstrapped over speakers. `±` is the standard deviation over seeds.
- *Seed*: the start of the random numbers of a training.
- *Recipe*: a file in `train/recipes/` that says how a model is trained.
- *Descriptor*: a figure of each 10 ms of sound, such as pitch, voicing, voice quality or spectral
  shape.
- *Encoder*: a convolutional network that learned from other corpora and then stands still.
- *Ridge*: a linear classifier that is fitted in one step.
- *Student*: a network that learns what other models answer (its teacher), beside the labels.
- *Rehearsal*: a fit without the validation actors, to choose epochs and temperature on them. Then
  the recipe is *refitted* with those actors.
- *Copy*: a clip, changed as rooms, backgrounds, microphones and telephones change sound.

## What the protocols mean

- `emobox-6fold` is the primary one: RAVDESS speech, eight emotions, six folds (EmoBox,
  arXiv:2406.07162). In each fold four actors test the model, which never heard them. Four others
  validate: on them epochs and temperature are chosen, and what is tried on the test actors at all.
  This page tells what was kept then, and every other look at test actors.
- `luna-5fold`: RAVDESS speech in five folds of four or five test actors and two who validate
  (Luna-Jiménez et al., Sensors 21(22):7665). One recipe that learned RAVDESS speech alone was
  measured on it, to stand beside what others published there.
- `random-70-15-15`: clips are drawn at random, so every actor is on both sides. That is
  *speaker-dependent*: compare it with the project's first report only. With new voices the same
  recipes recognise less.
- `ship-24`: all actors train, for as many epochs as the folds of `emobox-6fold` chose. That gives
  the embedded default. No actor is left to test it, so its recipe's `emobox-6fold` says what to
  expect.
- `ship-20-4`: twenty actors train and four say when to stop. That gives the founding weights. For
  them, too, `emobox-6fold` says what to expect.
- `leave-one-corpus-out` is the other primary one, about people who are not RAVDESS: of RAVDESS,
  CREMA-D, TESS, EmoDB and EMOVO each is judged whole by weights that heard only the others.
  Whatever is chosen for a corpus is chosen by leaving one out among the other four. The shipped
  weights learn all but TESS, whose licence allows no derived works; they have no figure of their
  own.
- `cross-corpus`: all clips of a corpus that the weights never heard: other people, sentences and
  rooms, often another language. That is nearest to what a visitor sends.
- A name that ends in `-folds-1-2` is about these folds alone, and is never the protocol's figure.
"""


def page_lines(results: Path) -> list[str]:
    """Every line of docs/results.md."""
    ladder = load_ladder(results)
    recipes = ladder.chosen
    rows = {name: _test_row(evidence_folder(name, results) / PRIMARY) for name in recipes}
    parts: list[tuple[str, list[str]]] = [
        ("Beside the aims and the first report", aims_lines(results)),
        ("From the founding recipe to the best", _ladder_part(results, ladder)),
        (f"Tried in place of {ladder.best.recipe}", alternative_lines(ladder)),
        ("Single models on all folds", single_lines(results, ladder)),
        ("Measured on some folds only", partial_lines(results, ladder)),
        ("One training method at a time", ablation_lines(results)),
        ("People who are not RAVDESS", left_out_part(results, recipes)),
        ("Among some emotions", subset_lines(results, recipes)),
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
        ("Faults of recordings", fault_lines(results, recipes)),
        ("Under stress", stress_lines(results, recipes)),
        ("By length of speech", length_lines(results, recipes)),
        ("Other corpora", cross_corpus_part(results, recipes)),
        ("Is anybody speaking?", gate_lines(results)),
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
        f"On `{PRIMARY}`. A gain is paired: both recipes are judged on the same actors, so that a",
        "voice that is hard for both does not count. Minutes are those of all epochs, divided by",
        "the number of trainings. They include the fit that a recipe starts from, if that fit was",
        "timed; they include no teachers, rehearsals and features.",
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
        f"All trainings that {best.recipe} needs on all folds and seeds, with pre-training,",
        f"teachers and rehearsals, take {minutes / 60:.1f} hours of one core. Features and copies",
        "come on top.",
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
        if row["protocol"] not in (PRIMARY, CROSS_CORPUS) and not is_left_out(row)
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
        "The temperature, which sharpens or softens the probabilities, comes from validation",
        "predictions alone. ECE has 15 bins. It is pooled over the folds of a seed, then averaged",
        "over the seeds. Even a perfectly calibrated model has some ECE by chance: 95 % of such",
        "models, with the same confidences, stay under the figure beside it.",
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
