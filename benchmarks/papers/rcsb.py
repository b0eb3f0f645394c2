"""The tables of Sobieski et al.: Rethinking Visual Counterfactual Explanations Through Region
Constraint (RCSB), ICLR 2025, on digits and on small faces."""

from __future__ import annotations

from benchmarks.papers import rcsb_rows
from benchmarks.papers.evaluated import JUDGE, WEIGHTS
from benchmarks.papers.tables import PaperTable, sentences

__all__ = ["TABLES"]

PAPER = "RCSB"
ON_DIGITS = """
- The pictures are digits of 32×32 pixels, test pictures, in the place of ImageNet's.
- Distances are between the 128 last features of the bundle's oracle, in the place of Inception's
  (FID) and SimSiam's (S3), so that the paper's figures do not stand beside them; a dash is where
  too few pictures flipped to measure one.
- The guidance scale s is a length over all values of the picture, of which a digit has 192 times
  fewer than the paper's pictures, so that the same s moves each value 14 times as far.
"""
CELLS = """
- The task is 4 ↔ 9, both ways, digits that resemble each other; the paper's are three of animals.
- Cells have the paper's share of the picture's side: c / 8, at least one pixel, so that a cell of 4
  in 256 is 1 in 32. Integrated gradients are zero on black ground, so that B and C, with areas of
  .2 and .3, have the same region wherever less than a fifth of the cells is ink.
"""
UNSPLIT = """
- The split distance (sFID): its halves would hold fewer pictures than the oracle has features.
"""
ON_FACES = """
- The pictures are faces of 64×64 pixels that a generator drew, in the place of ImageNet's, and the
  bridge learnt 7 500 of them for 8 700 steps.
- The faces' oracle looks at nine parts of a face and has no features of the whole one, so that
  there is no Fréchet distance; LPIPS (AlexNet) and SSIM to the factual are told in its place.
"""
FACE_JUDGE = "the small faces' classifier and its oracle, a network by another publisher"
FACE_WEIGHTS = "this repository's (assets/small-faces) and those that `studio bundles pull` fetches"

