"""How many instances of which type a demand needs; pure."""

from headroom.capacity.batching_profile import BatchingProfile, ProfileRow
from headroom.capacity.cost_curve import CostCurve, cost_curve
from headroom.capacity.gpu_memory import fits_gpu_memory, gpu_memory_needed_mib, gpu_memory_usable_mib
from headroom.capacity.measured_rate import LoadHistory, MeasuredRate, measured_rate
from headroom.capacity.rates import RateSource, SustainableRate, UnknownRate, most_rate_per_second, sustainable_rate
from headroom.capacity.requirement import instances_for_demand, required_capacity
from headroom.capacity.rightsizing import rightsize
from headroom.capacity.sizing import ImpossibleObjective, Sizing, SlotQueue, size

__all__ = [
    "BatchingProfile",
    "CostCurve",
    "ImpossibleObjective",
    "LoadHistory",
    "MeasuredRate",
    "ProfileRow",
    "RateSource",
    "Sizing",
    "SlotQueue",
    "SustainableRate",
    "UnknownRate",
    "cost_curve",
    "fits_gpu_memory",
    "gpu_memory_needed_mib",
    "gpu_memory_usable_mib",
    "instances_for_demand",
    "measured_rate",
    "most_rate_per_second",
    "required_capacity",
    "rightsize",
    "size",
    "sustainable_rate",
]
