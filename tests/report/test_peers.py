"""The table of peers says what the benchmark wrote, and whether each target was met."""

from train.report.peers import BASE, BEFORE, DEFAULT, LARGE, peers_lines


def told(times_before: float, model_ms: float) -> dict:
    times = {DEFAULT: 1.0, BEFORE: times_before, BASE: 45.0, LARGE: 99.94}
    clip = {
        name: {"ms": [16 * t, 15 * t, 17 * t], "times_the_default": [t, t, t], "peak_mb": 111}
        for name, t in times.items()
    }
    clip[DEFAULT]["model_ms"] = [model_ms] * 3
    app = {"first_page_s": [2.0, 1.9, 2.1], "peak_mb": [300, 299, 351]}
    return {
        "clip_ms": {"3.7": clip, "15.0": clip},
        "first_answer_s": {
            name: {"s": [0.5 * t] * 3, "times_the_default": [t] * 3} for name, t in times.items()
        },
        "app": {DEFAULT: app, BEFORE: {**app, "first_page_s": [3.3, 3.2, 3.4]}},
        "files_a_second": {name: 100 / t for name, t in times.items()},
        "hour": {name: {"s": 14.2, "times_real_time": 253.5} for name in (DEFAULT, BEFORE)},
        "model_bytes": dict.fromkeys(times, 12_300_000),
        "limit": {
            "reading_ms": 0.42,
            "billion_multiply_adds_a_second": 200.0,
            "million_multiply_adds": 2050,
            "products_ms": 10.0,
        },
        "machine": "a machine",
    }


def rows(lines: list[str]) -> dict[str, list[str]]:
    cells = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines if "|" in line]
    return {first: rest for first, *rest in cells if len(rest) == 3}


def test_ratios_come_first_and_figures_after_them():
    text = "\n".join(peers_lines(told(3.04, 12.0)))
    assert f"| {BEFORE} | 3.0 | 3.0 | 3.0 | 3.0 |" in text
    assert f"| {DEFAULT} | 16.0 (15.0 to 17.0) | 16 (15 to 17) | 0.50 (0.50 to 0.50) |" in text
    assert text.index("| 45.0 |") < text.index("| 720.0 (675.0 to 765.0) |")
    assert "2,050 million multiply-adds 10.0 ms" in text and "(254 times real time)" in text


def test_a_target_is_met_or_missed_by_its_figure():
    found = rows(peers_lines(told(3.04, 12.0)))
    assert found[f"one clip, times as fast as {BEFORE}"] == ["3 or more", "3.0", "met"]
    assert found[f"in bulk, times as fast as {BEFORE}"] == ["5 or more", "3.0", "missed"]
    assert found[f"one clip, times as fast as {LARGE}"] == ["100 or more", "99.9", "missed"]
    assert found[f"first page, times as soon as {BEFORE}"] == ["1.6 or more", "1.6", "met"]
    assert found["the model's own part, times the limit"] == ["3 or less", "1.2", "met"]
    assert found["the app's memory, MB"] == ["350 or less", "351.0", "missed"]
    slow = rows(peers_lines(told(2.9, 31.0)))
    assert slow[f"one clip, times as fast as {BEFORE}"][2] == "missed"
    assert slow["the model's own part, times the limit"][2] == "missed"
