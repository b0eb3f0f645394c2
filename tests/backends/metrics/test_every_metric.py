"""Every metric has a check against an independent library, or a case computed by hand: most of the
plain ones here, the others where :data:`ELSEWHERE` says."""

import numpy as np
import pytest
import torch
from skimage.metrics import peak_signal_noise_ratio
from sklearn.metrics import accuracy_score

from backends.metrics import METRICS
from backends.metrics.metric import _FUNCTIONS as FUNCTIONS
from backends.metrics.morphometry import Morphometry
from tests.backends.evaluation.test_listed import ROOT

RANDOM = np.random.default_rng(0)
X, Y = (torch.from_numpy(RANDOM.random((3, 3, 20, 24))) for _ in range(2))
Y[2] = X[2] + 0.01
REGION = torch.from_numpy(RANDOM.random((3, 1, 20, 24)) < 0.5).double()
CHANGE = (Y - X).numpy()
P = torch.tensor([[0.7, 0.2, 0.1], [0.1, 0.3, 0.6], [0.2, 0.5, 0.3], [0.4, 0.35, 0.25]])
TARGET, SAID = torch.tensor([0, 1, 1, 2]), torch.tensor([0, 2, 1, 0])
RIGHT = SAID == TARGET
AGREES, FLIPPED = torch.tensor([1, 0, 1, 0]).bool(), torch.tensor([1, 1, 0, 0]).bool()
STROKES = torch.tensor([[10.0, 20, 2, 0.5, 8, 16], [12, 24, 3, -0.5, 8, 12]])
AFTER = torch.tensor([[15.0, 19, 3, 0.25, 8, 12], [12, 30, 3, 0.5, 4, 12]])
BOTH = (STROKES, AFTER)


class Mean:
    """Measures the mean of a picture."""

    def measured(self, x):
        return x.flatten(1).mean(1)


class Normal:
    """A standard normal density, and its percentile among three known pictures."""

    def log_density(self, z, _):
        return torch.distributions.Normal(0.0, 1.0).log_prob(z).sum(1)

    def percentile(self, value, _):
        return (value[:, None] > torch.tensor([-9.0, -4.0, -2.0])).double().mean(1) * 100


Z = torch.tensor([[0.0, 0.0], [1.0, 2.0], [3.0, 3.0]])
DENSITIES = -0.5 * (Z.numpy() ** 2).sum(1) - np.log(2 * np.pi)

