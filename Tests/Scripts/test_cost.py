"""Counts against thresholds."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))
import cost  # noqa: E402

ALLOWED = {"unary request": {"instructions": 100_000, "allocations": 30}}


def judged(instructions, allocations=30):
    return cost.judge({"unary request": {"instructions": instructions, "allocations": allocations}}, ALLOWED)


@pytest.mark.parametrize("instructions", [100_000, 103_000, 97_000])
def test_what_is_near_its_threshold_passes(instructions):
    assert judged(instructions)[1]


def test_three_percent_more_fail_and_say_so():
    lines, good = judged(103_001)
    assert not good and "3.0% more than the 100,000.00" in lines[0]


def test_one_allocation_more_fails():
    lines, good = judged(100_000, 31)
    assert not good and "allocations: 3.3% more" in lines[1]


def test_less_passes_and_is_to_be_recorded():
    lines, good = judged(90_000)
    assert good and "record it" in lines[0]


def test_what_has_no_threshold_fails():
    assert not cost.judge({"stream event": {"instructions": 1}}, ALLOWED)[1]


def test_the_cost_is_what_differs_between_two_runs():
    counted = {"unary request": ({"instructions": 1_000, "allocations": 50}, {"instructions": 31_000, "allocations": 650})}
    assert cost.costs(counted) == {"unary request": {"instructions": 100, "allocations": 2}}


@pytest.mark.parametrize("run", [(1, "5", "Collected : 7"), (0, "5", "no counts"), (0, "5", "Collected : 0"), (0, "", "Collected : 7")])
def test_a_run_that_failed_is_no_count(run):
    with pytest.raises(SystemExit, match="cannot be counted"):
        cost.read(*run)


def test_a_run_that_went_well_is_read():
    assert cost.read(0, "5\n", "== Collected : 7 x") == {"instructions": 7, "allocations": 5}


def test_thresholds_are_recorded_for_all_kinds():
    recorded = cost.json.loads(cost.THRESHOLDS.read_text())
    assert set(recorded["costs"]) == set(cost.RUNS) and recorded["toolchain"]
