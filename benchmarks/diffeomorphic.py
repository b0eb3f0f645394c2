"""Diffeomorphic counterfactuals from 4 to 9 beside adversarial examples, as in the paper's figure
11: who convinces an independent linear model as well?"""

from __future__ import annotations

import torch
from sklearn.svm import LinearSVC
from torch import Tensor

from backends import bundles, registry
from benchmarks.digits import answers, arguments, both, of_class, table

SOURCE, TARGET, CONFIDENCE = 4, 9, 0.99
TRAINED_ON = 20_000


def main() -> None:
    """Print how many reach the confidence, and what the linear SVM and the oracle say."""
    options = arguments(100)
    bundle = bundles.find(options.bundle)
    train, test = both(options.data)

    def rows_of(x: Tensor) -> object:
        return x.flatten(1).numpy()

    x, y = train.batch(torch.arange(TRAINED_ON))
    svm = LinearSVC(C=0.01, random_state=0).fit(rows_of(x), y.numpy())
    x, y = test.batch(torch.arange(len(test)))
    accuracy = svm.score(rows_of(x), y.numpy())
    flow = bundle.manifest.parts["flow"].trained
    assert flow, "trained by this program"
    print(
        f"linear SVM on {TRAINED_ON} raw pictures: {accuracy:.4f} of the test pictures; flow: "
        f"{flow.quality['test_bits_per_dimension']:.4f} bits per dimension"
    )
    x = of_class(bundle, options.data, SOURCE, options.count)
    target = torch.full((len(x),), TARGET)
    rows = []
    for name in ("diffeomorphic", "diffeomorphic_vae", "diffeomorphic_gan", "adversarial"):
        if any(bundle.problem(part) for part in registry.method(name).needs):
            continue
        image, measured, seconds = answers(bundle, name, x, target)
        said = torch.tensor(svm.predict(rows_of(image)))
        rows.append(
            {
                "method": f"`{name}`",
                f"reach {CONFIDENCE}": int((measured["target_probability"] > CONFIDENCE).sum()),
                "linear SVM agrees": float((said == target).float().mean()),
                "oracle agrees": float((measured["oracle_label"] == target).float().mean()),
                "L2": float(measured["l2"].mean()),
                "seconds a picture, 50 at once": seconds / len(x),
                "pictures": len(x),
            }
        )
    table("diffeomorphic", rows)


if __name__ == "__main__":
    main()
