"""What may be turned in `fabricate`."""

from __future__ import annotations

from pydantic import Field, field_validator

from mammo_pipeline.mammo.phantom.devices import find_device
from mammo_pipeline.parameters import Parameters


def check_devices(devices: dict[str, float]) -> dict[str, float]:
    """Returns the mapping unchanged when every name has a profile and the shares add up.

    Raises:
        ValueError: For an unknown device, a negative share, or shares that are all zero.
    """
    for name, share in devices.items():
        find_device(name)
        if share < 0:
            raise ValueError(f"the share of {name} is {share}, expected 0 or more")
    if not sum(devices.values()) > 0:
        raise ValueError(f"device shares {devices} add up to 0: name at least one device")
    return devices


class LaterCohortParameters(Parameters):
    """The cohort that comes later, without labels: what `drift` looks at."""

    women: int = Field(ge=1, description="Women in the later cohort, one exam each.")
    devices: dict[str, float] = Field(description="Device name to its share of the exams.")
    age_shift_years: float = Field(description="How much older its women are on average.")

    _check_devices = field_validator("devices")(check_devices)


class FabricateParameters(Parameters):
    """The made-up study."""

    seed: int = Field(ge=0, description="Decides every woman, texture and noise.")
    women: int = Field(ge=1, description="Women in the study; four views an exam.")
    prior_share: float = Field(ge=0, le=1, description="Women with an exam a year earlier, too.")
    cancer_share: float = Field(ge=0, le=1, description="Women with a cancer in one breast.")
    benign_share: float = Field(
        ge=0, le=1, description="Breasts with a benign lesion, cancerous breasts included."
    )
    binning: float = Field(
        ge=1, le=24, description="Stored pixel over the device's own; 1 is full size."
    )
    devices: dict[str, float] = Field(description="Device name to its share of the exams.")
    lesion_contrast: float = Field(
        gt=0, le=2, description="Absorption a lesion adds, where gland over fat is 1."
    )
    confounding: float = Field(
        ge=0, le=1, description="0: device independent of outcome; 1: all cancers on the first."
    )
    jobs: int = Field(ge=-1, description="Worker processes; -1 for one a core. Changes no result.")
    current: LaterCohortParameters = Field(description="The later cohort.")

    _check_devices = field_validator("devices")(check_devices)
