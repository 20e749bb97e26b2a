"""Room `check`: no pixel is read before the tables keep their contract."""

from kedro.pipeline import Pipeline, node

from mammo_pipeline.pipelines.check import lookalikes, nodes, splitting

CHECKED = ["images", "files", "lesions", "label_counts", "contract_rules", "params:check"]
CHECKED += ["near_duplicates"]
DRAWN = ["near_duplicates", "images", "raw_dicom", "pseudonym_key", "params:check"]
SPLIT_BY = ["images", "links", "near_duplicates", "split_lock", "contract", "contract_page"]
SPLIT_BY += ["params:check"]
SEALED = ["cohort", "test_truth", "known_lesions", "test_lesions"]


def create_pipeline() -> Pipeline:
    """Returns the room's pipeline."""
    return (
        Pipeline(
            [
                node(
                    splitting.find_near_duplicates,
                    inputs=["images", "reviewed_pairs", "params:check"],
                    outputs="near_duplicates",
                    name="find_near_duplicates",
                ),
                node(
                    lookalikes.show_near_duplicates,
                    inputs=DRAWN,
                    outputs="near_duplicates_page",
                    name="show_near_duplicates",
                ),
                node(
                    nodes.check_contract,
                    inputs=CHECKED,
                    outputs=["contract", "contract_suites"],
                    name="check_contract",
                ),
                node(
                    nodes.write_contract_page,
                    inputs=["contract", "images", "ingest_changes"],
                    outputs="contract_page",
                    name="write_contract_page",
                ),
            ]
        )
        + split_women()
    )


def split_women() -> Pipeline:
    """Returns what comes after the contract: sides are dealt, the test side is sealed."""
    return Pipeline(
        [
            node(
                splitting.draw_split,
                inputs=SPLIT_BY,
                outputs=["split", "split_record"],
                name="draw_split",
            ),
            node(
                splitting.seal_cohort,
                inputs=["images", "lesions", "split"],
                outputs=SEALED,
                name="seal_cohort",
            ),
            node(
                splitting.close_check,
                inputs=["contract", "split_record", "contract_page"],
                outputs=None,
                name="close_check",
            ),
        ]
    )