TABLES: tuple[PaperTable, ...] = (
    PaperTable(
        "rcsb.1", PAPER, "Table 1: beside other methods", JUDGE, WEIGHTS,
        differences=sentences(ON_DIGITS + CELLS + """
- LDCE, DVCE and FastDiME run at this bundle's settings, on the whole picture.
"""),
        missing=sentences("- ACE: it is not built here." + UNSPLIT),
        rows=rcsb_rows.with_others, count=24,
    ),
    PaperTable(
        "rcsb.2", PAPER, "Table 2, B and C: free-form regions, other inpainting", JUDGE, WEIGHTS,
        differences=sentences(ON_DIGITS + CELLS + """
- Free-form masks are strokes that we draw, the paper's come from a file of Palette's.
- RePaint, MCG and DDRM take this bundle's 50 steps, the paper's 250, 1 000 and 200.
"""),
        missing=sentences("""
- A, regions in words: a digit has no parts with names; rcsb.2.faces has them.
""" + UNSPLIT),
        rows=rcsb_rows.other_regions, count=24,
    ),
    PaperTable(
        "rcsb.2.faces", PAPER, "Table 2, A: regions in words, on small faces", FACE_JUDGE,
        FACE_WEIGHTS,
        differences=sentences(ON_FACES + """
- The regions are a face parser's, the paper's LangSAM's; none is left out for its size.
- The second settings are this bundle's, chosen by eye on 8 training faces.
"""),
        rows=rcsb_rows.words, count=8, bundle="small-faces",
    ),
    PaperTable(
        "rcsb.3", PAPER, "Table 3: eleven attributions", JUDGE, WEIGHTS,
        differences=sentences(ON_DIGITS + CELLS),
        missing=sentences("""
- Attributions with dashes: they are zero everywhere in some of the digits.
""" + UNSPLIT),
        rows=rcsb_rows.attributions, count=14,
    ),
    PaperTable(
        "rcsb.4", PAPER, "Table 4: diversity over seeds", JUDGE, WEIGHTS,
        differences=sentences(ON_DIGITS + CELLS + """
- Diversity is the Euclidean distance of the answers of two seeds; LPIPS, whose networks learnt
  photographs, is not computed of digits.
"""),
        rows=rcsb_rows.diversity, count=10,
    ),
    PaperTable(
        "rcsb.5", PAPER, "Table 5: network evaluations of an answer", "none is needed", WEIGHTS,
        same=("network, forward", "network, backward", "classifier, forward",
              "classifier, backward"),
        differences=sentences("""
- Calls are counted while a digit is explained, with the paper's steps; how large the networks are
  does not change them.
- LDCE asks its denoiser once for each condition, and goes backward once for the class and once for
  the distance, as its authors' code does.
- MCG goes backward a second time for agreement with what is known, and starts at τ = .95, beyond
  which our estimate of the clean picture is mere noise.
"""),
        missing=sentences("""
- RePaint: our sampler and the paper's count its resamplings differently.
- ACE: it is not built here.
- DVCE: the paper's has an auxiliary robust classifier and 16 views, ours neither.
"""),
        rows=rcsb_rows.evaluations, count=2,
    ),
    PaperTable(
        "rcsb.6", PAPER, "Table 6: settings that please the eye", JUDGE, WEIGHTS,
        differences=sentences(ON_DIGITS + CELLS + """
- The rows are corners of the ranges that the paper's text names; which settings a row of its table
  has is lost in the text that we read.
"""),
        missing=sentences(UNSPLIT),
        rows=rcsb_rows.appealing, count=12,
    ),
    PaperTable(
        "rcsb.figure3", PAPER, "Figure 3: the ladder of improvements", JUDGE, WEIGHTS,
        differences=sentences(ON_DIGITS + CELLS),
        missing=sentences(UNSPLIT),
        rows=rcsb_rows.ladder, count=48,
    ),
    PaperTable(
        "rcsb.figure3.faces", PAPER, "Figure 3: the ladder on small faces", FACE_JUDGE,
        FACE_WEIGHTS,
        differences=sentences(ON_FACES + """
- Cells have the paper's share of the picture's side: 4 pixels.
"""),
        rows=rcsb_rows.face_ladder, count=10, bundle="small-faces",
    ),
    PaperTable(
        "rcsb.ours", PAPER, "The paper's settings and ours", JUDGE, WEIGHTS,
        differences=sentences(ON_DIGITS + """
- The paper has no such table: it is why our settings differ. Targets are random.
"""),
        rows=rcsb_rows.settings, count=24,
    ),
    PaperTable(
        "rcsb.7", PAPER, "Table 7: tasks of shape",
        reason="It is table 1 on ImageNet classes that differ in shape; digits differ in nothing "
        "else, so that rcsb.1 asks the same.",
    ),
    PaperTable(
        "rcsb.8", PAPER, "Table 8: lower-level attributions",
        reason="It leaves out the strongest attributions before a region is taken, which on a "
        "digit of 32×32 pixels leaves the empty ground.",
    ),
    PaperTable(
        "rcsb.9", PAPER, "Table 9: other classifiers",
        reason="It needs ImageNet, a bridge that learnt it and robust classifiers.",
    ),
    PaperTable(
        "rcsb.10", PAPER, "Table 10: DiME and FastDiME",
        reason="It is ImageNet's; FastDiME has its rows in rcsb.1, and DiME is not built here.",
    ),
    PaperTable(
        "rcsb.11", PAPER, "Table 11: CelebA",
        reason="It needs CelebA, a bridge that learnt it and a classifier of its 40 attributes.",
    ),
    PaperTable(
        "rcsb.12", PAPER, "Table 12: CelebA-HQ",
        reason="It needs CelebA-HQ, a bridge that learnt it and a classifier of its attributes.",
    ),
)  # fmt: skip
