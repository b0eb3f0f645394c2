"""What the map of important changes says of a model that is known."""

import numpy as np
import torch

from backends import service
from backends.metrics.importance import cell_of, importance


class Corner:
    """Says class 1 in proportion to the brightness of the upper left 4x4 pixels."""

    def probabilities(self, x):
        p = x[:, :, :4, :4].flatten(1).mean(1)
        return torch.stack([1 - p, p], 1)


def pair():
    x = torch.zeros(2, 1, 16, 16)
    y = x.clone()
    y[:, :, :8, :8] = 1  # half of it changes the model's mind, half does not
    y[1, :, :4, :4] = 0.5
    return x, y


def test_only_changes_that_convince_the_model_matter():
    x, y = pair()
    values = importance(Corner(), x, y, torch.tensor([1, 1]), cell=4, stride=4)
    assert values.shape == (2, 16, 16)
    assert (values[0, :4, :4] == 1).all()
    assert (values[1, :4, :4] == 0.5).all()
    assert (values[:, 4:] == 0).all()
    assert (values[:, :, 4:] == 0).all()
    against = importance(Corner(), x, y, torch.tensor([0, 0]), cell=4, stride=4)
    assert torch.equal(against, -values)


def test_sliding_cells_agree_with_tiles_on_what_matters_and_never_leave_the_change():
    x, y = pair()
    values = importance(Corner(), x, y, torch.tensor([1, 1]), cell=4)
    assert values[0, 1, 1] == 1, "only the first cell covers it"
    assert 0 < values[0, 3, 3] < 1, "four cells share it"
    assert (values[:, 8:] == 0).all()
    odd = importance(Corner(), x, y, torch.tensor([1, 1]), cell=5, stride=4)
    assert odd[0, 0, 0] == 1
    assert torch.isfinite(odd).all()


def test_pictures_of_a_batch_do_not_influence_one_another():
    x, y = pair()
    together = importance(Corner(), x, y, torch.tensor([1, 0]), cell=3)
    alone = importance(Corner(), x[1:], y[1:], torch.tensor([0]), cell=3)
    assert torch.allclose(together[1:], alone)


def test_the_authors_cell():
    assert cell_of(256) == 64
    assert cell_of(2) == 1


def test_an_answer_carries_it_when_asked_for(ask):
    *_, plain = service.explain(ask("leapfactual", region="box:0,0,8,8"))
    assert plain.importance is None
    assert "importance" not in plain.record
    request = ask("leapfactual", region="box:0,0,8,8", importance=True)
    *frames, answer = service.explain(request)
    assert answer.importance.shape == (16, 16)
    assert (answer.importance[answer.mask == 0] == 0).all()
    assert answer.record["importance"]["cell"] == 4
    assert np.isclose(answer.record["importance"]["greatest"], answer.importance.max())
    assert service.stopped(request, frames[0]).importance.shape == (16, 16)
