"""What is measured: accuracy, its spread over people, calibration. Arrays in, numbers out.

`labels` are class indices (n,), `probabilities` (n, 8), `speakers` (n,) names.
"""

from collections.abc import Mapping

import numpy as np
from sklearn.metrics import confusion_matrix, f1_score

from ser.labels import LABELS, N_LABELS

N_BINS = 15
N_BOOTSTRAP = 2000
N_PERFECT = 1000  # models drawn to see how large the ECE of a perfect one gets
SAME_SPEAKERS = "Only figures about the same speakers can be paired."
COVERAGES = tuple(np.round(np.arange(1.0, 0.05, -0.1), 1))


def ua(labels: np.ndarray, probabilities: np.ndarray) -> float:
    """Unweighted average recall: the mean over classes of the share recognised."""
    right = probabilities.argmax(axis=1) == labels
    return float(np.mean([right[labels == k].mean() for k in np.unique(labels)]))


def chosen(answers: np.ndarray) -> np.ndarray:
    """Answers (n,), `N_LABELS` where there was none, as probabilities (n, 9) of 0 and 1."""
    return np.eye(N_LABELS + 1)[answers]


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
    gaps = [
        share * abs(confidence - accuracy)
        for share, confidence, accuracy in reliability(labels, probabilities)
    ]
    return float(np.sum(gaps))


