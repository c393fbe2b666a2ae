"""The made-up experiment and its page, made once: nothing here is changed by a test."""

import pytest

from report_case import results
from swapdae.report.page import Section, page
from swapdae.report.result import headline
from swapdae.report.sections import SECTIONS
from swapdae.report.stage_results import StageResults


@pytest.fixture(scope="session")
def regression() -> StageResults:
    return results()


@pytest.fixture(scope="session")
def sections(regression: StageResults) -> dict[str, Section]:
    """Of the regression, by title."""
    return {section.title: section for section in (make(regression) for make in SECTIONS)}


@pytest.fixture(scope="session")
def html(regression: StageResults, sections: dict[str, Section]) -> str:
    """The regression's page."""
    return page("made_up", headline(regression), list(sections.values()))
