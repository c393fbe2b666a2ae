from dataclasses import replace

from swapdae.pipeline.run import Run
from swapdae.pipeline.stages import plan_of


def test_the_hosts_name_for_the_competition_is_part_of_the_key(run: Run) -> None:
    """One host may have several, with other answers."""
    other = replace(run, competition=run.competition.model_copy(update={"slug": "another"}))
    before, after = (plan_of(each).stages["score"].config for each in (run, other))
    assert before != after
    assert before == {**after, "slug": run.competition.slug}
