"""Pictures of a run: its history and its confusions."""

from pathlib import Path

import matplotlib
import numpy as np

from ser.labels import LABELS

matplotlib.use("agg")
from matplotlib import pyplot as plt  # noqa: E402 - after the choice of a backend without a screen


def training_history(history: list[dict[str, float]], path: Path) -> None:
    """Loss and accuracy by epoch, training against validation."""
    epochs = [row["epoch"] for row in history]
    figure, axes = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
    for axis, name in zip(axes, ("loss", "accuracy"), strict=True):
        axis.plot(epochs, [row[name] for row in history], label="training (augmented)")
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
