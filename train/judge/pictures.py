"""Pictures of a run: its history, its confusions, how far its confidence can be trusted."""

from pathlib import Path

import matplotlib
import numpy as np

from ser.labels import LABELS
from train.judge import metrics

matplotlib.use("agg")
from matplotlib import pyplot as plt  # noqa: E402 - after the choice of a backend without a screen


def training_history(history: list[dict[str, float]], path: Path) -> None:
    """Loss and accuracy by epoch, training against validation."""
    epochs = [row["epoch"] for row in history]
    figure, axes = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
    for axis, name in zip(axes, ("loss", "accuracy"), strict=True):
        axis.plot(epochs, [row[name] for row in history], label="training (augmented)")
        if f"validation_{name}" in history[0]:  # a refit has none
            axis.plot(epochs, [row[f"validation_{name}"] for row in history], label="validation")
        axis.set(xlabel="epoch", ylabel=name)
        axis.legend()
    figure.savefig(path, dpi=110)
    plt.close(figure)


def confusion_matrix(counts: np.ndarray, title: str, path: Path) -> None:
    """Shares of each intended emotion (rows) that got each answer (columns), in percent."""
    totals = np.maximum(counts.sum(axis=1, keepdims=True), 1)
    shares = 100 * counts / totals
    figure, axis = plt.subplots(figsize=(6.5, 6), layout="constrained")
    axis.imshow(shares, cmap="Blues", vmin=0, vmax=100)
    for (row, column), share in np.ndenumerate(shares):
        color = "white" if share > 55 else "black"
        axis.text(column, row, f"{share:.0f}", ha="center", va="center", color=color)
    axis.set(xticks=range(len(LABELS)), yticks=range(len(LABELS)), title=title)
    axis.set_xticklabels(LABELS, rotation=45, ha="right")
    axis.set_yticklabels(LABELS)
    axis.set(xlabel="answer", ylabel="intended")
    figure.savefig(path, dpi=110)
    plt.close(figure)


def reliability(labels: np.ndarray, probabilities: np.ndarray, title: str, path: Path) -> None:
    """Accuracy of each bin of confidence against its mean confidence; dots grow with the bin."""
    share, confidence, accuracy = metrics.reliability(labels, probabilities).T
    figure, axis = plt.subplots(figsize=(5.5, 5.5), layout="constrained")
    axis.plot([0, 1], [0, 1], color="grey", linestyle="--", label="perfectly calibrated")
    axis.plot(confidence, accuracy, color="C0", linewidth=1)
    axis.scatter(confidence, accuracy, s=20 + 1500 * share, color="C0", alpha=0.6)
    axis.set(xlim=(0, 1), ylim=(0, 1), xlabel="confidence", ylabel="accuracy", title=title)
    axis.legend(loc="upper left")
    figure.savefig(path, dpi=110)
    plt.close(figure)


def coverage(labels: np.ndarray, probabilities: np.ndarray, title: str, path: Path) -> None:
    """Accuracy when only the surest answers are given, against their share."""
    accuracy = metrics.accuracy_by_coverage(labels, probabilities)
    figure, axis = plt.subplots(figsize=(6, 4), layout="constrained")
    axis.plot(np.arange(1, len(accuracy) + 1) / len(accuracy), accuracy)
    axis.axhline(accuracy[-1], color="grey", linestyle="--", label="every answer given")
    axis.set(xlim=(0, 1), ylim=(0, 1), xlabel="share of answers given", ylabel="accuracy")
    axis.set_title(title)
    axis.legend(loc="lower left")
    figure.savefig(path, dpi=110)
    plt.close(figure)


def judgement(labels: np.ndarray, probabilities: np.ndarray, title: str, folder: Path) -> None:
    """Write confusion_matrix.png, reliability.png and coverage.png of n answers into `folder`."""
    counts = metrics.confusion(labels, probabilities)
    confusion_matrix(counts, title, folder / "confusion_matrix.png")
    reliability(labels, probabilities, title, folder / "reliability.png")
    coverage(labels, probabilities, title, folder / "coverage.png")
