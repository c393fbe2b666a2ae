from dataclasses import replace

from pipeline_case import make, with_trials
from swapdae.pipeline.run import Run


def test_page_of_a_run_is_made_once_and_comes_back_when_deleted(run: Run) -> None:
    said: list[str] = []
    run = replace(with_trials(run), say=said.append)
    make(run)
    make(run, "report")
    page = run.paths.oof("tiny") / "report.html"
    assert said[-1] == str(page)
    made = page.read_bytes()
    assert b"Left out" not in made and run.report("report").metrics["sections"]["Activations"] > 3
    assert f"{run.report('blend').metrics['cross_fitted']:.5f}".encode() in made
    page.unlink()
    said.clear()
    make(run, "report")
    assert said == ["report: done, nothing to do", str(page)] and page.read_bytes() == made


def test_page_says_what_has_not_run_and_is_made_anew_when_it_has(run: Run) -> None:
    make(run, "report")
    page = run.paths.oof("tiny") / "report.html"
    assert "Left out: download has not run." in page.read_text()
    make(run, "download")
    make(run, "report")
    assert "Left out: download has not run." not in page.read_text()
    assert "300 train and 120 test rows" in page.read_text()
