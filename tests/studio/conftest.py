"""The command line in this process."""

import sys

import pytest

from studio import cli


@pytest.fixture
def run(monkeypatch, capsys):
    """Words -> exit code, what was printed, what was told on stderr."""

    def call(*words):
        monkeypatch.setattr(sys, "argv", ["studio", *map(str, words)])
        code = 0
        try:
            cli.main()
        except SystemExit as end:
            code = end.code or 0
        return code, *capsys.readouterr()

    return call
