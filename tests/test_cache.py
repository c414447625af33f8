"""cache.py and store.py: warm starts without a compiler, and right results whatever happens to the files."""

import errno
import multiprocessing
import os
import resource
import signal
import stat
import subprocess
import sys
import tempfile
import threading
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kernelcalc import kept
from kernelcalc.compile import cache
from kernelcalc.store import ABANDONED_AFTER, MOST_FILES, KernelcalcCacheWarning, Store

SOURCE = """
from kernelcalc.compile.arithmetic.roots import sqrt

def roots(x, n, factor):
    for i in range(n):
        x[i] = factor * sqrt(x[i])
"""
ARGUMENTS = ("float64*", "int64", "float64")
SCRIPT = f"""
import sys
import numpy as np
from kernelcalc.compile import cache
x = np.arange(5.0) ** 2
cache.function({SOURCE!r}, "roots", {ARGUMENTS!r})(x.ctypes.data, 5, 2.0)
assert (x == [0, 2, 4, 6, 8]).all(), x
print(*(name for name in ("numba", "sympy") if name in sys.modules))
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache for every test; the functions of this process are forgotten."""
    monkeypatch.setenv("KERNELCALC_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(cache, "_functions", {})
    kept._store.cache_clear()
    return tmp_path / "signed-1"


def run(script: str = SCRIPT, **options: Any) -> str:
    result = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, **options
    )
    assert not result.stderr
    return str(result.stdout).strip()


def check() -> None:
    """The cached function of this process gives the right values."""
    x = np.arange(5.0) ** 2
    cache.function(SOURCE, "roots", ARGUMENTS)(x.ctypes.data, 5, 2.0)
    assert (x == [0, 2, 4, 6, 8]).all()


