"""The tables of the Diffeomorphic paper: on MNIST, its toy helix, and a digit's stroke."""

from __future__ import annotations

from benchmarks.papers import fours_to_nines
from benchmarks.papers.helix import helix_rows
from benchmarks.papers.tables import PaperTable
from benchmarks.papers.thickness import thickness_rows

__all__ = ["TABLES"]

PAPER = "Diffeomorphic Counterfactuals"
WEIGHTS = "this repository's (assets/digits/bundle.json)"
NONE = "none is needed: distances"
OTHER_DATA = "CelebA, CheXpert and Mall: none of these data sets and their networks is here."
FLOW = (
    "The flow is this bundle's, of other couplings, at 1.22 bits per dimension (paper: RealNVP, "
    "1.21), on pictures padded to 32×32 pixels, whose border it leaves out."
)
CLASSIFIER = (
    "The classifier is this bundle's, right about 99.2 % of the test pictures (paper: 99 %), and "
    "was trained on turned and shifted pictures, too."
)
SAVED = "Pictures are measured as they are saved, in 8 bits; the searches see them unrounded."
FEWER = "There are fewer pictures than the paper's 500."
MNIST = (FLOW, CLASSIFIER, SAVED, FEWER)
IM1 = ("IM1", "± IM1")
L2 = ("L2 to source image", "± L2 to source image", "L2 to source class", "± L2 to source class")

TABLES: tuple[PaperTable, ...] = (
    PaperTable(
        "diffeomorphic.1",
        PAPER,
        "Diffeomorphic, table 1: IM1, four to nine, Λ .99",
        "autoencoders of the fours and of the nines (the bundle's `class_autoencoders`)",
        WEIGHTS,
        same=IM1,
        differences=(
            *MNIST,
            (
                "The autoencoders have dense layers and 16 latents, the paper's are convolutional "
                "VAEs that learnt for 100 epochs."
            ),
        ),
        missing=(OTHER_DATA,),
        rows=fours_to_nines.interpretability,
        count=100,
    ),
    PaperTable(
        "diffeomorphic.2",
        PAPER,
        "Diffeomorphic, table 2: distances in X, four to nine",
        NONE,
        WEIGHTS,
        same=L2,
        differences=MNIST,
        missing=(OTHER_DATA,),
        rows=fours_to_nines.distances_in_x,
        count=100,
    ),
    PaperTable(
        "diffeomorphic.3",
        PAPER,
        "Diffeomorphic, table 3: distances in Z, four to nine",
        NONE,
        WEIGHTS,
        same=L2,
        differences=(
            *MNIST,
            (
                "z of an answer found in Z is the search's own; that of an adversarial example is "
                "the flow's of the saved picture. Whether the paper encodes its answers anew is "
                "not said; the last column does so for both."
            ),
        ),
        missing=(OTHER_DATA,),
        rows=fours_to_nines.distances_in_z,
        count=100,
    ),
    PaperTable(
        "diffeomorphic.4",
        PAPER,
        "Diffeomorphic, table 4: other approaches, Λ .5, on digits",
        "a linear SVM of raw pixels",
        WEIGHTS,
        differences=(
            (
                "The paper's table is of CelebA with Glow; here are fours to nines, so that no "
                "figure stands beside its."
            ),
            FLOW,
            CLASSIFIER,
            (
                "Distances in z are the search's own where it went through the flow, else the "
                "flow's of the saved pictures, which the rounding alone takes far "
                "(diffeomorphic.3)."
            ),
            (
                "Joshi's λ is .5 of the mean absolute difference, and its answers are to be .55 "
                "sure; Zhao's search draws 500 latents a step, in the autoencoder's 32 dimensions "
                "in the place of the flow's 784; Looveren's prototypes are of a density's draws, "
                "not of training pictures."
            ),
            "Medians are of the successful runs, as far as there are any.",
            "Seconds were taken on one thread while other work ran, 50 pictures at once.",
        ),
        rows=fours_to_nines.other_approaches,
        count=40,
    ),
    PaperTable(
        "diffeomorphic.figure7",
        PAPER,
        "Diffeomorphic, figure 7: eigenvalues of ∂g/∂z ∂g/∂zᵀ, averaged over pictures",
        NONE,
        WEIGHTS,
        differences=(FLOW, "The paper draws a curve without numbers."),
        missing=("The flows of CelebA, CheXpert and Mall: they are not here.",),
        rows=fours_to_nines.spectrum,
        count=100,
    ),
    PaperTable(
        "diffeomorphic.toy",
        PAPER,
        "Diffeomorphic, section 4.1: the helix (figures 6, 7 left, 16, 17)",
        "the distance to the curve itself",
        "trained by this command",
        same=("median distance to the helix",),
        differences=(
            (
                "The flow has the paper's 12 affine couplings with networks 256-256, LeakyReLU, "
                "from the library zuko, whose scale is bounded otherwise than by the paper's tanh."
            ),
            (
                "Both searches are Adam's with a rate of .05, the default of the authors' code; "
                "the paper states none."
            ),
            "The eigenvalues are the mean over the first 100 points, greatest first.",
        ),
        rows=helix_rows,
        count=1000,
    ),
    PaperTable(
        "diffeomorphic.figure11",
        PAPER,
        "Diffeomorphic, figure 11, left: who else sees the nine, four to nine, Λ .99",
        "a linear SVM of raw pixels, and the bundle's oracle",
        WEIGHTS,
        differences=(
            *MNIST,
            (
                "The SVM learns 20 000 training pictures with `--data`, else half of the bundle's "
                "test pictures; the paper's is right about 92 % of the test pictures."
            ),
            "The paper draws bars without numbers; the oracle's column is ours.",
        ),
        missing=(OTHER_DATA,),
        rows=fours_to_nines.oracle,
        count=100,
    ),
    PaperTable(
        "diffeomorphic.regression",
        PAPER,
        "Diffeomorphic, figures 11 and 13, right: a regressor and its true measure",
        "Morpho-MNIST's measure of the stroke itself",
        WEIGHTS,
        differences=(
            (
                "The paper counts pedestrians of the Mall data set and judges by a larger U-Net; "
                "here the stroke's thickness is explained, which can be measured without a "
                "network."
            ),
            (
                "The start is pictures that the regressor finds thinner than 2.2 pixels (to more "
                "than 4) and thicker than 3 (to less than 1.8)."
            ),
            "Rates and steps are the paper's for MNIST, not for Mall.",
            (
                "Neighbours are 3 of 400 training pictures with `--data`, else of the bundle's "
                "last test pictures."
            ),
            "The paper draws bars without numbers.",
        ),
        rows=thickness_rows,
        count=50,
    ),
    PaperTable(
        "diffeomorphic.figure13",
        PAPER,
        "Diffeomorphic, figure 13, left: the ten nearest neighbours, four to nine",
        "test pictures, as many of each class, without the one that the search began at",
        WEIGHTS,
        differences=(*MNIST, "The paper draws bars without numbers."),
        missing=(OTHER_DATA,),
        rows=fours_to_nines.neighbours,
        count=100,
    ),
    PaperTable(
        "diffeomorphic.figure14",
        PAPER,
        "Diffeomorphic, figure 14 (20 for MNIST): distances to source image and class",
        NONE,
        WEIGHTS,
        differences=(
            *MNIST,
            ("The paper draws histograms; here are quantiles of the same distances."),
        ),
        missing=(OTHER_DATA,),
        rows=fours_to_nines.distance_quantiles,
        count=100,
    ),
)
