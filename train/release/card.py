"""metrics.json and config.json -> the model card that stands on the Hub."""

from collections.abc import Sequence

from huggingface_hub import EvalResult, ModelCard, ModelCardData

from ser.checkpoints.checkpoint import Checkpoint, CheckpointConfig
from ser.labels import LABELS
from train.corpora import CORPORA
from train.corpora.heard import heard_before
from train.corpora.splits import LEAVE_ONE_CORPUS_OUT, MEASURED, SPEAKER_DEPENDENT
from train.judge.cross_corpus import CROSS_CORPUS
from train.release.licences import forbidding
from train.report import tables
from train.report.left_out import INTRODUCTION, is_left_out, left_out_lines
from train.report.other_corpora import cross_corpus_lines

LICENSE = "cc-by-nc-sa-4.0"  # RAVDESS is non-commercial and share-alike
LIMITS = {
    "at home": "Acted speech in North American English, two sentences, studio sound. Other\n"
    "languages, accents, spontaneous speech, children and real noisy rooms were not measured.",
    "elsewhere": "Acted speech, studio sound; how far it carries to other sentences and languages\n"
    "stands above. Spontaneous speech, children and real noisy rooms were not measured.",
}
PICTURES = {  # of a run folder, where they are drawn
    "confusion_matrix.png": "Confusions",
    "reliability.png": "Calibration",
    "coverage.png": "Coverage",
    "training_history.png": "Training",
}
FIGURES = {"ua": ("recall", "UA"), "wa": ("accuracy", "WA"), "macro_f1": ("f1", "macro-F1")}


def model_card(
    repo: str, loaded: Checkpoint, rows: Sequence[dict], pictures: Sequence[str]
) -> ModelCard:
    """Write the card of a checkpoint from its figures, none of which is typed by hand.

    `pictures`: which of `PICTURES` lie beside it.
    """
    spoken = {CORPORA[name].language for name in loaded.config.training["corpora"]} - {"und"}
    data = ModelCardData(
        language="en" if spoken == {"en"} else sorted(spoken),
        license=LICENSE,
        pipeline_tag="audio-classification",
        tags=["speech-emotion-recognition", loaded.config.model_name],
        model_name=repo.split("/")[-1],
        eval_results=[result for row in rows for result in _eval_results(row)],
    )
    return ModelCard(f"---\n{data.to_yaml()}\n---\n\n{_text(repo, loaded, rows, pictures)}")


def _eval_results(row: dict) -> list[EvalResult]:
    return [
        EvalResult(
            task_type="audio-classification",
            dataset_type=row.get("tested_on", MEASURED),
            dataset_name=_protocol(row),
            dataset_split=row["part"],
            metric_type=kind,
            metric_name=name,
            metric_value=round(100 * row[key], 2),
        )
        for key, (kind, name) in FIGURES.items()
    ]


def _text(repo: str, loaded: Checkpoint, rows: Sequence[dict], pictures: Sequence[str]) -> str:
    config, training = loaded.config, loaded.config.training
    corpora = "\n".join(
        [
            *(f"- {_corpus(name)}" for name in training["corpora"]),
            *(f"- {_corpus(name)} (before)" for name in heard_before(config, "corpora")),
        ]
    )
    elsewhere = [row for row in rows if row["protocol"] == CROSS_CORPUS]
    left_out = [row for row in rows if row["protocol"] == LEAVE_ONE_CORPUS_OUT]
    at_home = [r for r in rows if r["protocol"] != CROSS_CORPUS and not is_left_out(r)]
    main = _row_to_detail(at_home)
    return f"""# {repo.split("/")[-1]}

Estimates which of eight emotions a voice seems to express: {", ".join(LABELS)}. Architecture
`{config.model_name}` on `{config.features.kind}` features, recipe `{training["recipe"]}`:
{training["description"]}

**People must be told clearly that a system reads emotion (EU AI Act, Art. 50(3)); using it on
people at work or in education is prohibited (Art. 5(1)(f)).** It estimates *perceived expression*,
never what a person feels.

## Use

```python
from ser.pipeline import EmotionPipeline

EmotionPipeline.from_pretrained("{repo}").predict("clip.wav").probabilities
```

## Trained on

{corpora}

{len(training["train_speakers"])} speakers; {_choices(training)}.

## Measured

UA is the unweighted average recall, WA the accuracy, in percent; chance is 12.5. `recipe-crossval`
rows say what the recipe reaches when trained anew for each fold; `these-weights` rows are about
these very weights. Calibration temperature {config.temperature:.2f}; behind the ECE stands what
95 % of perfectly calibrated models stay under.

{_table(at_home)}
{_left_out(left_out)}

### On corpora that these weights never heard

{_elsewhere(elsewhere)}

### {_protocol(main)}, {main["part"]} clips

{_class_table(main)}

{_speaker_table(main)}

{_confusion_table(main)}

{_pictures(pictures)}

## Limits

{LIMITS["elsewhere" if elsewhere else "at home"]} Voices differ: see the table by actor. The
corpora are non-commercial, and so are these weights ({LICENSE}).{_despite_licence(config)}
"""


