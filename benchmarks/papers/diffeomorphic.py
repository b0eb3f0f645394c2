"""The tables of Dombrowski et al.: Diffeomorphic Counterfactuals with Generative Models, IEEE TPAMI
2024: on MNIST, its toy helix, and a digit's stroke in the place of pedestrians."""

from __future__ import annotations

from benchmarks.papers import fours_to_nines
from benchmarks.papers.evaluated import WEIGHTS
from benchmarks.papers.helix import helix_rows
from benchmarks.papers.tables import PaperTable, sentences
from benchmarks.papers.thickness import thickness_rows

__all__ = ["TABLES"]

PAPER = "Diffeomorphic Counterfactuals"
DISTANCES = "none is needed, distances are measured"
FLOW = """
- The flow is this bundle's, of other couplings, at 1.22 bits per dimension (paper: RealNVP, 1.21),
  on pictures padded to 32×32 pixels, whose border it leaves out.
"""
CLASSIFIER = """
- The classifier is this bundle's, right about 99.2 % of the test pictures (paper: 99 %), and was
  trained on turned and shifted pictures, too.
"""
MEASURED = """
- Pictures are measured as they are saved, in 8 bits; the searches see them unrounded.
- There are fewer pictures than the paper's 500, the first ones of MNIST's test set (`--data`).
"""
ON_MNIST = FLOW + CLASSIFIER + MEASURED
OTHERS = "- CelebA, CheXpert and Mall: none of these data sets and their networks is here."
BARS = "- The paper draws its figure without numbers."
IM1 = ("IM1", "± IM1")
L2 = ("L2 to source image", "± L2 to source image", "L2 to source class", "± L2 to source class")

TABLES: tuple[PaperTable, ...] = (
    PaperTable(
        "diffeomorphic.1", PAPER, "Table 1: IM1, four to nine, Λ .99",
        "autoencoders of the fours and of the nines (the bundle's `class_autoencoders`)", WEIGHTS,
        same=IM1,
        differences=sentences(ON_MNIST + """
- The autoencoders have dense layers and 16 latents, the paper's are convolutional VAEs that learnt
  for 100 epochs.
"""),
        missing=sentences(OTHERS), rows=fours_to_nines.interpretability, count=50,
    ),
    PaperTable(
        "diffeomorphic.2", PAPER, "Table 2: distances in X, four to nine, Λ .99", DISTANCES,
        WEIGHTS, same=L2, differences=sentences(ON_MNIST), missing=sentences(OTHERS),
        rows=fours_to_nines.distances_in_x, count=50,
    ),
    PaperTable(
        "diffeomorphic.3", PAPER, "Table 3: distances in Z, four to nine, Λ .99", DISTANCES,
        WEIGHTS, same=L2,
        differences=sentences(ON_MNIST + """
- The z of an answer found in Z is the search's own; that of an adversarial example is the flow's of
  the saved picture. Whether the paper encodes its answers anew is not said; the last column does so
  for both, and shows how far in z the rounding to 8 bits alone takes a picture.
- In this flow's z a search's end and the fours lie about 21 apart, in the paper's 40, so that only
  the order of the figures can be compared.
"""),
        missing=sentences(OTHERS), rows=fours_to_nines.distances_in_z, count=50,
    ),
    PaperTable(
        "diffeomorphic.4", PAPER, "Table 4: other approaches, Λ .5, on digits",
        "a linear SVM of raw pixels", WEIGHTS,
        differences=sentences("""
- The paper's table is of CelebA with Glow; here are fours to nines, so that no figure stands beside
  its.
""" + FLOW + CLASSIFIER + """
- Distances in z are the search's own where it went through the flow, else the flow's of the saved
  pictures, which the rounding alone takes far (diffeomorphic.3).
- Joshi's λ is .5 of the mean absolute difference, and its answers are to be .55 sure; Zhao's search
  draws 500 latents a step, in the autoencoder's 32 dimensions in the place of the flow's 784;
  Looveren's prototypes are of a density's draws, not of training pictures.
- Medians are of the successful runs, as far as there are any.
- The SVM is figure 11's.
"""),
        missing=("The computation time: other programs ran on the machine.",),
        rows=fours_to_nines.other_approaches, count=8,
    ),
    PaperTable(
        "diffeomorphic.figure7", PAPER,
        "Figure 7, right: eigenvalues of ∂g/∂z ∂g/∂zᵀ, averaged over pictures", DISTANCES, WEIGHTS,
        differences=sentences(FLOW + BARS),
        missing=("The flows of CelebA, CheXpert and Mall: they are not here.",),
        rows=fours_to_nines.spectrum, count=100,
    ),
    PaperTable(
        "diffeomorphic.toy", PAPER, "Section 4.1: the helix (figures 6, 7 left, 16, 17)",
        "the distance to the curve itself", "trained by this command",
        same=("median distance to the helix",),
        differences=sentences("""
- The flow has the paper's 12 affine couplings with networks 256-256, LeakyReLU, from the library
  zuko, which bounds the log-scale by s / (1 + |s|) in the place of the paper's tanh.
- Both searches are Adam's with a rate of .05, the default of the authors' code; the paper states
  none.
- The eigenvalues are the mean over the first 100 points, greatest first.
"""),
        rows=helix_rows, count=1000,
    ),
    PaperTable(
        "diffeomorphic.figure11", PAPER,
        "Figure 11, left: who else sees the nine, four to nine, Λ .99",
        "a linear SVM of raw pixels, and the bundle's oracle", WEIGHTS,
        differences=sentences(ON_MNIST + """
- The SVM learns 20 000 training pictures with `--data` (as here), else half of the bundle's test
  pictures; the paper's is right about 92 % of the test pictures.
- The oracle's column is ours.
""" + BARS),
        missing=sentences(OTHERS), rows=fours_to_nines.oracle, count=50,
    ),
    PaperTable(
        "diffeomorphic.regression", PAPER,
        "Figures 11 and 13, right: a regressor and its true measure",
        "Morpho-MNIST's measure of the stroke itself", WEIGHTS,
        differences=sentences("""
- The paper counts pedestrians of the Mall data set and judges by a larger U-Net; here the stroke's
  thickness is explained, which can be measured without a network.
- The start is pictures that the regressor finds thinner than 2.2 pixels (to more than 4) and
  thicker than 3 (to less than 1.8).
- Rates and steps are the paper's for MNIST, not for Mall.
- Neighbours are 3 of 400 training pictures with `--data` (as here), else of the bundle's last test
  pictures.
""" + BARS),
        rows=thickness_rows, count=10,
    ),
    PaperTable(
        "diffeomorphic.figure13", PAPER,
        "Figure 13, left: the ten nearest neighbours, four to nine, Λ .99",
        "test pictures, as many of each class, without the one that the search began at", WEIGHTS,
        differences=sentences(ON_MNIST + BARS), missing=sentences(OTHERS),
        rows=fours_to_nines.neighbours, count=50,
    ),
    PaperTable(
        "diffeomorphic.figure14", PAPER,
        "Figure 14 (20 for MNIST): distances to source image and class", DISTANCES, WEIGHTS,
        differences=sentences(ON_MNIST + """
- The paper draws histograms; here are quantiles of the same distances.
"""),
        missing=sentences(OTHERS), rows=fours_to_nines.distance_quantiles, count=50,
    ),
)  # fmt: skip
