import numba
import pytest

from headroom.compiled import compiled


def twice(value: float) -> float:
    return 2.0 * value


def test_a_compiled_function_gives_what_it_gives_uncompiled() -> None:
    assert compiled(twice)(21.0) == twice(21.0)


def test_where_no_folder_may_be_written_every_process_compiles_for_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    # of numba's places for kept code only the one for zip files is left, which this file does not lie in
    monkeypatch.setattr(numba.config, "CACHE_LOCATOR_CLASSES", "ZipCacheLocator")
    with pytest.raises(RuntimeError, match="no locator available"):
        numba.njit(cache=True)(twice)
    assert compiled(twice)(21.0) == 42.0