def _corpus(name: str) -> str:
    corpus = CORPORA[name]
    return f"{corpus.title} ({corpus.citation}; {corpus.license})"


def _despite_licence(config: CheckpointConfig) -> str:
    return "".join(
        f"\n**{corpus.title} is licensed {corpus.license}, which allows no derived works; these "
        "weights learned from it and are published all the same.**"
        for corpus in forbidding(config)
    )


def _choices(training: dict) -> str:
    """Say on whose voices the training was stopped; a refitted model has learned them since."""
    rehearsal = training.get("rehearsal_speakers")
    if rehearsal is None:
        return f"stopped on {', '.join(training['validation_speakers'])}"
    return f"stopped on {', '.join(rehearsal['validation'])}, who were then learned as well"


def _elsewhere(rows: Sequence[dict]) -> str:
    if not rows:
        return "Not measured."
    return "\n".join(
        [
            "Other people and sentences, often another language: nearest to what a visitor sends.",
            "Clips of the emotions among the eight, once with all eight answers allowed, once with",
            "the answer among the corpus's own.",
            "",
            *cross_corpus_lines(rows),
        ]
    )


def _row_to_detail(rows: Sequence[dict]) -> dict:
    """Return the row that says most about unseen speakers."""
    apart = [row for row in rows if row["protocol"] not in SPEAKER_DEPENDENT]
    return max(apart or rows, key=lambda row: (row["part"] == "test", row["n_clips"]))


def _protocol(row: dict) -> str:
    if "tested_on" in row:
        return f"{CORPORA[row['tested_on']].title}, {row['protocol']} ({row['scope']})"
    dependent = ", speaker-dependent" if row["protocol"] in SPEAKER_DEPENDENT else ""
    return f"RAVDESS speech, {row['protocol']}{dependent} ({row['scope']})"


def _table(rows: Sequence[dict]) -> str:
    return _markdown(
        ["protocol", "clips", "seeds", "UA (95 % interval)", "WA", "macro-F1", "ECE", "NLL"],
        [[_protocol(row), *tables.figures(row)] for row in rows],
    )


def _left_out(rows: Sequence[dict]) -> str:
    """What was measured on corpora left out; nothing where nothing was."""
    if not rows:
        return ""
    lines = [*INTRODUCTION, "", *left_out_lines({rows[0]["recipe"]: rows})]
    return "\n".join(["", "### People who are not RAVDESS", "", *lines])


def _class_table(row: dict) -> str:
    cells = [[name, tables.percent(recall)] for name, recall in row["per_class"].items()]
    return _markdown(["emotion", "recall"], cells)


def _speaker_table(row: dict) -> str:
    people = {**row["per_speaker"], **{f"all {k}": v for k, v in row["per_sex"].items()}}
    return _markdown(["speaker", "UA"], [[k, tables.percent(v)] for k, v in people.items()])


def _confusion_table(row: dict) -> str:
    return _markdown(
        ["intended \\ answer", *LABELS],
        [[name, *counts] for name, counts in zip(LABELS, row["confusion"], strict=True)],
    )


def _pictures(names: Sequence[str]) -> str:
    shown = "\n".join(f"![{PICTURES[name]}]({name})" for name in names)
    return f"### Pictures of this run\n\n{shown}" if shown else ""


def _markdown(header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    return "\n".join(tables.markdown(header, rows))
