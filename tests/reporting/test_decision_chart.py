from xml.etree import ElementTree

from mammo_pipeline.reporting.decision_chart import decision_curve


def make_record(low=0.05):
    band = {"low": low, "high": None if low is None else 0.2}
    return {
        "thresholds": [0.1, 0.2, 0.3],
        "model": [{"value": v, **band} for v in (0.15, 0.1, 0.08)],
        "treat_all": [0.14, 0.0, -3.0],
        "treat_none": [0.0, 0.0, 0.0],
        "prevalence": 0.2,
    }


def test_three_curves_are_named_and_told_apart_without_colour():
    svg = decision_curve(make_record(), "D")
    for name in ("model", "recall all", "recall none"):
        assert f">{name}</text>" in svg
    assert svg.count("stroke-dasharray") >= 3


def test_a_curve_without_a_band_is_drawn():
    svg = decision_curve(make_record(None), "D")
    assert ">model</text>" in svg
    assert "fill-opacity: 0.18" not in svg
    assert "fill-opacity: 0.18" in decision_curve(make_record(), "D")


def test_the_fall_of_recalling_all_does_not_flatten_the_chart():
    svg = decision_curve(make_record(), "D")
    assert "−3" not in svg
    assert "0.10" in svg


def test_the_chart_is_well_formed_follows_the_page_and_is_the_same_each_time():
    svg = decision_curve(make_record(), "D")
    assert ElementTree.fromstring(svg).attrib["aria-label"] == "D"
    assert "#0101" not in svg
    assert svg == decision_curve(make_record(), "D")