def compiles(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A list that grows by an entry with every compilation in this process."""
    compiled: list[str] = []
    original = cache._compile

    def counted(source: str, entry: str, *rest: Any) -> bytes:
        compiled.append(entry)
        return original(source, entry, *rest)

    monkeypatch.setattr(cache, "_compile", counted)
    return compiled


def code_file(folder: Path) -> Path:
    (path,) = folder.glob("code-*")
    return path


# --- what it is for


def test_second_process_needs_neither_numba_nor_sympy(folder: Path) -> None:
    assert run() == "numba"
    written = code_file(folder).stat().st_mtime_ns
    assert run() == ""
    assert code_file(folder).stat().st_mtime_ns == written


def test_files_are_private(folder: Path) -> None:
    check()
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}


def test_one_object_per_function() -> None:
    first = cache.function(SOURCE, "roots", ARGUMENTS)
    assert cache.function(SOURCE, "roots", ARGUMENTS) is first
    assert cache.function(SOURCE + "\n# other", "roots", ARGUMENTS) is not first


@pytest.mark.parametrize(
    "body", ["raise ValueError", "x[0] = np.zeros(3)[0]", "x[0] = [1.0, 2.0][int(x[0])]"]
)
def test_source_that_needs_the_runtime_is_refused(body: str) -> None:
    with pytest.raises(TypeError, match="entry may raise or allocate"):
        cache.function(f"import numpy as np\n\ndef entry(x):\n    {body}\n", "entry", ("float64*",))


def test_inlined_functions_have_no_machine_code_of_their_own() -> None:
    from kernelcalc.compile.arithmetic import roots
    from kernelcalc.compile.lowering import Inlined, Text

    check()
    function: Any = roots.sqrt
    assert {type(made.library) for made in function.overloads.values()} == {Text}
    assert type(function) is Inlined
    assert function(4.0) == 2.0  # for a call from Python there is


def test_text_is_generated_once_per_key() -> None:
    calls: list[str] = []

    def generate(value: str) -> Callable[[], str]:
        def call() -> str:
            calls.append(value)
            return value

        return call

    assert [kept.text("a", generate("α = 1")) for _ in range(2)] == ["α = 1"] * 2
    kept._store.cache_clear()  # as in a new process
    assert kept.text("a", generate("α = 1")) == "α = 1"
    assert kept.text("b", generate("b")) == "b"
    assert calls == ["α = 1", "b"]


# --- what may go wrong with the files: silently rebuilt


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: content[:-1] + bytes([content[-1] ^ 1]),
        lambda content: bytes([content[0] ^ 1]) + content[1:],
        lambda content: content[: len(content) // 2],
        lambda content: b"",
        lambda content: b"\x7fELF" + bytes(5000),
    ],
    ids=["last byte", "signature", "truncated", "empty", "foreign"],
)
def test_damaged_file_is_never_run_and_rebuilt(
    folder: Path, monkeypatch: pytest.MonkeyPatch, damage: Callable[[bytes], bytes]
) -> None:
    check()
    path = code_file(folder)
    path.write_bytes(damage(path.read_bytes()))
    assert Store(folder).get(path.name) is None
    compiled = compiles(monkeypatch)
    monkeypatch.setattr(cache, "_functions", {})
    check()
    assert compiled == ["roots"]
    assert Store(folder).get(path.name) is not None


def test_file_signed_with_another_secret_or_for_another_name(folder: Path, tmp_path: Path) -> None:
    other = Store(tmp_path / "other")
    mine = Store(folder)
    other.put("name", b"foreign")
    mine.put("name", b"mine")
    mine.put("elsewhere", b"moved")
    (folder / "name").write_bytes((tmp_path / "other" / "name").read_bytes())
    assert mine.get("name") is None
    (folder / "name").write_bytes((folder / "elsewhere").read_bytes())
    assert mine.get("name") is None
    assert mine.get("elsewhere") == b"moved"


@pytest.mark.parametrize("secret", [None, b"", b"short"])
def test_lost_secret_is_replaced(folder: Path, secret: bytes | None) -> None:
    store = Store(folder)
    store.put("name", b"before")
    if secret is None:
        (folder / "secret").unlink()
    else:
        (folder / "secret").write_bytes(secret)
    assert store.get("name") is None
    store.put("name", b"after")
    assert store.get("name") == b"after"


def test_killed_in_the_middle_of_a_write(folder: Path) -> None:
    killed = f"import os\nos.replace = lambda *_: os.kill(os.getpid(), {signal.SIGKILL.value})\n{SCRIPT}"
    with pytest.raises(subprocess.CalledProcessError, match="SIGKILL"):
        run(killed)
    (left,) = folder.iterdir()
    assert left.name.startswith(".tmp-")
    assert run() == "numba"
    assert run() == ""
    assert left.exists()  # it may belong to a live process
    os.utime(left, (0, time.time() - 2 * ABANDONED_AFTER))
    Store(folder).put("name", b"")
    assert not left.exists()


def test_oldest_files_make_room(folder: Path) -> None:
    store = Store(folder)
    store.put("code-old", b"")
    store.put("fact-old", b"fact")
    for name in ("code-old", "fact-old"):
        os.utime(folder / name, (0, 0))
    for k in range(MOST_FILES):
        (folder / f"code-{k}").touch()
    store = Store(folder)  # as another process
    store.put("code-new", b"new")
    assert store.get("code-old") is None
    assert store.get("code-new") == b"new"
    assert store.get("fact-old") == b"fact"  # many of one kind do not push another out
    assert len(list(folder.glob("code-*"))) == MOST_FILES


# --- folders that cannot be used: one warning, right results


def check_with_one_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for _ in range(2):
            monkeypatch.setattr(cache, "_functions", {})
            check()
    assert [w.category for w in caught] == [KernelcalcCacheWarning]
    assert "KERNELCALC_CACHE_DIR" in str(caught[0].message)


@pytest.mark.parametrize("code", [errno.EROFS, errno.ENOSPC, errno.EACCES, errno.EDQUOT])
def test_folder_that_cannot_be_written(folder: Path, monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    def fail(*args: Any, **options: Any) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(tempfile, "mkstemp", fail)
    check_with_one_warning(monkeypatch)


def test_disk_full_while_writing(folder: Path) -> None:
    limited = (
        f"import resource\nresource.setrlimit(resource.RLIMIT_FSIZE, (1000, {resource.RLIM_INFINITY}))\n"
    )
    quiet = "import warnings\nwarnings.simplefilter('ignore')\n"
    assert run(limited + quiet + SCRIPT) == "numba"
    assert [path.name for path in folder.iterdir()] == ["secret"]  # no half-written file is left


def test_file_in_place_of_the_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder.touch()
    check_with_one_warning(monkeypatch)


def test_folder_that_others_may_enter(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder.mkdir()
    folder.chmod(0o755)
    check_with_one_warning(monkeypatch)
    assert not list(folder.iterdir())


def test_folder_of_someone_else(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    check()
    owner = os.getuid()
    monkeypatch.setattr(os, "getuid", lambda: owner + 1)
    check_with_one_warning(monkeypatch)


def test_link_in_place_of_the_folder(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "target").mkdir(mode=0o700)
    folder.symlink_to(tmp_path / "target")
    check_with_one_warning(monkeypatch)


def test_file_that_others_may_write_is_not_read(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    check()
    code_file(folder).chmod(0o666)
    compiled = compiles(monkeypatch)
    check_with_one_warning(monkeypatch)
    assert len(compiled) == 1  # and written anew, with the right mode
    assert stat.S_IMODE(code_file(folder).stat().st_mode) == 0o600


# --- several at once


def test_eight_processes_on_an_empty_cache() -> None:
    processes = [
        subprocess.Popen([sys.executable, "-c", SCRIPT], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for _ in range(8)
    ]
    for process in processes:
        _, errors = process.communicate(timeout=120)
        assert (process.returncode, errors) == (0, b"")
    run()
    assert run() == ""


def test_eight_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    compiled = compiles(monkeypatch)
    start = threading.Barrier(8)
    wrong: list[BaseException] = []

    def work() -> None:
        try:
            start.wait()
            for _ in range(50):
                check()
        except AssertionError as error:
            wrong.append(error)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert compiled == ["roots"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.parametrize("when", ["after a call", "during a compilation"])
def test_fork(when: str) -> None:
    thread = threading.Thread(target=check)
    if when == "after a call":
        check()
    else:
        thread.start()
        time.sleep(0.05)
    child = multiprocessing.get_context("fork").Process(target=check)
    child.start()
    child.join(timeout=60)
    assert child.exitcode == 0
    if thread.ident:
        thread.join()
    check()
