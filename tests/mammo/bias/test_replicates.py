import numpy as np
import pandas as pd
import pytest

from mammo_pipeline.mammo.bias.groups import list_cells
from mammo_pipeline.mammo.bias.replicates import draw_figures
from mammo_pipeline.mammo.calibration.errors import calibration_error, calibration_noise
from mammo_pipeline.mammo.intervals import draw_row_weights
from mammo_pipeline.mammo.operating import operating_figures
from mammo_pipeline.mammo.scoring import auroc


@pytest.fixture
def breasts():
    rng, n = np.random.default_rng(3), 120
    cancer = (rng.random(n) < 0.3).astype(float)
    logit = np.round(rng.normal(cancer, 1), 1)  # with ties
    return pd.DataFrame(
        {
            "patient_id": np.repeat(np.arange(n // 2), 2).astype(str),
            "cancer": cancer,
            "calibrated_logit": logit,
            "probability": 1 / (1 + np.exp(-logit)),
            "device": rng.choice(list("abc"), n),
        }
    )


def test_every_replicate_is_the_plain_figure_with_the_same_weights(breasts):
    cells = list_cells(breasts, "device")
    values, draws = draw_figures(breasts, cells, 0.6, 4, 25, np.random.default_rng(1))
    labels = breasts["cancer"].to_numpy()
    rng = np.random.default_rng(1)
    weights = np.concatenate(list(draw_row_weights(breasts["patient_id"], labels, 25, rng)))
    for number, cell in enumerate(cells):
        for side, mask in enumerate((cell.inside, cell.rest)):
            own, w = breasts[mask], weights[:, mask]
            p = own["probability"].to_numpy()
            plain = operating_figures(own["cancer"], p >= 0.6, w)
            plain["auroc"] = auroc(own["cancer"], own["calibrated_logit"], w)
            plain["in_the_large"] = w @ (own["cancer"] - p).to_numpy() / w.sum(1)
            plain["calibration_error"] = calibration_error(own["cancer"], p, 4, w)
            plain["calibration_noise"] = calibration_noise(own["cancer"], p, 4, w)
            for name, drawn in draws.items():
                np.testing.assert_allclose(drawn[number, side], plain[name], atol=1e-12)
            area = auroc(own["cancer"], own["calibrated_logit"])
            assert values["auroc"][number, side] == pytest.approx(float(area), abs=1e-12)


def test_an_empty_rest_and_a_missing_class_are_undefined_and_no_crash(breasts):
    cells = list_cells(breasts.assign(device="a"), "device")
    values, draws = draw_figures(breasts, cells, 0.6, 4, 5, np.random.default_rng(1))
    assert np.isnan(values["auroc"]).tolist() == [[False, True]]
    assert np.isnan(draws["recall_rate"][0, 1]).all()
    healthy = breasts.assign(cancer=0.0)
    found, _ = draw_figures(healthy, cells, 0.6, 4, 5, np.random.default_rng(1))
    assert np.isnan(found["sensitivity"][0, 0]) and np.isfinite(found["recall_rate"][0, 0])
