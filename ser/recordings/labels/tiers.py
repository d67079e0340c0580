"""Tiers of annotation, one a channel: TextGrid for Praat, EAF for ELAN."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from xml.etree import ElementTree

from ser.recordings.timeline import Segment, Timeline

EAF_SCHEMA = "http://www.mpi.nl/tools/elan/EAFv3.0.xsd"
XSI = "http://www.w3.org/2001/XMLSchema-instance"


def _tiers(timeline: Timeline) -> Iterator[tuple[str, list[Segment]]]:
    """Each channel's name and segments that have a label."""
    for channel in timeline.channels:
        name = "emotion" if channel is None else f"emotion channel {channel}"
        own = [s for s in timeline.segments if s.channel == channel and s.label is not None]
        yield name, own


def textgrid(timeline: Timeline, _file: str, path: Path) -> None:
    """Praat's long text form, https://www.fon.hum.uva.nl/praat/manual/TextGrid_file_formats.html.

    Each tier covers all the time: in a hole Praat shows the next label.
    """
    end = _plain(timeline.duration_s)
    tiers = list(_tiers(timeline))
    lines = ['File type = "ooTextFile"', 'Object class = "TextGrid"', ""]
    lines += ["xmin = 0", f"xmax = {end}", "tiers? <exists>", f"size = {len(tiers)}", "item []:"]
    for number, (name, segments) in enumerate(tiers, 1):
        intervals = list(_without_holes(segments, timeline.duration_s))
        lines += [f"    item [{number}]:", '        class = "IntervalTier"']
        lines += [f'        name = "{name}"', "        xmin = 0", f"        xmax = {end}"]
        lines += [f"        intervals: size = {len(intervals)}"]
        for place, (start, stop, label) in enumerate(intervals, 1):
            lines += [f"        intervals [{place}]:", f"            xmin = {start}"]
            lines += [f"            xmax = {stop}", f'            text = "{label}"']
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _without_holes(segments: list[Segment], duration_s: float) -> Iterator[tuple[str, str, str]]:
    """Start, end and label of intervals, an empty label between utterances; none has no length."""
    last, end = "0", _plain(duration_s)
    for segment in segments:
        start = _plain(segment.start_s)
        stop = _plain(min(segment.end_s, duration_s))
        if float(start) > float(last):
            yield last, start, ""
        yield start, stop, segment.label
        last = stop
    if float(end) > float(last):
        yield last, end, ""


def _plain(seconds: float) -> str:
    """Seconds without an exponent, the same digits for the same border."""
    return f"{seconds:.6f}".rstrip("0").rstrip(".")


def eaf(timeline: Timeline, file: str, path: Path) -> None:
    """ELAN's XML, https://www.mpi.nl/tools/elan/EAFv3.0.xsd: whole milliseconds, no empty tier."""
    root = ElementTree.Element(
        "ANNOTATION_DOCUMENT",
        {
            "AUTHOR": "",
            "DATE": datetime.now(UTC).isoformat(timespec="seconds"),
            "FORMAT": "3.0",
            "VERSION": "3.0",
            "xmlns:xsi": XSI,
            "xsi:noNamespaceSchemaLocation": EAF_SCHEMA,
        },
    )
    header = {"MEDIA_FILE": "", "TIME_UNITS": "milliseconds"}
    header = ElementTree.SubElement(root, "HEADER", header)
    place = Path(file).resolve().as_uri()
    media = {"MEDIA_URL": place, "MIME_TYPE": "audio/x-wav", "RELATIVE_MEDIA_URL": ""}
    ElementTree.SubElement(header, "MEDIA_DESCRIPTOR", media)
    order = ElementTree.SubElement(root, "TIME_ORDER")
    n_slots = n_annotations = 0
    for name, segments in _tiers(timeline):
        if not segments:
            continue
        attributes = {"LINGUISTIC_TYPE_REF": "emotion", "TIER_ID": name}
        tier = ElementTree.SubElement(root, "TIER", attributes)
        for segment in segments:
            slots = {}
            start = round(1e3 * segment.start_s)
            for which, ms in enumerate((start, max(start + 1, round(1e3 * segment.end_s))), 1):
                n_slots += 1
                slots[f"TIME_SLOT_REF{which}"] = slot = f"ts{n_slots}"
                attributes = {"TIME_SLOT_ID": slot, "TIME_VALUE": str(ms)}
                ElementTree.SubElement(order, "TIME_SLOT", attributes)
            n_annotations += 1
            attributes = {"ANNOTATION_ID": f"a{n_annotations}", **slots}
            around = ElementTree.SubElement(tier, "ANNOTATION")
            annotation = ElementTree.SubElement(around, "ALIGNABLE_ANNOTATION", attributes)
            ElementTree.SubElement(annotation, "ANNOTATION_VALUE").text = segment.label
    kind = {"GRAPHIC_REFERENCES": "false", "LINGUISTIC_TYPE_ID": "emotion"}
    ElementTree.SubElement(root, "LINGUISTIC_TYPE", {**kind, "TIME_ALIGNABLE": "true"})
    ElementTree.indent(root)
    text = ElementTree.tostring(root, encoding="unicode")
    path.write_text(f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n', encoding="utf-8")
