"""How much work types do relative to each other, from published specifications: data with sources, no algorithm.

Serving a model token by token, and small-batch inference in general, reads the weights from GPU memory for every step:
throughput follows memory bandwidth (S. Williams et al., Roofline, 2009; R. Pope et al., Efficiently Scaling
Transformer Inference, 2022). So GPU types compare by memory bandwidth x number of GPUs, and types without a GPU by
their vCPUs. It is the weakest of the three sources of a rate, used where nobody has measured.
"""

from typing import Final

from headroom.domain.instance_type import InstanceType
from headroom.units import MIB_PER_GIB

GPU_MEMORY_BANDWIDTH_GB_PER_SECOND: Final = {
    # Vendors' data sheets, read 2026-11; keys are EC2's GPU names in lower case without blanks and hyphens.
    "k80": 240.0,  # NVIDIA Tesla K80, of each of a board's two GPUs
    "m60": 160.0,  # NVIDIA Tesla M60, of each of a board's two GPUs
    "v100": 900.0,  # NVIDIA V100 SXM2
    "t4": 320.0,  # NVIDIA T4
    "t4g": 320.0,  # NVIDIA T4g, the T4's memory on Arm instances
    "a10g": 600.0,  # NVIDIA A10G
    "a100": 1555.0,  # NVIDIA A100 40 GB; the 80 GB one has 2,039 and is told by its memory
    "l4": 300.0,  # NVIDIA L4
    "l40s": 864.0,  # NVIDIA L40S
    "h100": 3350.0,  # NVIDIA H100 SXM5
    "h200": 4800.0,  # NVIDIA H200 SXM
    "b200": 8000.0,  # NVIDIA B200
    "b300": 8000.0,  # NVIDIA B300
    "rtxpro4500": 896.0,  # NVIDIA RTX PRO 4500 Blackwell
    "rtxproserver6000": 1597.0,  # NVIDIA RTX PRO 6000 Blackwell Server Edition
}
_A100_80GB_GB_PER_SECOND: Final = 2039.0
_A100_40GB_GIB: Final = 40
WHOLE_GPU_MEMORY_MIB: Final = {"l4": 22888}
"""Memory of a whole GPU where EC2 also rents shares of one (g6f): a share has its part of the bandwidth."""


def bandwidth_gb_per_second(instance_type: InstanceType) -> float | None:
    """Return the memory bandwidth of all GPUs of an instance; None without a GPU or where its model is not known."""
    if not instance_type.gpu_name or not instance_type.gpu_memory_mib:
        return None
    model = instance_type.gpu_name.lower().replace(" ", "").replace("-", "")
    bandwidth = GPU_MEMORY_BANDWIDTH_GB_PER_SECOND.get(model)
    if bandwidth is None:
        return None
    count = max(1, instance_type.gpu_count or 1)
    memory_each_mib = instance_type.gpu_memory_mib / count
    if model == "a100" and memory_each_mib > _A100_40GB_GIB * MIB_PER_GIB:
        bandwidth = _A100_80GB_GB_PER_SECOND
    whole_mib = WHOLE_GPU_MEMORY_MIB.get(model)
    share = min(1.0, memory_each_mib / whole_mib) if whole_mib else 1.0
    return bandwidth * count * share
