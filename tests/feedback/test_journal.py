"""Events on disk: what was appended is what is read."""

from ser.feedback.journal import Journal


def test_a_journal_is_what_was_appended(tmp_path):
    journal = Journal(tmp_path / "a" / "journal.jsonl")
    events = [{"event": "x", "row": {"n": n, "text": "zwölf\n"}} for n in range(3)]
    for event in events:
        journal.append(event)
    assert Journal(journal.path).read() == events
    journal.rewrite(events[:1])
    assert Journal(journal.path).read() == events[:1]
