"""Whether a model fits the GPU memory of an instance: weights, KV cache and a reserve for fragmentation."""

from typing import Final

from headroom.domain.fleet import Workload
from headroom.domain.instance_type import InstanceType
from headroom.units import PARAMETERS_PER_BILLION, mib_from_bytes

USABLE_FRACTION: Final = 0.9
"""Share of GPU memory a serving engine may fill; the rest goes to fragmentation, activations and the driver.

vLLM's default of gpu_memory_utilization (docs.vllm.ai, engine arguments), read 2026-11.
"""
KV_BYTES_PER_VALUE: Final = 2
"""16-bit keys and values, also where weights are quantised to fewer bits."""
KV_WIDTH_PER_LAYER: Final = 2 * 8 * 128
"""Keys and values of 8 heads of 128 in each layer: grouped-query attention as in Llama 3, Mistral and Qwen2.5."""
_WIDTH_PER_LAYER: Final = 128
"""Model width over number of layers, about constant over sizes (J. Kaplan et al., Scaling Laws for Neural Language
Models, 2020, figure 5); with parameters = 12 x layers x width^2 it gives the layers from the parameters."""


def layers_of(parameters: float) -> float:
    """Return about how many layers a transformer of this many parameters has: 71 for 70 billion (Llama 3: 80)."""
    layers: float = (parameters / (12.0 * _WIDTH_PER_LAYER**2)) ** (1.0 / 3.0)
    return layers


def gpu_memory_needed_mib(workload: Workload) -> float:
    """Return the MiB that weights and the KV cache of a full batch at full context take."""
    parameters = workload.model_parameters_billion * PARAMETERS_PER_BILLION
    kv_bytes_per_token = layers_of(parameters) * KV_WIDTH_PER_LAYER * KV_BYTES_PER_VALUE
    kv_bytes = kv_bytes_per_token * workload.context_tokens * workload.batch_size
    return mib_from_bytes(parameters * workload.bytes_per_parameter + kv_bytes)


def gpu_memory_usable_mib(instance_type: InstanceType) -> float:
    """Return the MiB of all the instance's GPUs together that a model may fill; 0 without a GPU."""
    return USABLE_FRACTION * (instance_type.gpu_memory_mib or 0)


def fits_gpu_memory(workload: Workload, instance_type: InstanceType) -> bool:
    """Whether the model fits: the weights are split over all GPUs of an instance."""
    return gpu_memory_needed_mib(workload) <= gpu_memory_usable_mib(instance_type)
