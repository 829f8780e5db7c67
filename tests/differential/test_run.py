"""A language that differs is found, and the damage is what it should be."""

from __future__ import annotations

from mutants import messages, mutants
from run import compare


def test_a_language_that_differs_is_found() -> None:
    given = [("frame", b"\0"), ("context", b"\1")]
    same = {"rust": ["Truncated", "canonical 00"], "c": ["Truncated", "canonical 00"]}
    assert compare(given, same) == []
    for verdict in ("NotCanonical 00", "canonical 01", "BadPointer", "TruncatedX"):
        found = compare(given, {**same, "go": ["Truncated", verdict]})
        assert len(found) == 1
        assert found[0].startswith("context 01\n")
        assert verdict in found[0]


def test_a_seed_gives_the_same_mutants_again() -> None:
    assert list(mutants(7, 50)) == list(mutants(7, 50))
    assert list(mutants(7, 50)) != list(mutants(8, 50))


def test_most_mutants_are_no_message_of_the_vectors() -> None:
    sound = set(messages())
    assert len(sound) > 2000
    assert sum(mutant in sound for mutant in mutants(1, 1000)) < 200