def reliability(labels: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """(n_bins_in_use, 3): share of the clips, mean confidence and accuracy of each bin."""
    confidence = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == labels
    bins = _bins(confidence)
    return np.array(
        [
            [(bins == b).mean(), confidence[bins == b].mean(), right[bins == b].mean()]
            for b in np.unique(bins)
        ]
    )


def ece_floor95(probabilities: np.ndarray, seed: int = 0) -> float:
    """95th percentile of the ECE that a perfectly calibrated model with these confidences gets.

    Labels are drawn from the probabilities themselves, so whether an answer is right is a coin
    that falls as its confidence says; finite samples alone make the rest.
    """
    confidence = probabilities.max(axis=1)
    in_bin = np.eye(N_BINS)[_bins(confidence)]
    rng = np.random.default_rng(seed)
    gaps = (rng.random((N_PERFECT, len(confidence))) < confidence) - confidence
    return float(np.percentile(np.abs(gaps @ in_bin).sum(axis=1) / len(confidence), 95))


def _bins(confidence: np.ndarray) -> np.ndarray:
    return np.minimum((confidence * N_BINS).astype(int), N_BINS - 1)


def accuracy_by_coverage(labels: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """Accuracy (n,) of the k most confident answers, k = 1..n, when the others are withheld.

    Selective classification (Geifman & El-Yaniv, NeurIPS 2017); confidence is the largest
    probability. The last value is the plain accuracy.
    """
    order = np.argsort(-probabilities.max(axis=1), kind="stable")
    right = (probabilities.argmax(axis=1) == labels)[order]
    return np.cumsum(right) / np.arange(1, len(right) + 1)


def coverage(labels: np.ndarray, probabilities: np.ndarray) -> dict[str, float]:
    """Accuracy when only the surest share of the answers is given, by that share, 1.0 to 0.1."""
    curve = accuracy_by_coverage(labels, probabilities)
    return {f"{c:.1f}": float(curve[max(1, round(c * len(curve))) - 1]) for c in COVERAGES}


def coverage_area(labels: np.ndarray, probabilities: np.ndarray) -> float:
    """Area under accuracy against coverage: its mean over every coverage, 0 to 1."""
    return float(accuracy_by_coverage(labels, probabilities).mean())


def nll(labels: np.ndarray, probabilities: np.ndarray) -> float:
    """Mean negative log likelihood, in nats."""
    chosen = probabilities[np.arange(len(labels)), labels]
    return float(-np.log(np.maximum(chosen, 1e-12)).mean())


def brier(labels: np.ndarray, probabilities: np.ndarray) -> float:
    """Mean squared distance between the probabilities and the one-hot answer; 0 to 2."""
    return float(((probabilities - np.eye(N_LABELS)[labels]) ** 2).sum(axis=1).mean())


def restricted(labels: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """Probabilities (n, 8) of the classes that occur in `labels` alone; rows add up to 1 again."""
    occurs = np.isin(np.arange(N_LABELS), labels)
    kept = np.where(occurs, probabilities, 0.0)
    return kept / np.maximum(kept.sum(axis=1, keepdims=True), 1e-12)


def recalls(labels: np.ndarray, probabilities: np.ndarray) -> dict[str, float]:
    """Recall of each class that occurs, by name."""
    right = probabilities.argmax(axis=1) == labels
    return {LABELS[k]: float(right[labels == k].mean()) for k in np.unique(labels)}


def confusion(labels: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """Counts (8, 8): rows are the intended emotion, columns the answer."""
    return confusion_matrix(labels, probabilities.argmax(axis=1), labels=range(N_LABELS))


def confusion_pairs(counts: np.ndarray, n_pairs: int = 5) -> list[dict]:
    """The most frequent mistakes: intended, answer, and the share of the intended class's clips.

    `counts` (8, 8) as `confusion` gives them; classes that do not occur make no pair.
    """
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    np.fill_diagonal(shares, 0.0)
    largest = np.argsort(-shares, axis=None, kind="stable")[:n_pairs]
    return [
        {"intended": LABELS[row], "answer": LABELS[column], "share": float(shares[row, column])}
        for row, column in zip(*np.unravel_index(largest, shares.shape), strict=True)
        if shares[row, column] > 0
    ]


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
    low, high = np.percentile(_drawn_ua(labels, probabilities, speakers, seed), [2.5, 97.5])
    return float(low), float(high)


def paired_gain(
    before: tuple[np.ndarray, np.ndarray, np.ndarray],
    after: tuple[np.ndarray, np.ndarray, np.ndarray],
    seed: int = 0,
) -> tuple[float, float, float]:
    """UA of `after` minus UA of `before`, with its 95 % interval over the same drawn speakers.

    Each is (labels, probabilities, speakers). What one speaker has in common in both (a voice that
    is hard for any model) cancels, so this interval is the one that compares two recipes. Raises
    ValueError where the speakers differ.
    """
    if not np.array_equal(np.unique(before[2]), np.unique(after[2])):
        raise ValueError(SAME_SPEAKERS)
    drawn = _drawn_ua(*after, seed) - _drawn_ua(*before, seed)
    low, high = np.percentile(drawn, [2.5, 97.5])
    return ua(*after[:2]) - ua(*before[:2]), float(low), float(high)


def paired_mean(
    before: Mapping[str, float], after: Mapping[str, float], seed: int = 0
) -> tuple[float, float, float]:
    """Mean over speakers of `after` minus `before`, with its 95 % interval over drawn speakers.

    Each holds one figure a speaker. Raises ValueError where the speakers differ.
    """
    if before.keys() != after.keys():
        raise ValueError(SAME_SPEAKERS)
    differences = np.array([after[name] - before[name] for name in sorted(before)])
    drawn = differences[_draws(len(differences), seed)].mean(axis=1)
    low, high = np.percentile(drawn, [2.5, 97.5])
    return float(differences.mean()), float(low), float(high)


def _draws(n_speakers: int, seed: int) -> np.ndarray:
    """(N_BOOTSTRAP, n_speakers): who is drawn, with replacement; the same for one seed."""
    return np.random.default_rng(seed).integers(n_speakers, size=(N_BOOTSTRAP, n_speakers))


def _drawn_ua(
    labels: np.ndarray, probabilities: np.ndarray, speakers: np.ndarray, seed: int
) -> np.ndarray:
    """UA (N_BOOTSTRAP,) of speakers drawn with replacement; the same speakers for one seed."""
    right = probabilities.argmax(axis=1) == labels
    names, who = np.unique(speakers, return_inverse=True)
    n_right = np.zeros((len(names), N_LABELS))
    n_all = np.zeros((len(names), N_LABELS))
    np.add.at(n_right, (who, labels), right)
    np.add.at(n_all, (who, labels), 1)
    draws = _draws(len(names), seed)
    counts = n_all[draws].sum(axis=1)
    shares = np.divide(
        n_right[draws].sum(axis=1), counts, out=np.full(counts.shape, np.nan), where=counts > 0
    )
    return np.nanmean(shares, axis=1)
