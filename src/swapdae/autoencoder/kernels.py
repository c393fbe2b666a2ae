"""Compiled code of a transformer block on a CPU: block.cpp, built once per machine by its C++ compiler."""

import ctypes
import functools
import hashlib
import logging
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import torch
from torch import Tensor

logger = logging.getLogger(__name__)
SOURCE = Path(__file__).with_name("block.cpp")
FLAGS = ("-std=c++17", "-O3", "-march=native", "-fopenmp", "-fno-math-errno", "-fno-trapping-math", "-w")
DTYPES = {torch.float32: 32, torch.bfloat16: 16}
HEADS = (1, 2, 4, 8, 16)
LANES = 16


class Kernels:
    """block.cpp's functions on tensors: contiguous, of one of DTYPES; biases, norms' weights and sums are float32."""

    def __init__(self, library: ctypes.CDLL) -> None:
        self._library = library

    def __call__(self, name: str, dtype: torch.dtype, *arguments: Tensor | int | float | None) -> None:
        """Call function `name`; tensors are handed over by address, None as a null pointer."""
        getattr(self._library, name)(DTYPES[dtype], *map(_c, arguments))


def _c(argument: Tensor | int | float | None) -> object:
    if isinstance(argument, Tensor):
        return ctypes.c_void_p(argument.data_ptr())
    if isinstance(argument, float):
        return ctypes.c_float(argument)
    return ctypes.c_void_p() if argument is None else ctypes.c_long(argument)


@functools.cache
def kernels() -> Kernels | None:
    """The compiled functions, or None, with a warning, where there is no compiler or it fails."""
    compiler = os.environ.get("CXX") or shutil.which("g++") or shutil.which("clang++")
    if compiler is None:
        logger.warning("no C++ compiler (g++ or clang++) found: the transformer trains several times slower")
        return None
    try:
        return Kernels(ctypes.CDLL(str(_built(compiler))))
    except (OSError, subprocess.CalledProcessError) as error:
        reason = getattr(error, "stderr", None) or str(error)
        logger.warning("block.cpp does not build, the transformer trains several times slower: %s", reason)
        return None


def _built(compiler: str) -> Path:
    """The library for this source, compiler and processor, from the user's cache or built into it."""
    native = [compiler, *FLAGS, "-E", "-v", "-x", "c++", os.devnull]
    version = subprocess.run(native, capture_output=True, text=True, check=True).stderr
    key = hashlib.sha256(f"{SOURCE.read_text()}{FLAGS}{version}".encode()).hexdigest()[:16]
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "swapdae"
    library = folder / f"block-{key}.so"
    if library.exists():
        return library
    try:
        folder.mkdir(parents=True, exist_ok=True)
        aside = Path(tempfile.mkdtemp(dir=folder))
    except OSError:  # a home that cannot be written
        folder = aside = Path(tempfile.mkdtemp())
    try:
        command = [compiler, *FLAGS, "-shared", "-fPIC", str(SOURCE), "-o", str(aside / library.name)]
        subprocess.run(command, capture_output=True, text=True, check=True)
        return (aside / library.name).replace(folder / library.name)
    finally:
        if aside != folder:
            shutil.rmtree(aside)