# Name: what it is measured from, and what an independent computation says.
HERE = {
    "region_area": ((REGION,), REGION.numpy().mean()),
    "flip_rate": ((RIGHT,), accuracy_score(TARGET, SAID)),
    "target_probability": ((P, TARGET), [0.7, 0.3, 0.5, 0.25]),
    "oracle_target_probability": ((P, TARGET), [0.7, 0.3, 0.5, 0.25]),
    "oracle_agreement": ((AGREES,), 0.5),
    "oracle_agreement_flipped": ((AGREES, FLIPPED), [1, 0, np.nan, np.nan]),
    "l1": ((X, Y), np.abs(CHANGE).sum((1, 2, 3))),
    "l2": ((X, Y), [np.linalg.norm(change) for change in CHANGE]),
    "psnr": (
        (X, Y),
        [
            peak_signal_noise_ratio(x, y, data_range=1)
            for x, y in zip(X.numpy(), Y.numpy(), strict=True)
        ],
    ),
    "changed_area": ((X, Y), (np.abs(CHANGE).max(1) > 0.1).mean((1, 2))),
    "change_inside": ((X, Y, REGION), (np.abs(CHANGE) * REGION.numpy()).max((1, 2, 3))),
    "change_outside": ((X, Y, REGION), (np.abs(CHANGE) * (1 - REGION.numpy())).max((1, 2, 3))),
    "factual_value": ((Mean(), X), X.numpy().mean((1, 2, 3))),
    "value": ((Mean(), Y), Y.numpy().mean((1, 2, 3))),
    "log_density": ((Normal(), Z, None), DENSITIES),
    "log_density_percentile": ((Normal(), Z, None), [100, 100 / 3, 0]),
    "thickness_change": ((BOTH,), [1, 0]),
    "slant_change": ((BOTH,), [0.25, 1]),
    "length_change": ((BOTH,), [1, 6]),
    "area_relative": ((BOTH,), [0.5, 0]),
    "length_relative": ((BOTH,), [0.05, 0.25]),
    "thickness_relative": ((BOTH,), [0.5, 0]),
    "slant_relative": ((BOTH,), [0.5, 2]),
    "width_relative": ((BOTH,), [0, 0.5]),
    "height_relative": ((BOTH,), [0.25, 0]),
    "nfe": (({"forward": 5.0, "backward": 3.0},), 8),
    "nfe_forward": (({"forward": 5.0, "backward": 3.0},), 5),
    "nfe_backward": (({"forward": 5.0, "backward": 3.0},), 3),
    "seconds": ((0.25,), 0.25),
}  # fmt: skip
ROWS, JUDGES = "metrics/test_row_metrics.py", "metrics/test_judges.py"
FEATURES, OPINIONS = "evaluation/test_features.py", "evaluation/test_opinions.py"
CHECKPOINTS = "conversion/test_checkpoints.py"
ELSEWHERE = {
    "auroc": f"{ROWS}::test_auroc_is_scikit_learns",
    "oracle_auroc": f"{ROWS}::test_auroc_is_scikit_learns",
    "svm_agreement": f"{OPINIONS}::test_svm_and_neighbours_learn_what_is_not_asked_about",
    "neighbour_agreement": f"{OPINIONS}::test_svm_and_neighbours_learn_what_is_not_asked_about",
    "lpips": "metrics/test_lpips.py::test_lpips_is_one_number_a_picture",
    "lpips_alex": f"{CHECKPOINTS}::test_lpips_agrees_with_torchmetrics",
    "lpips_vgg": f"{CHECKPOINTS}::test_lpips_agrees_with_torchmetrics",
    "cout": "metrics/test_golden_metrics.py::test_cout",
    "ssim": "metrics/test_pictures_compared.py::"
        "test_ssim_is_torchmetrics_for_every_picture_of_a_batch",
    "reconstruction_l1":
        "explain/test_answers.py::test_what_the_prior_makes_of_the_factual_is_there",
    "l1_from_reconstruction":
        "explain/test_answers.py::test_what_the_prior_makes_of_the_factual_is_there",
    "reconstruction_error": "methods/test_diffeomorphic.py::test_what_the_codec_changes_is_told",
    "precision_error":
        "compute/test_devices.py::test_what_fewer_bits_change_of_the_first_picture_is_told",
    "inversion_error":
        "priors/stylegan/test_anchored.py::"
        "test_a_photograph_comes_with_what_the_generator_makes_of_it",
    "l2_from_reconstruction":
        f"{ROWS}::test_closeness_to_the_reconstruction_is_that_of_other_libraries",
    "ssim_from_reconstruction":
        f"{ROWS}::test_closeness_to_the_reconstruction_is_that_of_other_libraries",
    "psnr_from_reconstruction":
        f"{ROWS}::test_closeness_to_the_reconstruction_is_that_of_other_libraries",
    "lpips_from_reconstruction":
        f"{ROWS}::test_closeness_to_the_reconstruction_is_that_of_other_libraries",
    "latent_l2": f"{ROWS}::test_the_search_s_own_latents_are_compared",
    "code_l2": f"{ROWS}::test_latent_codes_are_apart_by_their_norm",
    "fid": f"{JUDGES}::test_fid_is_the_definition_s_and_left_out_of_too_few_pictures",
    "spatial_fid": f"{JUDGES}::test_fid_is_the_definition_s_and_left_out_of_too_few_pictures",
    "split_fid": f"{JUDGES}::test_no_picture_meets_its_own_answers_in_the_split_fid",
    "frechet_oracle": "metrics/test_golden_metrics.py::test_frechet",
    "split_frechet_oracle": "metrics/test_golden_metrics.py::test_frechet",
    "kid": f"{JUDGES}::test_kid_and_precision_are_those_of_the_same_features_elsewhere",
    "kernel_oracle":
        f"{FEATURES}::test_the_kernel_distance_is_the_definitions_and_needs_few_pictures",
    "precision_inception":
        f"{JUDGES}::test_kid_and_precision_are_those_of_the_same_features_elsewhere",
    "recall_inception":
        f"{JUDGES}::test_kid_and_precision_are_those_of_the_same_features_elsewhere",
    "precision_oracle": f"{ROWS}::test_precision_and_recall_are_the_papers_balls",
    "recall_oracle": f"{ROWS}::test_precision_and_recall_are_the_papers_balls",
    "s3": f"{JUDGES}::test_s3_is_the_cosine_in_the_features_of_a_given_checkpoint",
    "cosine_oracle": f"{JUDGES}::test_several_seeds_share_their_factual",
    "face_verified_dlib": f"{JUDGES}::test_a_person_is_the_same_below_dlibs_distance",
    "face_similarity_dlib": f"{JUDGES}::test_a_person_is_the_same_below_dlibs_distance",
    "im1": f"{ROWS}::test_im1_and_im2_of_a_case_computed_by_hand",
    "im2": f"{ROWS}::test_im1_and_im2_of_a_case_computed_by_hand",
    "attributes_changed": f"{ROWS}::test_attributes_that_change_and_change_together",
    "correlation_difference": f"{ROWS}::test_attributes_that_change_and_change_together",
    "diversity_l2": f"{ROWS}::test_diversity_is_the_mean_over_pairs_of_seeds",
    "diversity_lpips": f"{ROWS}::test_diversity_is_the_mean_over_pairs_of_seeds",
}  # fmt: skip


@pytest.mark.parametrize("name", HERE)
def test_a_metric_is_what_an_independent_computation_says(name):
    things, expected = HERE[name]
    found = FUNCTIONS[name](*things)
    if isinstance(found, torch.Tensor) and np.ndim(expected) == 0:
        found = found.double().mean()
    told = np.asarray(found, dtype=float)
    assert np.allclose(told, expected, rtol=1e-4, atol=1e-6, equal_nan=True)


def test_every_metric_is_checked_somewhere():
    assert not HERE.keys() & ELSEWHERE.keys()
    assert HERE.keys() | ELSEWHERE.keys() == METRICS.keys()
    for where in set(ELSEWHERE.values()):
        file, _, name = where.partition("::")
        assert f"def {name}(" in (ROOT / "tests/backends" / file).read_text(), where


def test_the_strokes_stand_in_their_order():
    assert Morphometry._fields == ("area", "length", "thickness", "slant", "width", "height")
