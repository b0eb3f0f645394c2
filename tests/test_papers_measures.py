"""What the papers' tables measure by themselves, against cases that can be checked by hand."""

import pytest
import torch

from backends.bundles import find
from backends.errors import BadInput
from backends.metrics.interpretability import im1
from benchmarks.papers import fours_to_nines, rcsb_rows, thickness
from benchmarks.papers.evaluated import PaperRow, measured
from benchmarks.papers.helix import _searched, distance, helix
from benchmarks.papers.searched import SOURCE, TARGET, fours, summary
from benchmarks.papers.tables import Options


def test_the_distance_to_the_helix():
    on = helix(200, torch.Generator().manual_seed(1))
    assert float(distance(on).max()) < 1e-3
    axis, beyond = torch.tensor([[0.0, 0, 0], [0, 0, 10]])
    end = torch.tensor([4.0]).sin(), torch.tensor([4.0]).cos()
    assert distance(axis[None]).item() == pytest.approx(1, abs=1e-3)
    expected = float((end[0] ** 2 + end[1] ** 2 + 36).sqrt())
    assert distance(beyond[None]).item() == pytest.approx(expected, abs=1e-3)


def test_a_search_along_the_helix_stays_on_it_and_one_in_x_leaves_it():
    def upper(x):
        return 3 * x[:, 2]

    t = torch.tensor([-2.0, -1, 1.5])
    start = torch.stack([t.sin(), t.cos(), t], 1)
    in_x, reached = _searched(start, start, lambda v: v, upper, 500)
    assert bool(reached.all())
    assert float(distance(in_x).min()) > 0.1
    along, reached = _searched(
        start, t[:, None], lambda v: torch.cat([v.sin(), v.cos(), v], 1), upper, 500
    )
    assert bool(reached.all())
    assert float(distance(along).max()) < 1e-3
    assert (along[:, 2].sign() == -t.sign()).all()


def test_im1_of_the_table_is_the_root_of_the_metric_that_squares():
    options = Options(4, steps=3)
    row = fours_to_nines.interpretability(options)[0]
    x = fours(options)
    part = find("digits").part("class_autoencoders")
    squared = im1(x, torch.full((4,), SOURCE), torch.full((4,), TARGET), part)
    assert row["IM1"] == pytest.approx(float(squared.sqrt().mean()), rel=1e-4)


def test_the_picture_that_a_search_began_at_is_no_neighbour():
    rows = fours_to_nines.neighbours(Options(4, steps=3))
    assert rows[0]["compared with"] == 850  # ten times the rarest digit of the bundle's
    assert 0 <= rows[0]["nines among the 10 nearest"] < 0.5


def test_cells_have_the_papers_share_of_the_side():
    assert rcsb_rows.region(0.3, 16) == "auto:area=0.3,cell=2"
    assert rcsb_rows.own_region("A") == "auto:area=0.1,cell=1"


def test_what_cannot_be_asked_is_told():
    with pytest.raises(BadInput, match="ldce_txt"):
        measured(Options(2), [PaperRow({}, "ldce_txt")], {"FR": "flip_rate"})


def test_the_true_thickness_of_a_bar():
    bar = torch.zeros(1, 32, 32)
    bar[:, 6:26, 14:18] = 1
    assert thickness._truth(bar) == pytest.approx(4, abs=0.8)


def test_mean_and_standard_deviation():
    assert summary(torch.tensor([1.0, 3.0]), "L2") == {
        "L2": 2.0, "± L2": pytest.approx(2**0.5),
    }  # fmt: skip
