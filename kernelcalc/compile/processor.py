"""What LLVM does not find by itself: the processor's own estimate of 1/sqrt.

roots.rsqrt_estimate and vecsingle.rsqrt_estimatef are portable arithmetic, so that loops around them become
vector code. In the finished code one AVX-512 instruction computes their results instead; what they were
computed from is then unused. Another estimate changes no more than the last bit of what is made from it, and
wherever the pattern is not found, the portable arithmetic stays.
"""

from __future__ import annotations

import re
import struct

from kernelcalc.compile.layout import RSQRT_CUBIC

NAME = r'(%(?:"[^"]+"|[\w.$-]+))'
KIND = r"(<\d+ x (?:double|float)>|double|float)"
WHOLE = {"double": 512 // 64, "float": 512 // 32}  # numbers in a register


def with_estimates(assembly: str, features: str) -> str:
    """LLVM assembly with the instruction for these estimates, where the target has it."""
    if not {"+avx512f", "+avx512vl"} <= set(features.split(",")):
        return assembly
    functions = re.split(r"(?m)^(?=define )", assembly)
    return functions[0] + "".join(map(_in_function, functions[1:])) + _declared()


def _hexadecimal(value: float) -> str:
    """A constant as LLVM writes it, float32 ones too."""
    return f"0x{struct.unpack('<Q', struct.pack('<d', value))[0]:016X}"


CUBIC = "|".join(
    _hexadecimal(value) for value in (RSQRT_CUBIC, *struct.unpack("<f", struct.pack("<f", RSQRT_CUBIC)))
)


def _in_function(text: str) -> str:
    definitions = dict(re.findall(rf"(?m)^  {NAME} = (.*)$", text))

    def made_of(name: str, pattern: str) -> str | None:
        """The operand that the pattern captures in the definition of name."""
        found = re.search(pattern, definitions.get(name, ""))
        return found[1] if found else None

    changed: dict[str, str] = {}
    for first, definition in definitions.items():
        started = re.search(rf"@llvm\.fma\.\w+\({KIND} {NAME}, .*(?:{CUBIC})", definition)
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


def _name(element: str, lanes: int) -> str:
    """The instruction for vectors of so many numbers; of 0 for one number."""
    letter = element[0].replace("f", "s")  # p or s for packed or single, then d or s for the kind
    size = WHOLE[element]
    return f"@llvm.x86.avx512.rsqrt14.{f'p{letter}.{512 * lanes // size}' if lanes else f's{letter}'}"


def _mask(lanes: int) -> str:
    return "i16" if lanes == 16 else "i8"


def _instruction(result: str, x: str, kind: str) -> str:
    if kind.startswith("<"):
        lanes, element = kind[1:-1].split(" x ")
        mask = _mask(int(lanes))
        call = f"{_name(element, int(lanes))}({kind} {x}, {kind} zeroinitializer, {mask} -1)"
        return f"  {result} = call {kind} {call}"
    tag = re.sub(r"\W", ".", result)
    low, estimate, several = f"%low{tag}", f"%estimate{tag}", _least(kind)
    call = f"{_name(kind, 0)}({several} {low}, {several} {low}, {several} zeroinitializer, i8 -1)"
    return (
        f"  {low} = insertelement {several} zeroinitializer, {kind} {x}, i32 0\n"
        f"  {estimate} = call {several} {call}\n"
        f"  {result} = extractelement {several} {estimate}, i32 0"
    )


def _least(element: str) -> str:
    """The smallest vectors there are."""
    return f"<{WHOLE[element] // 4} x {element}>"


def _declared() -> str:
    lines = []
    for element, whole in WHOLE.items():
        few = _least(element)
        lines.append(f"declare {few} {_name(element, 0)}({few}, {few}, {few}, i8)")
        for lanes in (whole // 4, whole // 2, whole):
            kind = f"<{lanes} x {element}>"
            lines.append(f"declare {kind} {_name(element, lanes)}({kind}, {kind}, {_mask(lanes)})")
    return "\n" + "\n".join(lines) + "\n"
