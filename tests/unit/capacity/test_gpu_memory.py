import pytest
from tests.unit.capacity.small_fleet import cpu_type, gpu_type

from headroom.capacity import fits_gpu_memory, gpu_memory_needed_mib, gpu_memory_usable_mib
from headroom.capacity.gpu_memory import layers_of
from headroom.domain.fleet import Workload


def test_weights_and_kv_cache_add_up() -> None:
    # layers = (12e9 / (12 x 128^2))^(1/3) = 39.37; KV per token = 39.37 x 2048 x 2 B = 161,269 B
    # weights 24e9 B + 161,269 x 1,000 tokens x 2 requests = 24.3225e9 B = 23,195.8 MiB
    workload = Workload(model_parameters_billion=12, bytes_per_parameter=2, batch_size=2, context_tokens=1000)
    assert gpu_memory_needed_mib(workload) == pytest.approx(23_195.8, abs=0.5)


def test_layers_come_close_to_published_models() -> None:
    assert layers_of(70e9) == pytest.approx(80, rel=0.15)
    assert layers_of(8e9) == pytest.approx(32, rel=0.15)


def test_a_tenth_of_the_memory_stays_free_for_fragmentation() -> None:
    assert gpu_memory_usable_mib(gpu_type("g5.12xlarge", "A10G", count=4, memory_mib_each=22_888)) == 0.9 * 91_552


def test_a_model_that_fills_the_memory_does_not_fit_but_its_quantised_form_does() -> None:
    four = gpu_type("g5.12xlarge", "A10G", count=4, memory_mib_each=22_888)
    assert not fits_gpu_memory(Workload(model_parameters_billion=70, bytes_per_parameter=2), four)
    assert fits_gpu_memory(Workload(model_parameters_billion=70, bytes_per_parameter=0.5), four)


def test_nothing_fits_a_type_without_a_gpu() -> None:
    assert not fits_gpu_memory(Workload(model_parameters_billion=0.1), cpu_type("m7i.large", vcpus=2, memory_mib=8192))
