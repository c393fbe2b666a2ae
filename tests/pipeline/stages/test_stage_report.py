from swapdae.pipeline.run import Run
from swapdae.pipeline.stages import STAGES, report


def test_page_of_a_run_is_made_once_and_comes_back_when_deleted(run: Run) -> None:
    said: list[str] = []
    run = type(run)(run.paths, run.experiment, run.competition, "cpu", say=said.append)
    for stage in STAGES:
        stage.main(run)
    report.main(run)
    page = run.paths.oof("tiny") / "report.html"
    assert said[-1] == str(page)
    made = page.read_bytes()
    assert b"Left out" not in made and run.report("report").metrics["sections"]["Activations"] > 3
    assert f"{run.report('blend').metrics['cross_fitted']:.5f}".encode() in made
    page.unlink()
    said.clear()
    report.main(run)
    assert said == ["report: done before, nothing to do", str(page)] and page.read_bytes() == made


def test_page_says_what_has_not_run_and_is_made_anew_when_it_has(run: Run) -> None:
    report.main(run)
    page = run.paths.oof("tiny") / "report.html"
    assert "Left out: download has not run." in page.read_text()
    STAGES[0].main(run)
    report.main(run.again())
    assert "Left out: download has not run." not in page.read_text()
    assert "300 train and 120 test rows" in page.read_text()
