"""What LLVM does not find by itself: the processor's own estimate of 1/sqrt.

vecmath.rsqrt_estimate is portable arithmetic, so that loops around it become vector code. In the finished
code its result is computed by one AVX-512 instruction instead; what it was computed from is then unused. A
better estimate changes no more than the last bit of what is made from it, and wherever the pattern is not
found, the portable arithmetic stays.
"""

from __future__ import annotations

import re
import struct

from kernelcalc.compile.layout import RSQRT_CUBIC

NAME = r'(%(?:"[^"]+"|[\w.$-]+))'
BITS = {2: 128, 4: 256, 8: 512}


def with_estimates(assembly: str, features: str) -> str:
    """LLVM assembly with the instruction for vecmath.rsqrt_estimate, where the target has it."""
    if not {"+avx512f", "+avx512vl"} <= set(features.split(",")):
        return assembly
    cubic = f"0x{struct.unpack('<Q', struct.pack('<d', RSQRT_CUBIC))[0]:016X}"
    functions = re.split(r"(?m)^(?=define )", assembly)
    return functions[0] + "".join(_in_function(text, cubic) for text in functions[1:]) + _declared()


def _in_function(text: str, cubic: str) -> str:
    definitions = dict(re.findall(rf"(?m)^  {NAME} = (.*)$", text))

    def made_of(name: str, pattern: str) -> str | None:
        """The operand that the pattern captures in the definition of name."""
        found = re.search(pattern, definitions.get(name, ""))
        return found[1] if found else None

    changed: dict[str, str] = {}
    for first, definition in definitions.items():
        started = re.search(rf"@llvm\.fma\.\w+\((<\d x double>|double) {NAME}, .*{cubic}", definition)
        if not started:
            continue
        kind, e = started.groups()
        pairs = [f"{kind} {x}, {kind} {y}," for x, y in ((e, first), (first, e))]
        (second,) = (n for n, d in definitions.items() if any(pair in d for pair in pairs))
        for result, last in definitions.items():
            start = re.search(rf"@llvm\.fma\.\w+\(.* {NAME}\)", last) if f" {second}," in last else None
            x: str | None = start[1] if start else None
            for pattern in ("bitcast .*? {} to", "sub .*, {}", "lshr .*? {}, ", "bitcast .*? {} to"):
                x = made_of(x, pattern.format(NAME)) if x else None
            if x:
                changed[result] = _instruction(result, x, kind)
    return re.sub(rf"(?m)^  {NAME} = .*$", lambda line: changed.get(line[1], line[0]), text)


def _instruction(result: str, x: str, kind: str) -> str:
    if kind != "double":
        name = f"@llvm.x86.avx512.rsqrt14.pd.{BITS[int(kind[1])]}"
        return f"  {result} = call {kind} {name}({kind} {x}, {kind} zeroinitializer, i8 -1)"
    tag = re.sub(r"\W", ".", result)
    low, estimate, pair = f"%low{tag}", f"%estimate{tag}", "<2 x double>"
    call = f"@llvm.x86.avx512.rsqrt14.sd({pair} {low}, {pair} {low}, {pair} zeroinitializer, i8 -1)"
    return (
        f"  {low} = insertelement {pair} zeroinitializer, double {x}, i32 0\n"
        f"  {estimate} = call {pair} {call}\n"
        f"  {result} = extractelement {pair} {estimate}, i32 0"
    )


def _declared() -> str:
    lines = ["declare <2 x double> @llvm.x86.avx512.rsqrt14.sd(<2 x double>, <2 x double>, <2 x double>, i8)"]
    for n, bits in BITS.items():
        lines.append(
            f"declare <{n} x double> @llvm.x86.avx512.rsqrt14.pd.{bits}(<{n} x double>, <{n} x double>, i8)"
        )
    return "\n" + "\n".join(lines) + "\n"
