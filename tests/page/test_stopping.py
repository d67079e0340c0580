"""Stopping is for the visit that asked for it, and for one thing."""

from page.stopping import Stops


def test_what_goes_on_stops_for_its_own_visit_alone():
    stops = Stops()
    with stops.going("a") as mine, stops.going("b") as another:
        stops.stop("a")
        assert mine.is_set() and not another.is_set()
    with stops.going("a") as next_one:
        assert not next_one.is_set()


def test_what_waits_for_its_turn_is_dropped_once():
    stops = Stops()
    stops.stop("a")
    with stops.going("a") as waited:
        assert waited.is_set()
    with stops.going("a") as next_one:
        assert not next_one.is_set()


def test_what_ended_in_an_error_no_longer_goes_on():
    stops = Stops()
    try:
        with stops.going("a"):
            raise RuntimeError
    except RuntimeError:
        stops.stop("a")
    with stops.going("a") as next_one:
        assert next_one.is_set()
