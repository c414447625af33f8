"""How objects show themselves in notebooks, as LaTeX and Markdown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sympy as sp

from kernelcalc.notation import latex

if TYPE_CHECKING:
    from kernelcalc.expectation.result import Expectation
    from kernelcalc.functions.base import Function
    from kernelcalc.verify.claim import Claim
    from kernelcalc.verify.judge import Verdict


def code(text: str) -> str:
    """Text as a piece of code in Markdown, whatever marks it contains."""
    return f"`` {text} ``" if "`" in text else f"`{text}`"


def function_latex(f: Function) -> str:
    masses = [sp.Mul(w, sp.Function("delta", real=True)(sp.Symbol("z", real=True) - t)) for t, w in f.deltas]
    return rf"$\displaystyle f(z) = {latex(sp.Add(f.expr, *masses))}$"


def expectation_latex(e: Expectation) -> str:
    """E[f(X) g(Y)] = ..., without the right side if there is no closed form."""
    second = "f" if e.f == e.g else "g"
    left = r"\mathbb{E}[f(Z)]" if e.g is None else rf"\mathbb{{E}}[f(X)\,{second}(Y)]"
    return rf"$\displaystyle {left}$" if e.expr is None else rf"$\displaystyle {left} = {latex(e.expr)}$"


def expectation_markdown(e: Expectation) -> str:
    reason = "" if e.closed_form else f"\n\nno closed form ({e.reason}); call it for values"
    return f"{code(repr(e))}: {expectation_latex(e)}{reason}"


def claim_latex(claim: Claim) -> str:
    return rf"$\displaystyle {latex(claim.holds)}$"


def claim_markdown(claim: Claim, verdict: Verdict | None) -> str:
    """Tag, statement, the forms, and the verdict if the claim has been judged."""
    lines = [f"**{claim.tag}** {claim.title} ({claim.source})"]
    lines += [code(claim.statement)] if claim.statement else []
    lines += [f"holds where {code(claim.conditions)}"] if claim.conditions else []
    if claim.corrected is None:
        lines.append(f"$${latex(claim.printed)}$$")
    else:
        lines += [f"printed: $${latex(claim.printed)}$$", f"corrected: $${latex(claim.corrected)}$$"]
        lines.append(claim.note)
    lines += [_verdict(verdict)] if verdict else []
    return "\n\n".join(lines)


def _verdict(verdict: Verdict) -> str:
    shown: list[Any] = [f"by symbols ({verdict.proof})"] if verdict.proof else []
    shown += [f"{verdict.digits} digits at {verdict.points} points"] if verdict.digits else []
    shown += [code(verdict.counterexample)] if verdict.counterexample else []
    shown += [verdict.reason] if verdict.reason else []
    return f"*{verdict.verdict}*: {', '.join(shown)}"
