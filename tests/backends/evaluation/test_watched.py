"""What a page is told while a bundle is made and trained; networks and steps are small here."""

import pytest

from backends import bundles
from backends.errors import BadInput
from backends.evaluation import domain, watched
from backends.evaluation.rows import Progress as Judging
from backends.training import domain_recipes, timed_training
from backends.training.new import Made
from backends.training.timed_training import TrainingProgress, checkpointed_network
from tests.backends.training.own_pictures import write_tree

SMALL = {"size": 32}


@pytest.fixture
def pictures(tmp_path, monkeypatch):
    monkeypatch.setenv("STUDIO_BUNDLES", str(tmp_path / "bundles"))
    sizes = {size: [8, 16] for size in ("small", "medium", "large")}
    monkeypatch.setattr(domain_recipes, "WIDTHS", dict.fromkeys(domain_recipes.WIDTHS, sizes))
    monkeypatch.setattr(timed_training, "_step", lambda recipe, bundle: 0.001)
    return write_tree(tmp_path / "squares")


def test_a_look_counts_classes_and_shows_pairs(pictures):
    (pictures / "dark" / "odd.png").write_bytes(b"")
    found = watched.looked_at(pictures, SMALL | {"preparation": "letterbox"})
    assert found.counts == {"bright": 12, "dark": 13}
    assert found.channels == 1
    assert {seen.shape for _, _, seen in found.pairs} == {(32, 32, 1)}
    assert {label for label, _, _ in found.pairs} == {"bright", "dark"}


def test_errors_name_what_the_person_knows(tmp_path):
    source = tmp_path / "unpacked-somewhere" / "photos"
    source.mkdir(parents=True)
    with pytest.raises(BadInput, match=r"^photos holds no pictures"):
        watched.looked_at(source, {})
    with pytest.raises(BadInput, match=r"^photos holds no pictures"):
        list(watched.made("empty", source, {}))
    with pytest.raises(BadInput, match="setting 'size' of a new bundle"):
        watched.looked_at(source, {"size": 30})


def test_the_last_news_of_a_making_has_all_of_it(pictures):
    (pictures / "dark" / "odd.png").write_bytes(b"")
    *items, last = watched.made("squares", pictures, SMALL, minutes=0)
    assert items[0].phase == "reading"
    assert last.phase == "done"
    assert isinstance(last.made, Made)
    assert "odd.png" in last.made.left_out[0]
    assert "squares" in bundles.installed()


def test_losses_and_rebuilt_pictures_are_told_while_a_part_is_trained(pictures, monkeypatch):
    list(watched.made("squares", pictures, SMALL, minutes=0))
    monkeypatch.setattr(watched, "AGAIN", 0.0)
    monkeypatch.setattr("backends.training.fit.PATIENCE", 0.0)
    monkeypatch.setattr("backends.training.fit.KEPT", 0.0)
    monkeypatch.setattr(domain, "train_for", only("latent_autoencoder"))
    items = []
    for item in watched.trained("squares", 0.1):
        items.append(item)
        if len(item.losses) > 3 and item.rebuilt:
            break
    assert items[-1].part == "latent_autoencoder"
    assert "measuring" in {item.phase for item in items}
    assert 0 <= items[-1].share <= 1
    assert checkpointed_network(bundles.find("squares").folder, "latent_autoencoder") is not None
    picture, again = items[-1].rebuilt[0]
    assert picture.shape == again.shape == (32, 32, 1)


def test_what_a_field_and_a_flow_draw_so_far_is_shown(pictures, monkeypatch):
    list(watched.made("squares", pictures, SMALL, minutes=0))
    monkeypatch.setattr(watched, "AGAIN", 0.0)
    monkeypatch.setattr("backends.training.fit.PATIENCE", 0.0)
    monkeypatch.setattr("backends.training.fit.KEPT", 0.0)
    parts = ("classifier", "latent_autoencoder", "velocity", "flow")
    monkeypatch.setattr(domain, "train_for", only(*parts))
    seen = {}
    for item in watched.trained("squares", 0.4):
        if item.phase == "training" and item.drawn:
            seen[item.part] = item
        if set(seen) == {"velocity", "flow"}:
            break
    assert [name for name, _ in seen["velocity"].drawn] == 3 * ["bright", "dark"]
    assert {name for name, _ in seen["flow"].drawn} == {""}
    for item in seen.values():
        assert item.rebuilt
        assert {picture.shape for _, picture in item.drawn} == {(32, 32, 1)}


def only(*parts):
    """A training of some parts, whatever is asked for."""

    def one(bundle, minutes, names, device, command):
        return timed_training.train_for(bundle, minutes, parts, device, command)

    return one


def test_a_stopped_training_lets_go_of_what_was_open(pictures):
    list(watched.made("squares", pictures, SMALL, minutes=0))
    before = bundles.get("squares")
    items = watched.trained("squares", 0.1)
    next(news for news in items if news.part == "oracle")  # so the classifier is written
    items.close()
    assert bundles.get("squares") is not before
    assert bundles.get("squares").problem("classifier") is None


def test_curves_stay_short_and_belong_to_one_part(monkeypatch):
    monkeypatch.setattr(watched, "_previews", lambda *_: {})
    news, clock = watched.DomainProgress("squares"), watched._Clock()
    for step in range(1, 500):
        news = watched._after(news, TrainingProgress("flow", step, 900, 1 / step, 0.1), clock)
    assert len(news.losses) <= watched.POINTS
    assert news.losses[-1] == 1 / 499
    news = watched._after(news, Judging("place", "whole", 0.5), clock)
    assert (news.phase, news.part, news.losses) == ("judging", "place", ())


def test_the_time_left_follows_this_sessions_speed(monkeypatch):
    now = [100.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    clock = watched._Clock()
    assert clock.left(0.5) is None, "half was done before"
    now[0] = 110.0
    assert clock.left(0.6) == pytest.approx(40.0)
