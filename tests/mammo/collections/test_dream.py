"""DREAM, by a sample made after its published format."""

from __future__ import annotations

from mammo_pipeline.mammo.collections import match_listing, read_collection
from mammo_pipeline.mammo.collections.matching import index_listing, state_values

EXAMS = """subjectId\texamIndex\tdaysSincePreviousExam\tcancerL\tcancerR\tinvL\tinvR\tage
1\t1\t.\t0\t0\t0\t0\t55
1\t2\t730\t1\t0\t1\t0\t57
2\t1\t.\t*\t0\t*\t0\t61
"""
IMAGES = """subjectId\texamIndex\timageIndex\tview\tlaterality\tfilename\tcancer
1\t1\t1\tCC\tL\t000001.dcm\t0
1\t2\t1\tMLO\tL\t000002.dcm\t1
2\t1\t1\tCC\tR\t000003.dcm\t0
"""
TABLES = {"exams_metadata.tsv": EXAMS, "images_crosswalk.tsv": IMAGES}


def test_each_breast_of_each_exam_has_its_outcome_and_an_unknown_one_no_row():
    labels = read_collection("dream", TABLES).labels
    assert labels[["exam", "laterality", "cancer", "truth"]].values.tolist() == [
        ["1 exam 1", "L", 0, "follow_up"],
        ["1 exam 1", "R", 0, "follow_up"],
        ["1 exam 2", "L", 1, "pathology"],
        ["1 exam 2", "R", 0, "follow_up"],
        ["2 exam 1", "R", 0, "follow_up"],
    ]


def test_files_are_known_by_name_and_first_exams_of_two_women_are_not_one():
    collection = read_collection("dream", TABLES)
    names = ["trainingData/000001.dcm", "trainingData/000003.dcm"]
    header = {"SOPClassUID": "1.2", "StudyDate": "20010101"}
    rows, _ = match_listing(names, [header] * 2, collection)
    stated = [state_values(index_listing(collection), row, header) for row in rows]
    assert [s["StudyInstanceUID"] for s in stated] == ["1 exam 1", "2 exam 1"]
    assert [s["StudyDate"] for s in stated] == ["", ""]
    assert [s["PatientAge"] for s in stated] == ["055Y", "061Y"]


def test_the_crosswalk_may_be_absent():
    collection = read_collection("dream", {"exams_metadata.tsv": EXAMS})
    assert len(collection.labels) == 5
    assert collection.listing.empty
