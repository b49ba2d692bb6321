import io

import pytest

from headroom.cli.terminal import progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("stream", [Terminal(), io.StringIO()], ids=["terminal", "file"])
def test_long_work_shows_how_far_it_is_where_somebody_looks(
    stream: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stderr", stream)
    monkeypatch.setenv("TERM", "xterm")
    with progress("forecasting") as on_progress:
        on_progress(1, 4)
    shown = stream.getvalue()
    assert ("forecasting" in shown, "25%" in shown) == (stream.isatty(), stream.isatty())
