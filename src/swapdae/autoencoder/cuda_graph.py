"""A training step as one CUDA graph: nothing is launched or decided by the host but its replay."""

from collections.abc import Callable
from contextlib import suppress

import torch
from torch import Tensor

from swapdae.autoencoder.swap_noise import Rows

WARM_UP = 3  # batches before the capture


class CaptureError(Exception):
    """A step that cannot be captured; nothing has been changed."""


class GraphStep:
    """graph_step(rows) runs `step` on the first batches, so that everything is allocated, then captures `captured` once
    and replays it.

    The two do the same, but `captured` raises torch.OutOfMemoryError where `step` would try again with less. Raises
    CaptureError where the capture fails; whatever `step` raises is passed on.
    """

    def __init__(
        self, step: Callable[[Rows], Tensor], captured: Callable[[Rows], Tensor], generator: torch.Generator
    ) -> None:
        self._step, self._captured, self._generator, self._n_warm = step, captured, generator, 0
        self._graph: torch.cuda.CUDAGraph | None = None

    def __call__(self, rows: Rows) -> Tensor:
        if self._graph is None and self._n_warm < WARM_UP:
            self._n_warm += 1
            return self._aside(rows)
        if self._graph is None:
            self._rows = Rows(rows.x_cat.clone(), rows.x_bin.clone(), rows.x_num.clone())
            self._graph, self._result = capture(lambda: self._captured(self._rows), self._generator)
        self._rows.x_cat.copy_(rows.x_cat)
        self._rows.x_bin.copy_(rows.x_bin)
        self._rows.x_num.copy_(rows.x_num)
        self._graph.replay()
        return self._result.clone()

    def _aside(self, rows: Rows) -> Tensor:
        """On a stream of its own, as a capture wants it."""
        stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            result = self._step(rows)
        torch.cuda.current_stream().wait_stream(stream)
        return result


def capture(work: Callable[[], Tensor], generator: torch.Generator) -> tuple[torch.cuda.CUDAGraph, Tensor]:
    """`work` as a graph, which has not run yet, and its result, which every replay overwrites.

    Not by torch.cuda.graph: where ending the capture fails, too, that leaves its own stream the current one and the
    allocator in the capture. Raises CaptureError where either fails; stream, generator and allocator are then as they
    were.
    """
    torch.cuda.synchronize()
    torch.cuda.empty_cache()
    graph, pool, before = torch.cuda.CUDAGraph(), torch.cuda.graph_pool_handle(), generator.clone_state()
    graph.register_generator_state(generator)
    try:
        with torch.cuda.stream(torch.cuda.Stream()):  # type: ignore[no-untyped-call]
            graph.capture_begin(pool=pool)
            try:
                result = work()
            finally:
                _end(graph, pool)
        return graph, result
    except RuntimeError as error:
        reason = str(error.__context__ or error).splitlines()[0]
    # Here, not above: until the error is gone, its frames hold tensors in the graph's memory.
    graph.reset()
    generator.graphsafe_set_state(before)
    torch.cuda.empty_cache()
    raise CaptureError(reason)


def _end(graph: torch.cuda.CUDAGraph, pool: tuple[int, int]) -> None:
    try:
        graph.capture_end()
    except RuntimeError:
        with suppress(RuntimeError):  # where torch had already done it
            torch._C._cuda_endAllocateToPool(torch.cuda.current_device(), pool)
            torch._C._cuda_releasePool(torch.cuda.current_device(), pool)
        raise
