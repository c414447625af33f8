"""A folder of signed private files: what another user or another program put there is never believed.

Every file is HMAC(secret, name + content) + content, written to a temporary name and moved into place, so a
reader sees all of it or nothing. The secret lies in the same folder, readable by its owner only. Whatever is
missing, truncated, altered or foreign counts as absent; a folder that cannot be used costs one warning, never
a wrong result.
"""

import hashlib
import hmac
import itertools
import os
import stat
import tempfile
import threading
import time
import warnings
from pathlib import Path

SECRET_BYTES = 32
TIDIED_EVERY = 100  # puts of a process, beginning with the first
SIGNATURE_BYTES = hashlib.sha256().digest_size
MOST_FILES = 512  # of a kind: what stands in a name before the first hyphen;
MOST_FACTS = 4096  # of those of a few bytes
TEMPORARY = ".tmp-"
ABANDONED_AFTER = 3600.0  # seconds after which a temporary file is taken for the rest of a killed process
OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH
OTHERS_ANYTHING = stat.S_IRWXG | stat.S_IRWXO


class KernelcalcCacheWarning(UserWarning):
    """The cache cannot be used: results are right, but are compiled anew in every process."""


class Refused(OSError):
    """A file or folder of the cache that is not safe to use."""


def _owned(status: os.stat_result) -> bool:
    return not hasattr(os, "getuid") or status.st_uid == os.getuid()


class Store:
    """Bytes by name in `folder`, which is created (mode 0700) when first needed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._warned = False
        self._puts = itertools.count()
        self._lock = threading.Lock()

    def get(self, name: str) -> bytes | None:
        """What was put under this name, or None: also for a file or folder that is not as it should be."""
        try:
            self._check_folder()
            signed = self._read(name)
            secret = self._read("secret")
        except FileNotFoundError:
            return None
        except OSError as error:
            self._warn(error)
            return None
        signature, content = signed[:SIGNATURE_BYTES], signed[SIGNATURE_BYTES:]
        return content if hmac.compare_digest(signature, _sign(secret, name, content)) else None

    def put(self, name: str, content: bytes) -> None:
        """Keep the content under this name, if the folder allows."""
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._check_folder()
            self._write(name, _sign(self._secret(), name, content) + content)
            if next(self._puts) % TIDIED_EVERY == 0:
                self._tidy()
        except OSError as error:
            self._warn(error)

    def _secret(self) -> bytes:
        """The secret on disk; a missing or damaged one is replaced (what it signed is then absent)."""
        try:
            secret = self._read("secret")
        except FileNotFoundError:
            secret = b""
        if len(secret) != SECRET_BYTES:
            self._write("secret", os.urandom(SECRET_BYTES))
            secret = self._read("secret")  # several processes may come here at once: the last one wins
        return secret

    def _check_folder(self) -> None:
        status = os.lstat(self.folder)
        if not stat.S_ISDIR(status.st_mode) or not _owned(status) or _mode(status, OTHERS_ANYTHING):
            raise Refused(f"{self.folder} must be a folder that you own and others cannot enter (chmod 700)")

    def _read(self, name: str) -> bytes:
        path = self.folder / name
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0))
        with open(descriptor, "rb") as file:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode) or not _owned(status) or _mode(status, OTHERS_WRITE):
                raise Refused(f"{path} must be a file that you own and others cannot write")
            return file.read()

    def _write(self, name: str, content: bytes) -> None:
        descriptor, temporary = tempfile.mkstemp(prefix=TEMPORARY, dir=self.folder)  # mode 0600
        try:
            with open(descriptor, "wb") as file:
                file.write(content)
            os.replace(temporary, self.folder / name)
        except OSError:
            Path(temporary).unlink(missing_ok=True)
            raise

    def _tidy(self) -> None:
        """Remove what killed processes left and, of too many files, the oldest."""
        now = time.time()
        kinds: dict[str, list[str]] = {}
        for name in os.listdir(self.folder):
            kinds.setdefault(name.partition("-")[0], []).append(name)
        for kind, names in kinds.items():
            paths, most = [self.folder / name for name in names], MOST_FACTS if kind == "fact" else MOST_FILES
            if kind + "-" == TEMPORARY:
                gone = [path for path in paths if now - _written(path) > ABANDONED_AFTER]
            else:
                gone = sorted(paths, key=_written)[: len(paths) - most] if len(paths) > most else []
            for path in gone:
                path.unlink(missing_ok=True)

    def _warn(self, error: OSError) -> None:
        with self._lock:
            if self._warned:
                return
            self._warned = True
        warnings.warn(
            f"cache folder {self.folder} cannot be used, compiling in memory: {error}; "
            "mend it or set KERNELCALC_CACHE_DIR to another folder",
            KernelcalcCacheWarning,
            stacklevel=2,
        )


def _written(path: Path) -> float:
    """When, or now if another process has just removed it."""
    try:
        return path.lstat().st_mtime
    except FileNotFoundError:
        return time.time()


def _mode(status: os.stat_result, bits: int) -> bool:
    """Permission bits mean nothing on Windows, where the profile folder is private by other means."""
    return os.name == "posix" and bool(status.st_mode & bits)


def _sign(secret: bytes, name: str, content: bytes) -> bytes:
    return hmac.digest(secret, name.encode() + b"\0" + content, "sha256")
