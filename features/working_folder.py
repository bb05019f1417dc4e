"""The working folder of a build, beside its OUT: what was finished before a kill is found again, and only once.

``.OUT.building`` holds the plan that its contents belong to, the partition files, and under ``built`` what will be OUT.
A thing is finished when it has its final name: it is written under another name, flushed to the disk, then renamed.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from features.errors import UserError

CONTENTS = ("matrix", "outcomes", "treatments", "columns.json", "manifest.json")
"""What a matrix folder holds, the manifest last: without it there is no matrix."""
LOCK, WORKERS, PLAN, REPLACING = "lock", "workers", "plan.json", "replacing"
COMPLETE = "complete"
ORPHANS_SECONDS = 60.0


@dataclass(frozen=True)
class Product:
    """What a build makes: its name, what OUT will hold (its manifest last), and the rooms in which its parts grow.

    ``about_it`` may lie beside it and speaks of what is there: gone with it.  With ``beside_others`` OUT may hold other
    things, which are left alone.
    """

    noun: str
    contents: tuple[str, ...]
    rooms: tuple[str, ...]
    suffix: str
    about_it: tuple[str, ...] = ()
    beside_others: bool = False

    @property
    def manifest(self) -> str:
        """The file that says that the rest is whole."""
        return self.contents[-1]


MATRIX = Product(
    "matrix", CONTENTS, ("matrix", "outcomes", "treatments"), "building", about_it=("profile.html", "profile.json")
)


@dataclass(frozen=True)
class WorkingFolder:
    """The working folder of what is built in ``out``, held by this process."""

    out: Path
    path: Path
    product: Product = MATRIX

    @classmethod
    @contextmanager
    def held(cls, out: Path, product: Product = MATRIX) -> Iterator[Self]:
        """The folder, locked against every other process until the end of the block; what is in it stays.

        The lock is the kernel's (flock), so that it ends with its process, however that ends.  Raises UserError where
        another process holds it, something else has its name, or ``out`` is not ours to replace.
        """
        work = cls(out, place_of(out, product), product)
        lock = _locked(work.path)
        try:
            work._check_room()
            yield work
        finally:
            os.close(lock)

    @property
    def partitions(self) -> Path:
        """Where the finished partition folders lie."""
        return self.path / "partitions"

    @property
    def built(self) -> Path:
        """Where the parts grow."""
        return self.path / "built"

    @property
    def workers(self) -> Path:
        """The file on which every worker process holds a shared lock."""
        return self.path / WORKERS

    def adopt(self, plan: dict[str, Any]) -> tuple[str, ...] | None:
        """Keep what is there if it is of this very plan, else throw it away.

        Returns None where things of this plan were found; otherwise what a plan thrown away had different from this
        one (empty where there was no plan).
        """
        former = read_json(self.path / PLAN)
        if former == json.loads(json.dumps(plan)) and self._is_whole():
            if not self.is_replacing:
                self._make_room()
            return None
        (self.path / PLAN).unlink(missing_ok=True)  # first: without a plan nothing here is trusted
        if (self.path / REPLACING).exists():
            write_text(self.path / REPLACING, "")  # OUT stays ours, though what was to come there is gone
        for name in ("partitions", "built"):
            remove(self.path / name)
        self._make_room()
        write_text(self.path / PLAN, json.dumps(plan, ensure_ascii=False, indent=1) + "\n")
        return tuple(sorted(key for key in former or {} if former and former[key] != plan.get(key)))

    def _is_whole(self) -> bool:
        """Not so where OUT was half replaced and then meddled with: every file must be what the manifest says."""
        if not self.is_replacing:
            return True

        def place(name: str) -> Path:
            return self.built / name if (self.built / name).exists() else self.out / name

        manifest = read_json(place(self.product.manifest))
        if manifest is None:
            return False
        files = manifest["files"] | ({"columns.json": manifest["columns"]} if "columns" in manifest else {})
        return all(place(name).is_file() and sha256(place(name)) == digest for name, digest in files.items())

    def _check_room(self) -> None:
        """Raise UserError unless OUT is new, empty, a product of ours, or was being replaced when its build was killed."""
        try:
            self._check_out()
        except UserError:
            if not any((self.path / name).exists() for name in (PLAN, REPLACING)):
                self._take_away()
            raise

    def _check_out(self) -> None:
        out = self.out
        if out.exists() and not out.is_dir():
            raise UserError(f"{out} is a file: name an empty or new folder")
        if out.is_mount():
            raise UserError(
                f"{out} is a mount point, which a finished {self.product.noun} cannot be moved to: name a folder inside it"
            )
        if self.product.beside_others:
            return
        contents = self.product.contents
        found = {path.name for path in out.iterdir()} if out.exists() else set()
        half_ours = (self.path / REPLACING).exists() and found <= {*contents, *self.product.about_it}
        if found and not (found >= set(contents) or half_ours):
            raise UserError(f"{out} is not empty and holds no {self.product.noun}: name an empty or new folder")

    def _make_room(self) -> None:
        """The folders to build in; names of what was not finished are taken away."""
        for name in (*self.product.rooms, "counts"):
            (self.built / name).mkdir(parents=True, exist_ok=True)
        remove(self.built / "unfinished")
        (self.built / "unfinished").mkdir()
        remove(self.path / "partitions.unfinished")

    @property
    def is_replacing(self) -> bool:
        """Whether a former process was killed while it put the finished matrix of this plan in its place."""
        mark = self.path / REPLACING
        return mark.exists() and mark.read_text("utf-8") == COMPLETE

    def partition_folders(self, write: Callable[[Path], object]) -> list[Path]:
        """The partition folders in order, which ``write`` makes under the folder it is given if there are none."""
        if not self.partitions.exists():
            unfinished = self.path / "partitions.unfinished"
            write(unfinished)
            for path in sorted(unfinished.rglob("*")):
                flush(path)
            unfinished.replace(self.partitions)
            flush(self.path)
        return sorted(self.partitions.iterdir())

    def replace_out(self) -> dict[str, Any]:
        """Put what is finished in the place of a former one, and take this folder away; returns the manifest.

        From the mark on, OUT is ours even while it is incomplete, and the same steps may be done again from anywhere.
        """
        write_text(self.path / REPLACING, COMPLETE)
        self.out.mkdir(exist_ok=True)
        if (self.built / self.product.manifest).exists():
            (self.out / self.product.manifest).unlink(missing_ok=True)
        for name in self.product.about_it:
            remove(self.out / name)
        for name in self.product.contents:
            if (self.built / name).exists():
                remove(self.out / name)
                (self.built / name).replace(self.out / name)
        flush(self.out)
        manifest: dict[str, Any] = json.loads((self.out / self.product.manifest).read_text("utf-8"))
        self._take_away()
        return manifest

    def discard(self) -> None:
        """Take the folder away with all that is in it: there is nothing to go on with."""
        self._take_away()

    def _take_away(self) -> None:
        (self.path / PLAN).unlink(missing_ok=True)
        for path in list(self.path.iterdir()):
            if path.name != LOCK:
                remove(path)
        (self.path / LOCK).unlink()
        try:
            self.path.rmdir()
        except OSError as error:  # somebody else builds here already
            if error.errno not in (errno.ENOTEMPTY, errno.ENOENT):
                raise


def place_of(out: Path, product: Product = MATRIX) -> Path:
    """The working folder of ``out``."""
    return out.parent / f".{out.name}.{product.suffix}"


def write_text(path: Path, text: str) -> None:
    """Write a small file whole or not at all."""
    unfinished = path.with_name(f"{path.name}.unfinished")
    unfinished.write_text(text, "utf-8")
    finish(unfinished, path)


def finish(unfinished: Path, path: Path) -> None:
    """Give a written file its final name, once it is safe on the disk."""
    flush(unfinished)
    unfinished.replace(path)
    flush(path.parent)


def flush(path: Path) -> None:
    """Wait until a file or folder is on the disk."""
    opened = os.open(path, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def remove(path: Path) -> None:
    """Take a file or a whole folder away, if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def sha256(path: Path) -> str:
    """The digest of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def hold_shared(path: Path) -> None:
    """Hold a shared lock on a file until this process ends."""
    fcntl.flock(os.open(path, os.O_RDWR | os.O_CREAT, 0o644), fcntl.LOCK_SH)


def read_json(path: Path) -> dict[str, Any] | None:
    """The record of a JSON file; None where there is none, or something else."""
    try:
        found = json.loads(path.read_text("utf-8"))
    except (FileNotFoundError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def _locked(path: Path) -> int:
    """The open lock file of a working folder, made if it is not there; no worker of a killed process is left."""
    path.parent.mkdir(parents=True, exist_ok=True)
    while True:
        try:
            if path.exists() and not (path.is_dir() and ((path / LOCK).exists() or not any(path.iterdir()))):
                raise UserError(
                    f"{path} is in the way, and not a working folder of ours: move it, or name another folder"
                )
            path.mkdir(exist_ok=True)
            lock = os.open(path / LOCK, os.O_RDWR | os.O_CREAT, 0o644)
        except FileNotFoundError:  # another process has just finished, and taken the folder away
            continue
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _is_still(path / LOCK, lock):
                _await_orphans(path / WORKERS)
                return lock
        except BlockingIOError:
            os.close(lock)
            raise UserError(
                f"{path} is held by another process that builds the same: wait for it, or name another folder"
            ) from None
        except BaseException:
            os.close(lock)
            raise
        os.close(lock)


def _is_still(path: Path, opened: int) -> bool:
    """Whether the open file is the one of that name, not one that was taken away."""
    try:
        return os.path.samestat(path.stat(), os.fstat(opened))
    except FileNotFoundError:
        return False


def _await_orphans(path: Path) -> None:
    """Wait for the workers of a killed process, which notice at once; a part they write must not come later."""
    opened = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    until = time.monotonic() + ORPHANS_SECONDS
    try:
        while True:
            try:
                fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > until:
                    raise UserError(
                        f"{path.parent}: workers of a killed build still run after {ORPHANS_SECONDS:.0f} s: end them, "
                        "then run the same command again"
                    ) from None
                time.sleep(0.05)
            else:
                return
    finally:
        os.close(opened)
