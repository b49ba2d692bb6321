"""The tasks of scale_ahead, by the names its DAG calls them."""

from headroom.pipelines.approvals import pending_approvals, push_answered
from headroom.pipelines.forecasts import forecast_chunk, refit_chunk
from headroom.pipelines.pushes import push_chunk
from headroom.pipelines.schedules import schedule_chunk

__all__ = ["forecast_chunk", "pending_approvals", "push_answered", "push_chunk", "refit_chunk", "schedule_chunk"]
