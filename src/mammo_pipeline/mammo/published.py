"""Figures that others published, for the reader to hold ours against, with caution."""

from __future__ import annotations

# Digital screening in the Breast Cancer Surveillance Consortium, 1,682,504 examinations of 2007 to
# 2013 (Lehman et al. 2017, Radiology 283:49). Its unit is the screen of a woman, not the breast.
BCSC = {
    "recall_rate": 0.116,
    "detection_per_1000": 5.1,
    "sensitivity": 0.869,
    "specificity": 0.889,
    "ppv": 0.044,
}

# The challenge, NYU, Ribli and MammoScreen publish AUROC on their own cases; the reader study gives
# readers without and with the software.
PUBLISHED = [
    ["BCSC, 1.68 million digital screens", "recall rate", BCSC["recall_rate"]],
    ["BCSC", "sensitivity", BCSC["sensitivity"]],
    ["BCSC", "specificity", BCSC["specificity"]],
    ["BCSC", "positive predictive value", BCSC["ppv"]],
    ["BCSC", "detection, per 1000 screens", BCSC["detection_per_1000"]],
    ["DREAM challenge, top algorithm, US", "AUROC", 0.858],
    ["DREAM challenge, top algorithm, Sweden", "AUROC", 0.903],
    ["DREAM challenge, ensemble with radiologist", "AUROC", 0.942],
    ["NYU", "AUROC", 0.895],
    ["Faster R-CNN (Ribli), INbreast", "AUROC", 0.95],
    ["MammoScreen reader study, without the software", "AUROC", 0.769],
    ["MammoScreen reader study, with the software", "AUROC", 0.797],
]
