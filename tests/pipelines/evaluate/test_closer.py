import numpy as np
import pandas as pd
import pytest

from mammo_pipeline.datasets.store import StoredImages
from mammo_pipeline.mammo.digest import digest_arrays
from mammo_pipeline.mammo.networks.families import build_image_net, read_network
from mammo_pipeline.mammo.networks.heat import malignancy_maps
from mammo_pipeline.mammo.shortcuts.masking import CONDITIONS
from mammo_pipeline.pipelines.evaluate import closer, page
from toy_study import CANVAS, NETWORK


@pytest.fixture(scope="module")
def arrays():
    network = build_image_net(read_network(NETWORK), seed=3, prevalence=0.3)
    return {v.path: np.asarray(v) for v in network.weights}


@pytest.fixture(scope="module")
def made(arrays):
    """(ensemble of two members, their readers, store, scores) with pixels of their own."""
    rng = np.random.default_rng(4)
    pixels = rng.integers(1000, 60000, (6, *CANVAS)).astype(np.uint16)
    pixels[:, :, -10:] = 0
    ids = [f"i{number}" for number in range(6)]
    index = pd.DataFrame({"image_id": ids, "position": range(6)})
    members = [
        {"name": name, "weight": weight, "sha256": digest_arrays(arrays)}
        for name, weight in (("a", 0.75), ("b", 0.25))
    ]
    ensemble = {
        "members": members,
        "network": NETWORK,
        "patch_loss": "one_against_rest",
        "flips": ["none"],
        "combination": {"method": "greedy", "intercept": 0.0, "reference": None},
    }
    scores = pd.DataFrame({"image_id": ids[::-1], "device": "A", "exam_id": "e"})
    scores = scores.assign(laterality="L", view=["CC", "MLO"] * 3)
    readers = {"a": lambda: arrays, "b": lambda: arrays}
    return ensemble, readers, StoredImages(pixels, index), scores


def look(made, parameters, standardize, **changes):
    ensemble, readers, store, scores = made
    return closer.look_closer(
        scores, changes.get("ensemble", ensemble), readers, store, standardize, parameters
    )


def test_every_scored_image_has_an_embedding_and_masked_scores(made, parameters, standardize):
    marks, embeddings, masked = look(made, parameters, standardize)
    assert (
        embeddings["image_id"].tolist()
        == masked["image_id"].tolist()
        == made[3]["image_id"].tolist()
    )
    assert set(masked) == {"image_id", *CONDITIONS}
    assert np.isfinite(embeddings.drop(columns="image_id").to_numpy()).all()
    assert set(marks["image_id"]) <= set(embeddings["image_id"])
    assert list(marks) == closer.MARK_COLUMNS


def test_a_masked_image_hides_what_lies_within_the_breast(made, parameters, standardize):
    _, _, before = look(made, parameters, standardize)
    ensemble, readers, store, scores = made
    # The middle of the breast, beyond the rim and the corners that stay.
    other = np.array(store.pixels)
    other[:, 30:38, 0:4] = 60000
    again = look(
        (ensemble, readers, StoredImages(other, store.index), scores), parameters, standardize
    )
    assert np.allclose(before["breast_blanked"], again[2]["breast_blanked"])
    assert np.allclose(before["corners_only"], again[2]["corners_only"])


def test_changed_weights_stop_the_closer_look(made, parameters, standardize):
    changed = [member | {"sha256": "0" * 64} for member in made[0]["members"]]
    with pytest.raises(ValueError, match="weights changed"):
        look(made, parameters, standardize, ensemble=made[0] | {"members": changed})


def test_a_net_without_heatmap_makes_no_marks(made, parameters, standardize, monkeypatch):
    monkeypatch.setattr("mammo_pipeline.mammo.networks.heat.malignancy_maps", lambda *_, **__: None)
    marks, embeddings, _ = look(made, parameters, standardize)
    assert marks.empty
    assert list(marks) == closer.MARK_COLUMNS
    assert len(embeddings) == 6


def test_each_view_of_a_case_is_shown_plain_and_with_heat(made, parameters):
    ensemble, readers, store, scores = made
    lesions = pd.DataFrame(
        {"image_id": ["i0"], "row_min": 5, "column_min": 5, "row_max": 20, "column_max": 20}
    )
    drawn = page.draw_images(scores[:2], ensemble, readers, store, lesions, 4)
    [views] = drawn.values()
    assert len(views) == 4
    assert all(view.dtype == np.uint8 and view.shape[2] == 3 for view in views)


def test_a_heatmap_is_read_by_the_loss_that_the_patches_were_learnt_with(made, arrays):
    ensemble, _, store, _ = made
    members, places = {"a": arrays, "b": arrays}, np.arange(6)
    for loss in ("softmax", "one_against_rest"):
        own = closer.map_images(ensemble | {"patch_loss": loss}, members, store.pixels, places, 4)
        expected = malignancy_maps(NETWORK, arrays, store.pixels, places, 4, loss)
        np.testing.assert_allclose(own, expected, atol=1e-5)


def test_masked_scores_do_not_depend_on_how_many_are_held_at_once(
    made, parameters, standardize, monkeypatch
):
    _, _, whole = look(made, parameters, standardize)
    monkeypatch.setattr(closer, "AT_ONCE", 4)
    _, _, parts = look(made, parameters, standardize)
    pd.testing.assert_frame_equal(whole, parts, rtol=1e-5)
