"""The tables of Lenkiewicz et al.: Plausible Visual Counterfactual Explanations in Latent Space
with Normalizing Flows (PLACE), 2026."""

from __future__ import annotations

import torch

from backends import bundles
from benchmarks.digits import answers, of_class
from benchmarks.papers.faces import smiles
from benchmarks.papers.tables import Options, PaperTable, Row, beside, sentences

__all__ = ["TABLES"]

PAPER = "PLACE"
CHANGES = ((0, 8), (1, 5))
OWN: dict[str, object] = {  # section 4.1; the paper names no number of steps
    "decision": "margin", "decision_weight": 10.0, "distance_weight": 1.0,
    "plausibility_weight": 10.0, "rate": 0.01, "steps": 1000,
}  # fmt: skip
ASKED: list[tuple[str, str, dict[str, object]]] = [
    ("place", "the paper's", OWN),
    ("place", "this program's", {}),
    ("revise", "this program's", {}),
    ("revise", "CARLA's sum of differences", {"distance": "sum"}),
    ("clarity", "this program's", {}),
]


def table2(options: Options) -> list[Row]:
    """Return a row for each change and method."""
    bundle = bundles.find(options.bundle)
    rows = []
    for source, target in CHANGES:
        x = of_class(bundle, options.data, source, options.count)
        wanted = torch.full((len(x),), target)
        for method, name, settings in ASKED:
            _, measured, _ = answers(bundle, method, x, wanted, settings)
            own = {
                "change": f"{source} to {target}",
                "method": f"`{method}`",
                "settings": name,
                "validity": float(measured["flipped"].mean()),
                "oracle agrees": float((measured["oracle_label"] == wanted).float().mean()),
                "L2": float(measured["l2"].mean()),
                "log-density (nats)": float(measured["log_density"].mean()),
                "density percentile": float(measured["log_density_percentile"].mean()),
                "pictures": len(x),
            }
            rows.append(beside(own, {"validity": 1.0}))
    return rows


NO_FIGURES = """
- The paper's L2, which does not say of what (pixels or latents, in which range){more}.
- The paper's log-densities: they are of another flow on a latent of another size, so that its nats
  are not ours; the percentile says how many real pictures of the class are less likely.
- Seconds: the paper's are totals of a number of pictures that it does not say.
- The paper's networks: neither code nor weights are published. Its rows' settings are here run on
  this program's networks.
"""
TABLES: tuple[PaperTable, ...] = (
    PaperTable(
        "place.1", PAPER, "Table 1: smiles",
        judge="the classifier that is explained, a network of facial expressions; as the oracle "
        "another one",
        weights="the bundle of faces, which `python -m studio bundles pull faces` fetches",
        same=("validity",), rows=smiles, count=2, bundle="faces",
        differences=sentences("""
- Data: faces that MobileStyleGAN draws (truncation .7), 1024 x 1024, each of which is asked for the
  other class than its own; the paper has CelebA at 256 x 256. The last column says how many; the
  paper does not.
- The explained classifier is a network of expressions; the paper's a ResNet-34 of CelebA.
- The search is in the generator's w under a flow of w; the paper's in an autoencoder's latent under
  PluGeN's flow.
- The settings called the paper's are its weights 1000, 1 and 2 with a rate of .005 and the margin
  of the probability; it does not say how the perceptual loss is weighed (0 here), nor when the
  search ends (here, of all methods, after 100 steps, or 30 without a better valid one).
"""),
        missing=sentences(NO_FIGURES.format(more="") + """
- CLARITY: the bundle of faces has no ensemble of latent classifiers.
- FID: fewer faces than 2 048 have none that means anything.
- The paper's LPIPS: it does not name the network; AlexNet's is here.
"""),
    ),
    PaperTable(
        "place.2", PAPER, "Table 2: 0 to 8 and 1 to 5 on MNIST",
        judge="the classifier that is explained; as the oracle another network that no method sees",
        weights="this repository's bundle of digits", same=("validity",), rows=table2, count=20,
        differences=sentences("""
- The first test pictures of the class that the classifier recognises; the paper does not say which
  or how many, and has one row for both changes.
- Classifier, autoencoder (a latent of 32) and flow are the bundle's; the paper describes none of
  its own, and its log-densities would fit a latent of 128.
- The settings called the paper's are its weights 10, 1 and 10 with a rate of .01 and the margin of
  the probability; it does not say ε (.05 here, as for its faces), nor when the search ends (here
  after 1 000 steps, or 30 without a better valid one). The perceptual loss, of which its table says
  nothing, is left out.
- REVISE and CLARITY run as this program has them, in the same autoencoder; the paper says that they
  "follow their original configurations".
"""),
        missing=sentences(NO_FIGURES.format(more="; ours is of pixels in [0, 1]")),
    ),
)  # fmt: skip
