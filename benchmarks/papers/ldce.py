"""The tables of Schrodi, Farid, Argus, Brox: Latent Diffusion Counterfactual Explanations (LDCE),
2023, on digits."""

from __future__ import annotations

from benchmarks.papers.evaluated import JUDGE, WEIGHTS, PaperRow, measured
from benchmarks.papers.tables import Options, PaperTable, Row, sentences

__all__ = ["TABLES"]

PAPER = "LDCE"
ANGLES = (15.0, 30.0, 45.0, 60.0, 75.0, 90.0, 120.0, 180.0)
FRECHET = {"Fréchet distance, oracle's features": "frechet_oracle"}
KERNEL = {"kernel distance, oracle's features": "kernel_oracle"}
COLUMNS = {
    "precision, oracle's features": "precision_oracle",
    "recall, oracle's features": "recall_oracle",
    "L2 of latent codes": "code_l2",
    "L2": "l2",
    "FR": "flip_rate",
    "oracle agrees": "oracle_agreement",
}
DIFFERENCES = """
- The pictures are digits, test pictures with random targets, in the place of 10 000 of ImageNet's
  towards a neighbour in WordNet.
- The class-conditional diffusion is this bundle's, of latents of 4×8×8, with its settings: noise
  .5, 40 steps, and the weights 3.95 and 1.2 of table 5's text model, chosen on 160 training
  pictures; η is 3, as in the authors' code.
- Distances, precision and recall (k = 3) are in the 128 last features of the bundle's oracle, in
  the place of Inception's and DINOv2's, and latent codes are those of the bundle's autoencoder, in
  the place of VQ-f4's, so that the paper's figures do not stand beside them.
"""
NO_SUCH_TABLE = (
    "- The paper has no such table: in its table 5 γ is 45 to 90 degrees, tuned by hand."
)


def consensus(options: Options) -> list[Row]:
    """Table 1's ablation."""
    asked: dict[str, dict[str, object]] = {
        "LDCE without consensus (γ = 180°)": {"angle": 180.0},
        "LDCE, γ = 45°": {"angle": 45.0},
        "classifier-free guidance alone": {"guidance": "free"},
    }
    rows = [PaperRow({"method": title}, "ldce", own) for title, own in asked.items()]
    return measured(options, rows, FRECHET | COLUMNS)


def angles(options: Options) -> list[Row]:
    """The same for other angles."""
    rows = [PaperRow({"γ, degrees": int(angle)}, "ldce", {"angle": angle}) for angle in ANGLES]
    return measured(options, rows, KERNEL | COLUMNS)


TABLES: tuple[PaperTable, ...] = (
    PaperTable(
        "ldce.1", PAPER, "Table 1: with and without consensus", JUDGE, WEIGHTS,
        differences=sentences(DIFFERENCES),
        missing=sentences("""
- SVCE and DVCE: they need robust networks of ImageNet; rcsb.1 has a row of DVCE.
- LDCE-txt: it needs Stable Diffusion, which is not fetched here.
- The split distance (sFID): its halves would hold fewer pictures than the oracle has features. A
  dash is where fewer pictures flipped than that.
"""),
        rows=consensus, count=140,
    ),
    PaperTable(
        "ldce.angle", PAPER, "Table 1's question for other angles γ", JUDGE, WEIGHTS,
        differences=sentences(DIFFERENCES + NO_SUCH_TABLE), rows=angles, count=80,
    ),
    PaperTable(
        "ldce.2", PAPER, "Table 2: beside ACE",
        reason="Its three tasks are ImageNet's, and ACE is not built here; the same measures of "
        "LDCE on pairs of digits stand in rcsb.1.",
    ),
    PaperTable(
        "ldce.6", PAPER, "Table 6: CelebA-HQ",
        reason="It needs Stable Diffusion, CelebA-HQ and a classifier of its 40 attributes.",
    ),
)  # fmt: skip
