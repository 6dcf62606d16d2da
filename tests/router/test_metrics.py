"""Counting, as such."""

from __future__ import annotations

import math
import random

from deltamesh_router.insight.metrics import BOUNDS, MAX_LABEL, MAX_LABELS, MAX_PROCEDURES, OTHER, CallLedger, Histogram, Tally


def test_a_duration_is_in_the_first_bucket_whose_bound_is_not_below_it() -> None:
    for number, bound in enumerate(BOUNDS):
        histogram = Histogram()
        histogram.observe(bound)
        histogram.observe(math.nextafter(bound, math.inf))

        assert (histogram.counts[number], histogram.counts[number + 1]) == (1, 1)


def test_buckets_add_up_to_the_count_and_the_last_one_is_of_all() -> None:
    histogram = Histogram()
    for duration in (0.0, 0.0007, 0.3, 59.0, 61.0, 4000.0):
        histogram.observe(duration)

    buckets = histogram.cumulative()
    assert [number for _, number in buckets] == sorted(number for _, number in buckets)
    assert dict(buckets)[0.001] == 2
    assert buckets[-1] == (math.inf, 6)
    assert histogram.count == 6
    assert histogram.sum == 0.0 + 0.0007 + 0.3 + 59.0 + 61.0 + 4000.0


def test_a_clock_that_was_set_back_does_not_make_the_sum_smaller() -> None:
    histogram = Histogram()
    histogram.observe(1.5)
    histogram.observe(-3600.0)

    assert histogram.sum == 1.5
    assert histogram.counts[0] == 1


def test_histograms_can_be_put_together() -> None:
    first, second, both = Histogram(), Histogram(), Histogram()
    for histogram, duration in ((first, 0.2), (first, 7.0), (second, 0.2), (second, 100.0)):
        histogram.observe(duration)
        both.observe(duration)
    first.include(second)

    assert (first.counts, first.sum) == (both.counts, both.sum)


def test_a_tally_has_a_bound_and_loses_nothing() -> None:
    tally = Tally()
    for number in range(MAX_LABELS + 50):
        tally.add(f"com.example.error.e{number}")
    tally.add("com.example.error.e3")
    tally.add("x" * (MAX_LABEL + 1))

    assert len(tally.counts) == MAX_LABELS + 1
    assert tally.counts["com.example.error.e3"] == 2
    assert tally.counts[OTHER] == 51
    assert tally.total == MAX_LABELS + 52


def test_tallies_put_together_have_the_same_bound() -> None:
    first, second = Tally(), Tally()
    for number in range(MAX_LABELS):
        first.add(f"first.e{number}", 2)
        second.add(f"second.e{number}", 3)
    first.include(second)

    assert len(first.counts) == MAX_LABELS + 1
    assert first.total == 5 * MAX_LABELS


def test_what_is_registered_again_goes_on_counting() -> None:
    ledger = CallLedger()
    ledger.open("com.example.a", "exact").calls = 7
    ledger.close("com.example.a", "exact")

    assert ledger.open("com.example.a", "exact").calls == 7
    assert ledger.open("com.example.a", "prefix").calls == 0


def test_procedures_beyond_the_bound_are_counted_together() -> None:
    ledger = CallLedger()
    for number in range(MAX_PROCEDURES + 3):
        ledger.open(f"com.example.p{number}", "exact").calls += 1
    ledger.open("x" * (MAX_LABEL + 1), "exact").calls += 1

    assert len(ledger.rows) == MAX_PROCEDURES
    assert ledger.other.calls == 4


def test_who_was_closed_first_makes_room() -> None:
    ledger = CallLedger()
    for number in range(MAX_PROCEDURES):
        ledger.open(f"com.example.p{number}", "exact").calls = number
    for number in (7, 5, 9):
        ledger.close(f"com.example.p{number}", "exact")
    ledger.open("com.example.p7", "exact")
    counts = ledger.open("com.example.new", "exact")

    assert ledger.rows["com.example.new", "exact"] is counts
    assert ("com.example.p5", "exact") not in ledger.rows
    assert ledger.other.calls == 5
    assert ledger.rows["com.example.p9", "exact"].calls == 9


def test_no_count_is_ever_lost_however_procedures_come_and_go() -> None:
    chance = random.Random(3)
    ledger, opened, calls = CallLedger(), {}, 0
    for _ in range(30_000):
        uri = f"com.example.p{chance.randrange(3 * MAX_PROCEDURES)}"
        if uri in opened:
            del opened[uri]
            ledger.close(uri, "exact")
        else:
            opened[uri] = ledger.open(uri, "exact")
            opened[uri].calls += 1
            calls += 1
        assert len(ledger.rows) <= MAX_PROCEDURES

    assert ledger.other.calls + sum(counts.calls for counts in ledger.rows.values()) == calls
    assert len(ledger._closed) == sum(uri not in opened for uri, _ in ledger.rows)
