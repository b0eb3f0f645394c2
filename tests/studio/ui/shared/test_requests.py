"""How the page writes an error."""

import pytest

from studio.ui.shared.requests import sentence


@pytest.mark.parametrize(
    ("error", "written"),
    [
        ("the region is empty; mark it", "The region is empty; mark it"),
        ("model.ckpt holds no U-Net", "model.ckpt holds no U-Net"),
        ("photo_1.png cannot be read", "photo_1.png cannot be read"),
        ("'4' is said already", "'4' is said already"),
        ("port 7860 is in use", "Port 7860 is in use"),
        ("", ""),
    ],
)
def test_words_are_capitalised_and_file_names_are_not(error, written):
    assert sentence(error) == written
