import numpy as np
import pandas as pd
import pytest

from mammo_pipeline.mammo.comparison import compare_models
from mammo_pipeline.reporting.audit.comparison import show_comparison
from mammo_pipeline.reporting.page import render_page


@pytest.fixture(scope="module")
def breasts():
    rng = np.random.default_rng(41)
    cancer = (np.arange(200) % 4 == 0).astype(int)
    return pd.DataFrame(
        {
            "patient_id": np.repeat(np.arange(100), 2),
            "cancer": cancer,
            "new": rng.normal(size=200) + 1.5 * cancer,
            "old": rng.normal(size=200) + 0.7 * cancer,
        }
    )


def make_section(breasts, thresholds):
    rng = np.random.default_rng(0)
    record = compare_models(breasts, "new", "old", thresholds, 200, 0.95, rng)
    return record, show_comparison(record)


def test_every_difference_is_shown_with_both_p(breasts):
    record, section = make_section(breasts, {"new": 0.5, "old": 0.5})
    rows = {row[0]: row for row in section["table"]["rows"]}
    assert list(rows) == ["AUROC", "sensitivity", "specificity", "recall rate"]
    assert rows["AUROC"][3] == record["auroc"]["difference"]
    assert rows["AUROC"][5] == record["auroc"]["delong"]["p"]
    assert rows["sensitivity"][4] == record["operating"]["sensitivity"]["p"]
    assert rows["sensitivity"][5] == record["operating"]["sensitivity"]["mcnemar"]["p"]
    assert f"{record['auroc']['difference']['value']:.3f} (" in section["text"]
    render_page({"title": "t", "sections": [section]})


def test_without_thresholds_it_says_that_only_the_ranking_is_compared(breasts):
    _, section = make_section(breasts, None)
    assert "only the ranking is compared" in section["text"]
    assert len(section["table"]["rows"]) == 1


def test_what_cannot_be_compared_says_why_on_the_page(breasts):
    _, section = make_section(breasts.assign(cancer=0), {"new": 0.5, "old": 0.5})
    html = render_page({"title": "t", "sections": [section]})
    assert "cannot be estimated, n = 200: no case with cancer" in html
    assert "nothing to count: no breast with cancer" in html
