"""Reader studies made by the model of Roe and Metz (1997), for the tests of the reader study."""

import numpy as np
import pandas as pd

# Variances of the case, modality x case, reader x case and the rest, which add up to 1; and of the
# reader and reader x modality. As in their high-correlation structures.
PARTS = {"case": 0.3, "modality_case": 0.3, "reader_case": 0.2, "rest": 0.2}
READER = 0.011


def draw_scores(rng, labels, readers, modalities=2, apart=1.5, helped=0.0, reader=READER):
    """Scores (t, r, n): `apart` between the classes, `helped` more in the last modality."""
    t, r, n = modalities, readers, len(labels)
    spread = {name: np.sqrt(variance) for name, variance in PARTS.items()}
    # What readers and modalities add differs between the two truths.
    by_reader = rng.normal(0, np.sqrt(reader), (2, 1, r))[labels].transpose(1, 2, 0)
    by_both = rng.normal(0, np.sqrt(reader), (2, t, r))[labels].transpose(1, 2, 0)
    shift = np.full((t, 1, 1), apart)
    shift[-1] += helped
    return (
        shift * labels
        + by_reader
        + by_both
        + rng.normal(0, spread["case"], (1, 1, n))
        + rng.normal(0, spread["modality_case"], (t, 1, n))
        + rng.normal(0, spread["reader_case"], (1, r, n))
        + rng.normal(0, spread["rest"], (t, r, n))
    )


def make_table(rng, readers=5, cases=80, helped=0.5, with_model=True, per_patient=1):
    """A reader study as a table: unaided and aided, and the model's own rows."""
    labels = (np.arange(cases) < cases // 2).astype(int)
    scores = draw_scores(rng, labels, readers, helped=helped)
    rows = []
    names = [f"C{number:03d}" for number in range(cases)]
    for m, modality in enumerate(("unaided", "aided")):
        for r in range(readers):
            rows += [
                (f"R{r + 1}", case, f"P{number // per_patient:03d}", y, modality, round(s, 1))
                for number, (case, y, s) in enumerate(zip(names, labels, scores[m, r], strict=True))
            ]
    if with_model:
        own = 1.8 * labels + rng.normal(size=cases)
        rows += [
            ("model", case, f"P{number // per_patient:03d}", y, "standalone", s)
            for number, (case, y, s) in enumerate(zip(names, labels, own, strict=True))
        ]
    columns = ["reader_id", "case_id", "patient_id", "cancer", "modality", "score"]
    return pd.DataFrame(rows, columns=columns)
