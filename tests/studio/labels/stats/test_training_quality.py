"""What is said of a model that few labels made."""

import numpy as np

from backends.training.labelled import Labelled
from studio.labels.stats.training_quality import agreement, label_counts, weaknesses

ENOUGH = {"held_out_rows": 20.0, "held_out_agreement": 0.9}


def test_counts_name_every_class():
    labels = np.array([[0.6, 0.4, 0], [0, 1, 0], [0, 1, 0]], np.float32)
    rows = Labelled(["a", "b", "c"], np.zeros((3, 4, 4, 1), np.uint8), labels, np.ones(3), "x")
    assert label_counts(rows) == {"a": 1, "b": 2, "c": 0}


def test_enough_labels_leave_nothing_to_say():
    assert weaknesses({"a": 5, "b": 90}, ENOUGH) == []


def test_each_weakness_is_a_sentence():
    nobody, few, held = weaknesses({"7": 17, "8": 1, "9": 0}, {"held_out_rows": 1.0})
    assert nobody == "Nobody labelled anything 9: it cannot say that."
    assert few == "It saw fewer than 5 labels of 8 (1)."
    assert held == "Only 1 label was held out to check it, too few."
    assert weaknesses({"a": 9, "b": 9}, {}) == ["No labels were held out to check it, too few."]


def test_agreement_is_a_count_not_a_percentage():
    assert agreement(ENOUGH) == "18 of 20"
    assert agreement({"held_out_rows": 1.0, "held_out_agreement": 1.0}) == "1 of 1"
    assert agreement({}) == "–"
