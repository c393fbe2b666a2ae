from dataclasses import replace

from pipeline_case import make, with_trials
from swapdae.experiment.stage_report import write_report
from swapdae.pipeline.run import Run
from swapdae.pipeline.scores import score_table, scores_of


def test_scores_are_those_of_the_reports(run: Run) -> None:
    empty = scores_of(run)
    assert empty["heads"]["lightgbm"] == {
        "features": "raw",
        "oof": None,
        "public": None,
        "private": None,
        "seconds": None,
    }
    run = with_trials(run)
    make(run)
    found = scores_of(run)
    for name, head in found["heads"].items():
        assert head["oof"] == run.report(f"heads/{name}").metrics["rmse"]
        assert head["public"] is None  # this host tells nothing without a submission
    assert found["blend"]["oof_cross_fitted"] == run.report("blend").metrics["cross_fitted"]
    assert found["heads"]["lightgbm"]["seconds"] >= run.report("tune/lightgbm").seconds
    lines = score_table(run, found).splitlines()
    assert lines.pop() == run.report("worth").metrics["sentence"] and lines.pop() == ""
    assert len(lines) == 2 + len(found["heads"]) + 2 and len({len(line) for line in lines}) == 1
    untrained = run.report("worth").metrics["ridge"]["untrained"]
    assert lines[-2].startswith("| ridge (not blended)") and f"| untrained dae | {untrained:.5f} " in lines[-2]

    # A submission of an older blend says nothing of this one where the host scores without submissions.
    for told_by, public in (("submit", 0.5), ("score", 0.25)):
        metrics = {"blend": {"public": public, "private": public}, "public": public, "private": public}
        run.directory(told_by).mkdir(exist_ok=True)
        write_report(run.directory(told_by), replace(run.report("blend"), metrics=metrics))
        assert scores_of(run)["blend"]["public"] == public
