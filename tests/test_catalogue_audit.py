"""Every fact of the catalogue names the claim or the test that checks it, and these exist."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from kernelcalc.functions.surrogates import SURROGATES
from kernelcalc.verify.claim import collect

HERE = Path(__file__).parent
LINES = [line for line in (HERE / "data/catalogue_facts.txt").read_text().splitlines() if line[0] != "#"]
FACTS = [tuple(part.strip() for part in line.split("|", 1)[1].rpartition("|")[::2]) for line in LINES]
ATTRIBUTES = {"s(0)", "parity", "G(v)", "G(mu,v)"}  # known of every family


def test_every_check_exists() -> None:
    tags = {claim.tag for claim in collect()}
    files: dict[str, set[str]] = {}
    for fact, checks in FACTS:
        assert checks, fact
        for check in checks.split():
            name, _, function = check.partition("::")
            if not function:
                assert name in tags, f"{fact}: no claim {name}"
                continue
            if name not in files:
                tree = ast.parse((HERE / name).read_text())
                files[name] = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
            assert function in files[name], f"{fact}: no test {check}"


def test_no_fact_stands_twice() -> None:
    facts = [fact for fact, _ in FACTS]
    assert len(facts) == len(set(facts)) >= 224


FAMILIES = [entry.name for entry in SURROGATES if entry.name != "TanhPlusOne"]  # F13 and a constant


@pytest.mark.parametrize("name", FAMILIES)
def test_every_family_has_its_facts(name: str) -> None:
    known = [fact.partition(": ")[2] for fact, _ in FACTS if fact.startswith(f"{name}: ")]
    assert {a for a in ATTRIBUTES if any(word.startswith(a) for word in known)} == ATTRIBUTES
    assert any("ipschitz" in word or "jumps" in word for word in known)


def test_every_claim_about_the_catalogue_is_a_fact() -> None:
    named = {check for _, checks in FACTS for check in checks.split()}
    about = {claim.tag for claim in collect() if claim.tag.startswith(("dual/", "surrogate/"))}
    assert about <= named
