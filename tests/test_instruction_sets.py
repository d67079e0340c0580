"""What is computed with is what was asked for, or the table of `make test-numeric` tells tales."""

import os

import pytest
import torch

from tests import instruction_sets
from tests.conftest import THREADS


@pytest.mark.numeric
def test_torch_computes_with_what_it_was_told():
    told = os.environ.get("ATEN_CPU_CAPABILITY")
    assert told in (None, torch.backends.cpu.get_cpu_capability().lower())
    assert torch.get_num_threads() == int(THREADS or 1)


def test_every_level_has_its_sets_and_onednn_goes_no_further_than_torch():
    sets = list(instruction_sets.sets())
    assert len(sets) == len({one.name for one in sets}) == 4 * 2
    assert {one.environment["ATEN_CPU_CAPABILITY"] for one in sets} == {"default", "avx2", "avx512"}
    unbound = [one for one in sets if one.environment["ONEDNN_MAX_CPU_ISA"] is None]
    assert {one.environment["ATEN_CPU_CAPABILITY"] for one in unbound} == {"avx512"}


def test_a_set_that_the_processor_lacks_is_known_by_its_flags():
    flags = instruction_sets.processor_flags("processor : 0\nflags\t\t: sse4_2 avx2 fma\nbugs : x")
    assert flags == {"sse4_2", "avx2", "fma"}
    there = {
        one.environment["ATEN_CPU_CAPABILITY"]
        for one in instruction_sets.sets()
        if one.flags <= flags
    }
    assert there == {"default", "avx2"}
    assert instruction_sets.processor_flags("") == set()
