"""The tables of claims: statements set as formulas lose nothing, and verdicts are those of the judge."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from kernelcalc.cli import cli
from kernelcalc.symbols import a
from kernelcalc.tables import claims as claims_table
from kernelcalc.tables import verdicts
from kernelcalc.tables.model import as_tex
from kernelcalc.tables.prose import COMMANDS, typeset
from kernelcalc.verify.claim import Claim, collect
from kernelcalc.verify.judge import Verdict, judge
from kernelcalc.verify.run import Watch

_NAMES = {command.strip(): name for name, command in COMMANDS.items() if name != "Int"}


def _letters(words: str) -> list[str]:
    """Letters, digits and signs in order, without brackets and spaces."""
    return re.findall(r"[A-Za-z]+|\d|[-+=/:;,.'|!]", words.replace("Int", "int"))


def _plain(tex: str) -> str:
    """Set text without its dress."""
    for command in sorted(_NAMES, key=len, reverse=True):
        tex = re.sub(re.escape(command) + r"(?![A-Za-z])", _NAMES[command], tex)
    for command, sign in ((r"\le", "<="), (r"\ge", ">="), (r"\ne", "!=")):
        tex = re.sub(re.escape(command) + r"(?![A-Za-z])", sign, tex)
    for old, new in (
        (r"\pm", "+-"), (r"\tilde{", "{~"), (r"\hat{", "{^"), (r"\to", "->"),
        (r"\vert", "|"), (r"\sqrt", "sqrt"), (r"\textbar", "|"), (r"\textgreater", ""), (r"\textless", ""),
        (r"\sim", "~"), (r"\textasciitilde", "~"),
        (r"\textasciicircum", "^"), (r"\langle", "<"), (r"\rangle", ">"), (r"\allowbreak", ""),
        (r"\mathrm", ""),
        (r"\,", " "), ("\\", ""),
    ):  # fmt: skip
        tex = tex.replace(old, new)
    return tex


STATEMENTS = sorted(
    {words for claim in collect() for words in (claim.statement, claim.title, claim.note) if words}
)


def test_no_letter_digit_or_sign_is_lost() -> None:
    assert len(STATEMENTS) > 500
    for words in STATEMENTS:
        found = _plain(typeset(words).tex)
        # n0 is n_0 and W1_11 is W_{1,11}: the index gets a comma
        assert [x for x in _letters(found) if x != ","] == [x for x in _letters(words) if x != ","], words


@pytest.mark.parametrize(
    ("words", "tex"),
    [
        ("Sdot_m^(L)(x,x) ~ m as m -> oo", r"$\dot\Sigma _{m}^{(L)}(x,x) \sim m$ as $m \to \infty$"),
        ("a bias of sqrt(a b)", r"a bias of $\sqrt{a\,b}$"),
        ("x^(1/2) and n0 (see S23)", r"$x^{1/2}$ and $n_{0}$ (see S23)"),
        ("unbalanced (x_1 stays", r"unbalanced ($x_{1}$ stays"),
    ],
)
def test_statements_are_set(words: str, tex: str) -> None:
    assert typeset(words).tex == tex


RIGHT = Claim(
    "T/2", "twice", "p. 2", 2 * a, lambda: a + a, lambda point, digits: 2 * point[a], ({a: 1}, {a: 3})
)
WRONG = Claim(
    "T/1", "a < b & 5% of it", "p. 1", 2 * a, lambda: a, lambda point, digits: point[a], ({a: 1}, {a: 3}),
    corrected=a, note="twice too large",
)  # fmt: skip


def test_misprints_show_where_the_forms_differ() -> None:
    judged = {claim.tag: judge(claim, 15) for claim in (RIGHT, WRONG)}
    table = as_tex(claims_table.misprints({"File": (RIGHT, WRONG)}, judged))
    assert r"$a < b$ \& $5\%$ of it" in table
    assert "$a = 1$: printed $2$, true $1$" in table
    rows = claims_table.ledger({"File": (RIGHT, WRONG)}, judged).blocks[0].rows
    assert [row[2].tex for row in rows] == ["proved", "refuted"]


def test_verdicts_are_kept_until_the_sources_change(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def in_this_process(
        claims: Sequence[Claim], *, digits: int, timeout: float, watch: Watch
    ) -> Iterator[Verdict]:
        for claim in claims:
            verdict = judge(claim, digits)
            watch.finished(verdict)
            yield verdict

    monkeypatch.setenv("KERNELCALC_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(verdicts, "run", in_this_process)
    claims = [claim for claim in collect() if claim.tag in ("D.5", "alpha/1")]
    heard: list[str] = []
    first = verdicts.verdicts(claims, heard.append)
    assert {tag: verdict.verdict for tag, verdict in first.items()} == {"D.5": "proved", "alpha/1": "refuted"}
    assert len(heard) == 2
    assert verdicts.verdicts(claims, heard.append) == first
    assert len(heard) == 2
    monkeypatch.setattr(verdicts, "_sources", lambda: "changed")
    assert verdicts.verdicts(claims[:1], heard.append).keys() == {claims[0].tag}
    assert len(heard) == 3


def test_what_verify_judged_serves_the_tables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From a fresh clone `kernelcalc verify` has warmed the cache for `kernelcalc tables`."""

    def in_this_process(claims: Sequence[Claim], **options: Any) -> Iterator[Verdict]:
        yield from (judge(claim, options["digits"]) for claim in claims)

    def nobody(claims: Sequence[Claim], **options: Any) -> Iterator[Verdict]:
        yield from (pytest.fail(f"{claim.tag} is judged again") for claim in claims)

    monkeypatch.setenv("KERNELCALC_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr("kernelcalc.verify.run.run", in_this_process)
    assert CliRunner().invoke(cli, ["verify", "--only", "D.5", "--digits", "10"]).exit_code == 0
    assert verdicts._kept() == {}
    assert CliRunner().invoke(cli, ["verify", "--only", "D.5"]).exit_code == 0
    monkeypatch.setattr(verdicts, "run", nobody)
    claims = [claim for claim in collect() if claim.tag == "D.5"]
    assert verdicts.verdicts(claims)["D.5"].verdict == "proved"
