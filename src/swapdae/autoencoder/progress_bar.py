"""The bar that a training shows."""

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn


def progress_bar(title: str, total: int, *, disable: bool) -> Progress:
    """A bar of `total` steps, whose one task has the fields loss and speed, in rows/s."""
    bar = Progress(
        TextColumn(title),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("loss {task.fields[loss]}  {task.fields[speed]} rows/s"),
        TimeRemainingColumn(),
        disable=disable,
        refresh_per_second=2,
    )
    bar.add_task(title, total=total, loss="-", speed="-")
    return bar
