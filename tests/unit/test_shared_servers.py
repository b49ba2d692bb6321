from pathlib import Path

from tests.shared_servers import LONGEST_FIRST, SHARED_BY_FOLDER

ROOT = Path(__file__).parents[2]


def test_what_goes_first_and_what_stays_together_is_there() -> None:
    assert [name for name in LONGEST_FIRST if not (ROOT / name).exists()] == []
    assert [name for name in SHARED_BY_FOLDER if not (ROOT / "tests" / "integration" / name).is_dir()] == []
