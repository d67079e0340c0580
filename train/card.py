"""metrics.json and config.json -> the model card that stands on the Hub."""

from collections.abc import Sequence

from huggingface_hub import EvalResult, ModelCard, ModelCardData

from ser.checkpoint import Checkpoint
from ser.labels import LABELS
from train.splits import SPEAKER_DEPENDENT

LICENSE = "cc-by-nc-sa-4.0"  # RAVDESS is non-commercial and share-alike
CORPUS_NAMES = {
    "ravdess": "RAVDESS speech (Livingstone & Russo, PLoS ONE 13(5), 2018; CC BY-NC-SA 4.0)",
    "feedback": "recordings shared by visitors, by consent",
}
FIGURES = {"ua": ("recall", "UA"), "wa": ("accuracy", "WA"), "macro_f1": ("f1", "macro-F1")}


def model_card(repo: str, loaded: Checkpoint, rows: Sequence[dict]) -> ModelCard:
    """Write the card of a checkpoint from its figures; nothing in it is typed by hand."""
    data = ModelCardData(
        language="en",
        license=LICENSE,
        pipeline_tag="audio-classification",
        tags=["speech-emotion-recognition", loaded.config.model_name],
        model_name=repo.split("/")[-1],
        eval_results=[result for row in rows for result in _eval_results(row)],
    )
    return ModelCard(f"---\n{data.to_yaml()}\n---\n\n{_text(repo, loaded, rows)}")


def _eval_results(row: dict) -> list[EvalResult]:
    return [
        EvalResult(
            task_type="audio-classification",
            dataset_type="ravdess",
            dataset_name=_protocol(row),
            dataset_split=row["part"],
            metric_type=kind,
            metric_name=name,
            metric_value=round(100 * row[key], 2),
        )
        for key, (kind, name) in FIGURES.items()
    ]


def _text(repo: str, loaded: Checkpoint, rows: Sequence[dict]) -> str:
    config, training = loaded.config, loaded.config.training
    corpora = "\n".join(f"- {CORPUS_NAMES.get(c, c)}" for c in training["corpora"])
    main = _row_to_detail(rows)
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

{len(training["train_speakers"])} speakers; stopped on {", ".join(training["validation_speakers"])}.

## Measured

UA is the unweighted average recall, WA the accuracy, in percent; chance is 12.5. `recipe-crossval`
rows say what the recipe reaches when trained anew for each fold; `these-weights` rows are about
these very weights. Calibration temperature {config.temperature:.2f}.

{_table(rows)}

### {_protocol(main)}, {main["part"]} clips

{_class_table(main)}

{_speaker_table(main)}

{_confusion_table(main)}

![Confusions](confusion_matrix.png)
![Training](training_history.png)

## Limits

Acted speech in North American English, two sentences, studio sound. Other languages, accents,
spontaneous speech, children and noisy rooms were not measured. Voices differ: see the table by
actor. The corpora are non-commercial, and so are these weights ({LICENSE}).
"""


def _row_to_detail(rows: Sequence[dict]) -> dict:
    """Return the row that says most about unseen speakers."""
    apart = [row for row in rows if row["protocol"] not in SPEAKER_DEPENDENT]
    return max(apart or rows, key=lambda row: (row["part"] == "test", row["n_clips"]))


def _protocol(row: dict) -> str:
    dependent = ", speaker-dependent" if row["protocol"] in SPEAKER_DEPENDENT else ""
    return f"RAVDESS speech, {row['protocol']}{dependent} ({row['scope']})"


def _table(rows: Sequence[dict]) -> str:
    return _markdown(
        ["protocol", "clips", "seeds", "UA (95 % interval)", "WA", "macro-F1", "ECE", "NLL"],
        [
            [
                _protocol(row),
                f"{row['part']}, {row['n_clips']}",
                len(row["seeds"]),
                f"{_pc(row['ua'])} ({_pc(row['ci95'][0])} to {_pc(row['ci95'][1])})",
                _pc(row["wa"]),
                _pc(row["macro_f1"]),
                f"{row['ece']:.3f}",
                f"{row['nll']:.2f}",
            ]
            for row in rows
        ],
    )


def _class_table(row: dict) -> str:
    return _markdown(["emotion", "recall"], [[k, _pc(v)] for k, v in row["per_class"].items()])


def _speaker_table(row: dict) -> str:
    people = {**row["per_speaker"], **{f"all {k}": v for k, v in row["per_sex"].items()}}
    return _markdown(["speaker", "UA"], [[k, _pc(v)] for k, v in people.items()])


def _confusion_table(row: dict) -> str:
    return _markdown(
        ["intended \\ answer", *LABELS],
        [[name, *counts] for name, counts in zip(LABELS, row["confusion"], strict=True)],
    )


def _markdown(header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)


def _pc(share: float) -> str:
    return f"{100 * share:.1f}"
