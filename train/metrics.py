"""What is measured: accuracy, its spread over people, calibration. Arrays in, numbers out.

`labels` are class indices (n,), `probabilities` (n, 8), `speakers` (n,) names.
"""

import numpy as np
from sklearn.metrics import confusion_matrix, f1_score

from ser.labels import LABELS, N_LABELS

N_BINS = 15
N_BOOTSTRAP = 2000


def ua(labels: np.ndarray, probabilities: np.ndarray) -> float:
    """Unweighted average recall: the mean over classes of the share recognised."""
    right = probabilities.argmax(axis=1) == labels
    return float(np.mean([right[labels == k].mean() for k in np.unique(labels)]))


def wa(labels: np.ndarray, probabilities: np.ndarray) -> float:
    """Accuracy: the share of clips recognised."""
    return float((probabilities.argmax(axis=1) == labels).mean())


def macro_f1(labels: np.ndarray, probabilities: np.ndarray) -> float:
    """Mean of the classes' F1, over the classes that occur."""
    return float(
        f1_score(
            labels,
            probabilities.argmax(axis=1),
            labels=np.unique(labels),
            average="macro",
            zero_division=0,
        )
    )


def ece(labels: np.ndarray, probabilities: np.ndarray) -> float:
    """Expected calibration error: |confidence - accuracy| over 15 equal bins, by their share.

    A perfectly calibrated model has about 0.03 at n = 1,440 and 0.07 at n = 240.
    """
    confidence = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == labels
    bins = np.minimum((confidence * N_BINS).astype(int), N_BINS - 1)
    gaps = [
        (bins == b).mean() * abs(confidence[bins == b].mean() - right[bins == b].mean())
        for b in np.unique(bins)
    ]
    return float(np.sum(gaps))


def nll(labels: np.ndarray, probabilities: np.ndarray) -> float:
    """Mean negative log likelihood, in nats."""
    chosen = probabilities[np.arange(len(labels)), labels]
    return float(-np.log(np.maximum(chosen, 1e-12)).mean())


def brier(labels: np.ndarray, probabilities: np.ndarray) -> float:
    """Mean squared distance between the probabilities and the one-hot answer; 0 to 2."""
    return float(((probabilities - np.eye(N_LABELS)[labels]) ** 2).sum(axis=1).mean())


def recalls(labels: np.ndarray, probabilities: np.ndarray) -> dict[str, float]:
    """Recall of each class that occurs, by name."""
    right = probabilities.argmax(axis=1) == labels
    return {LABELS[k]: float(right[labels == k].mean()) for k in np.unique(labels)}


def confusion(labels: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """Counts (8, 8): rows are the intended emotion, columns the answer."""
    return confusion_matrix(labels, probabilities.argmax(axis=1), labels=range(N_LABELS))


def ua_by_group(
    labels: np.ndarray, probabilities: np.ndarray, groups: np.ndarray
) -> dict[str, float]:
    """UA of each speaker, or of each sex."""
    return {
        str(group): ua(labels[groups == group], probabilities[groups == group])
        for group in np.unique(groups)
    }


def bootstrap_ci95(
    labels: np.ndarray, probabilities: np.ndarray, speakers: np.ndarray, seed: int = 0
) -> tuple[float, float]:
    """95 % interval of the UA when the speakers, not the clips, are drawn anew."""
    right = probabilities.argmax(axis=1) == labels
    names = np.unique(speakers)
    n_right = np.zeros((len(names), N_LABELS))
    n_all = np.zeros((len(names), N_LABELS))
    for i, name in enumerate(names):
        for k in range(N_LABELS):
            chosen = (speakers == name) & (labels == k)
            n_right[i, k], n_all[i, k] = right[chosen].sum(), chosen.sum()
    draws = np.random.default_rng(seed).integers(len(names), size=(N_BOOTSTRAP, len(names)))
    counts = n_all[draws].sum(axis=1)
    shares = np.divide(
        n_right[draws].sum(axis=1), counts, out=np.full(counts.shape, np.nan), where=counts > 0
    )
    low, high = np.percentile(np.nanmean(shares, axis=1), [2.5, 97.5])
    return float(low), float(high)
