"""The table of rules by which patches are sampled: how many, in which images, and what counts."""

from __future__ import annotations

from difflib import get_close_matches
from typing import Annotated, Literal

from pydantic import Field, model_validator

from mammo_pipeline.parameters import Parameters

# What an overlap is a share of: of the lesion's box, of the patch, or of the smaller of both.
OverlapWith = Literal["roi", "patch", "either"]
RuleName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]


class LesionRule(Parameters):
    """Patches that show a lesion.

    The rule of end2end-all-conv (Shen et al. 2019): the overlap is more than a cutoff, which falls
    while tries fail.

    Attributes:
        kind: `lesion`.
        per_lesion: Patches on each.
        overlap_with: Overlap is a share of the lesion's box (`roi`), of the `patch`, or of
            `either`, whichever is more.
        cutoff: The overlap is more, at first.
        cutoff_step: How far the cutoff falls at a time.
        tries_per_step: Failed tries after which it falls.
        tries: Tries on a lesion before it gives fewer patches.
    """

    kind: Literal["lesion"]
    per_lesion: int = Field(ge=1)
    overlap_with: OverlapWith
    cutoff: float = Field(ge=0, lt=1)
    cutoff_step: float = Field(ge=0, lt=1)
    tries_per_step: int = Field(ge=1)
    tries: int = Field(ge=1)


class ElsewhereRule(Parameters):
    """What the rules for patches of no lesion share. Exactly one of the three counts is given.

    Attributes:
        images: `with_lesion`, those whose lesions are marked; `healthy`, those without a lesion
            and without cancer; or `both`. Where a breast has cancer and no malignant lesion is
            marked, the lesion may be anywhere: no rule takes that image.
        per_lesion: Patches of an image, for each of its lesions.
        per_image: Patches of an image.
        as_many_as: An earlier rule; as many patches as it found in the image.
        overlap_with: As of a lesion.
        overlap_most: Overlaps no lesion by more.
        breast_coverage: Share of the patch that is breast, at least.
    """

    images: Literal["with_lesion", "healthy", "both"]
    per_lesion: int | None = Field(default=None, ge=1)
    per_image: int | None = Field(default=None, ge=0)
    as_many_as: str | None = None
    overlap_with: OverlapWith
    overlap_most: float = Field(ge=0, le=1)
    breast_coverage: float = Field(ge=0, le=1)

    @model_validator(mode="after")
    def _refuse_two_counts(self) -> ElsewhereRule:
        counts = {name: getattr(self, name) for name in ("per_lesion", "per_image", "as_many_as")}
        given = [f"{name} {count}" for name, count in counts.items() if count is not None]
        if len(given) != 1:
            raise ValueError(
                f"{' and '.join(given) or 'no count'} given; expected exactly one of "
                f"{', '.join(counts)}; null takes one away that another environment has"
            )
        if self.images == "healthy" and self.per_image is None:
            raise ValueError(f"{given[0]} of healthy images, which have no lesion: give per_image")
        return self


class BackgroundRule(ElsewhereRule):
    """Patches of the breast, anywhere away from its lesions.

    Attributes:
        kind: `background`.
        tries: Places tried in an image before it gives fewer patches.
    """

    kind: Literal["background"]
    tries: int = Field(ge=1)


class BlobRule(ElsewhereRule):
    """Patches of bright blobs that are no lesion: negatives that are hard to tell from one.

    Attributes:
        kind: `blob`.
        scales: Standard deviations of the blobs that are looked for, as shares of the patch's
            side, so that they stay the same in mm on a canvas of another spacing.
        strength: A blob stands out by more, as a share of the grey range: about a fifth of the
            height of a Gaussian spot of its scale.
        overlap_among: Two patches of the rule overlap by no more, as a share of one.
    """

    kind: Literal["blob"]
    scales: tuple[Annotated[float, Field(gt=0, le=0.5)], ...] = Field(min_length=1)
    strength: float = Field(gt=0, lt=1)
    overlap_among: float = Field(ge=0, lt=1)


Rule = Annotated[LesionRule | BackgroundRule | BlobRule, Field(discriminator="kind")]


class Sampling(Parameters):
    """A table of rules, and what they share.

    Attributes:
        seed: Of all draws; those of a rule in an image depend on the seed, the image_id and the
            rule's name alone, so that another rule or image changes none of them.
        size_px: Rows and columns of a patch, in pixels of the canvas.
        rules: By name, in the order of the patches of an image.
    """

    seed: int = Field(ge=0)
    size_px: int = Field(ge=8)
    rules: dict[RuleName, Rule] = Field(min_length=1)

    @model_validator(mode="after")
    def _refuse_a_missing_rule(self) -> Sampling:
        earlier: list[str] = []
        for name, rule in self.rules.items():
            wanted = None if isinstance(rule, LesionRule) else rule.as_many_as
            if wanted is not None and wanted not in earlier:
                raise ValueError(
                    f"rule {name} wants as many as '{wanted}', expected an earlier rule: "
                    f"{', '.join(earlier) or 'none'}"
                )
            earlier.append(name)
        return self


def choose_sampling(
    name: str, samplings: dict[str, dict[str, Rule]], seed: int, size_px: int
) -> Sampling:
    """Returns the named table of rules as a sampling.

    Raises:
        ValueError: No table has the name; the nearest is offered.
    """
    if name not in samplings:
        near = get_close_matches(name, samplings, n=1)
        hint = f"; did you mean '{near[0]}'?" if near else "."
        raise ValueError(f"no sampling '{name}'{hint} Known: {', '.join(sorted(samplings))}")
    return Sampling(seed=seed, size_px=size_px, rules=samplings[name])
