"""Drafts -> the text of a fleets.yaml, with a comment beside everything that was guessed or could not be known."""

import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import yaml

from headroom.domain.account import FoundExport, FoundTarget, Place, Unread
from headroom.domain.fleet import MetricReference, TargetKind
from headroom.onboarding.draft import FleetDraft, Skipped
from headroom.onboarding.estimates import Estimates, Guess, country_of
from headroom.onboarding.metric_choices import PUBLISHED

KIND_WORDS: Final = {
    TargetKind.EC2_AUTO_SCALING_GROUP: "Auto Scaling group",
    TargetKind.ECS_SERVICE: "ECS service",
    TargetKind.SAGEMAKER_VARIANT: "SageMaker variant",
    TargetKind.SAGEMAKER_INFERENCE_COMPONENT: "SageMaker inference component",
    TargetKind.KUBERNETES_DEPLOYMENT: "Kubernetes Deployment",
}
_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9._/-]*")
_YAML_WORDS: Final = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null"})
_LONGEST_LIST: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class EstimatedDraft:
    """A draft with the guesses for it; `note` says why its hours could not be read, where they could not."""

    draft: FleetDraft
    estimates: Estimates
    note: str | None = None


def fleets_text(
    drafts: Sequence[EstimatedDraft],
    *,
    places: Sequence[Place],
    skipped: Sequence[Skipped] = (),
    unread: Sequence[Unread] = (),
    exports: Sequence[FoundExport] = (),
) -> str:
    """Return the whole file. It loads as it is: what cannot be a fleet yet stands in comments."""
    entries = [_entry(item) for item in drafts]
    lines = [
        *_header(places, unread),
        "fleets:" if entries else "fleets: []",
        *(line for position, entry in enumerate(entries) for line in ([""] if position else []) + entry),
        *_skipped_lines(skipped),
        *_export_lines(exports, unread),
    ]
    return "\n".join(line.rstrip() for line in lines) + "\n"


def _header(places: Sequence[Place], unread: Sequence[Unread]) -> list[str]:
    lines = [
        f"# Drafted by `headroom discover` from {_listed(map(str, places))}. Nothing was written to the account.",
        "# GUESS marks what rests on a rule of thumb or a name, UNKNOWN what only you can say. Every key is in",
        "# docs/reference/configuration.md. Every fleet starts in mode observe: Headroom reports, and writes nothing.",
    ]
    if unread:
        lines += ["#", "# Could not be read, so what follows may be incomplete (`headroom doctor` says what to allow):"]
        lines += [_comment("#   ", f"{item.lost}: {item.operation}{_at(item.place)}: {item.cause}") for item in unread]
    return lines


def _at(place: Place | None) -> str:
    return "" if place is None else f" in {place}"


def _entry(item: EstimatedDraft) -> list[str]:
    draft = item.draft
    lines = [_comment("  # ", text) for text in _about(item)]
    body = _body(draft, item.estimates)
    if draft.demand is None:
        lines.append(
            "  # NOT A FLEET YET: no metric of its demand was found. Name one under `demand`, then take the # away."
        )
        return lines + [f"  # {line}" for line in body]
    return lines + [f"  {line}" for line in body]


def _about(item: EstimatedDraft) -> list[str]:
    """Return what a reader should know of the target before its keys, a line each."""
    draft, found = item.draft, item.draft.found
    count = "an unknown number of" if found.desired_instances is None else str(found.desired_instances)
    machine = f"{count} x {found.instance_types[0]}" if found.instance_types else "unknown machines"
    with_chip = f" ({found.accelerator})" if found.accelerator else ""
    about = [f"{KIND_WORDS[found.target.kind]} {found.target.name}: {machine}{with_chip}"]
    if found.tags:
        about.append(f"tags: {_listed(f'{key}={value}' for key, value in sorted(found.tags.items()))}")
    if not found.is_registered:
        about.append("It is not registered with Application Auto Scaling: it can be observed, not scheduled.")
    for policy in found.policies:
        if policy.kind == "PredictiveScaling" and policy.is_acting:
            about.append(f"Its predictive scaling policy {policy.name} acts beside us: the larger of both holds.")
        elif policy.kind == "PredictiveScaling":
            about.append(f"Its predictive scaling policy {policy.name} forecasts only.")
        else:
            about.append(f"Its {policy.kind} policy {policy.name} goes on working under our floor.")
    if found.scheduled_actions:
        about.append(f"Its owner's scheduled actions stay as they are: {_listed(found.scheduled_actions)}")
    if found.is_scheduled_scaling_suspended:
        about.append("Its scheduled scaling is SUSPENDED: no scheduled action would run, ours neither.")
    about += [f"UNKNOWN {text}" for text in draft.missing]
    if item.note:
        about.append(f"Its hours could not be read, so the guesses below are defaults: {item.note}")
    return about


def _body(draft: FleetDraft, estimates: Estimates) -> list[str]:
    found = draft.found
    lines = [
        f"- id: {_scalar(draft.fleet_id)}",
        f'  account: "{found.place.account}"',
        f"  region: {found.place.region}",
        f"  target: {{kind: {found.target.kind}, name: {_scalar(found.target.name)}}}",
        "  mode: observe",
        "  demand:",
    ]
    if draft.demand is None:
        lines += [
            "    metric: {namespace: UNKNOWN, name: UNKNOWN, dimensions: {}, statistic: Sum} # Sum is the work offered"
        ]
    else:
        lines.append(_with_comment(f"    metric: {_metric(draft.demand.reference)}", draft.demand.why))
    if draft.metrics:
        lines.append("  metrics:")
        for name, metric in sorted(draft.metrics.items()):
            line = f"    {name}: {_metric(metric.reference)}"
            lines.append(line if metric.why == PUBLISHED else _with_comment(line, metric.why))
    lines += [
        _guessed("  objective: {{latency_seconds: {}, percentile: 95}}", estimates.latency_seconds),
        *_serving(estimates),
        *_types(found, estimates),
        _guessed("  lead_time_seconds: {}", estimates.lead_seconds),
        *_bounds(estimates),
        "  shortage_cost_ratio: 9 # GUESS: one instance short costs as much as nine too many",
    ]
    country = country_of(found.place.region)
    lines.append(f"  country: {country} # GUESS: the region's; whose public holidays shape the demand")
    if draft.billing_tag:
        key, value = draft.billing_tag
        why = "no other fleet here has it; it must be an active cost allocation tag"
        lines.append(_with_comment(f"  billing: {{tags: {{{_scalar(key)}: {_scalar(value)}}}}}", why))
    else:
        lines.append("  # billing: {tags: {KEY: VALUE}} UNKNOWN: no tag tells this fleet's bill lines from others'")
    lines.append(
        "  # workload: {model_parameters_billion: …} UNKNOWN: without it GPU memory is not checked for other types"
    )
    lines.append("  # spot: {max_fraction: …} UNKNOWN: the share you would run on spot; none unless you say so")
    return lines


def _serving(estimates: Estimates) -> list[str]:
    service, slots = estimates.service_seconds, estimates.slots
    return [
        "  serving:",
        "    model: slots",
        _guessed("    service_seconds: {}", service),
        _guessed("    slots: {}", slots),
    ]


def _types(found: FoundTarget, estimates: Estimates) -> list[str]:
    names = found.instance_types
    lines = ["  instance_types:"]
    if estimates.rate is None:
        comment = "UNKNOWN sustainable_rate_per_second: derived from `serving` until you measure it"
        lines.append(_with_comment(f"    - {{name: {_scalar(names[0])}}}", comment))
    else:
        first = f"    - {{name: {_scalar(names[0])}, sustainable_rate_per_second: {estimates.rate.value:g}}}"
        lines.append(_with_comment(first, f"GUESS: {estimates.rate.why}"))
    lines += [f"    - {{name: {_scalar(name)}}}" for name in names[1:]]
    return lines


def _bounds(estimates: Estimates) -> list[str]:
    least, most = estimates.min_instances, estimates.max_instances
    why = least.why if least.why == most.why else f"{least.why}; {most.why}"
    mark = "" if least.is_measured and most.is_measured else "GUESS: "
    if least.value > 1:
        why += f"; Headroom never asks for fewer than {least.value:g}: lower it for quiet hours to save more"
    return [
        _with_comment(f"  bounds: {{min_instances: {least.value:g}, max_instances: {most.value:g}}}", f"{mark}{why}")
    ]


def _guessed(template: str, guess: Guess) -> str:
    return _with_comment(template.format(f"{guess.value:g}"), f"GUESS: {guess.why}")


def _metric(reference: MetricReference) -> str:
    dimensions = ", ".join(f"{_scalar(key)}: {_scalar(value)}" for key, value in sorted(reference.dimensions.items()))
    divided = "" if reference.divide_by == 1.0 else f", divide_by: {reference.divide_by:g}"
    return (
        f"{{namespace: {_scalar(reference.namespace)}, name: {_scalar(reference.name)}, "
        f"dimensions: {{{dimensions}}}, statistic: {_scalar(reference.statistic)}{divided}}}"
    )


def _skipped_lines(skipped: Sequence[Skipped]) -> list[str]:
    if not skipped:
        return []
    lines = ["", "# Looked at and left out:"]
    return lines + [
        _comment(
            "#   ",
            f"{KIND_WORDS[item.found.target.kind]} {item.found.target.name} in {item.found.place}: {item.reason}",
        )
        for item in skipped
    ]


def _export_lines(exports: Sequence[FoundExport], unread: Sequence[Unread]) -> list[str]:
    usable = [item for item in exports if item.is_parquet]
    if usable:
        lines = ["", "# Billing exports of the account; for sources.yaml beside this file:", "# billing:"]
        return lines + [
            f"#   - {{format: {item.table}, bucket: {_scalar(item.bucket)}, prefix: {_scalar(item.prefix)}, "
            f"export_name: {_scalar(item.name)}, region: {item.region}}}"
            for item in usable
        ]
    if any("bcm-data-exports" in item.operation for item in unread):
        return []
    return [
        "",
        "# The account has no billing export in Parquet. Headroom works from metrics and list prices until there is",
        "# one, and its reports say so; docs/doctor.md#bills tells how to make one.",
    ]


def _with_comment(line: str, text: str) -> str:
    return f"{line} # {_one_line(text)}"


def _comment(prefix: str, text: str) -> str:
    return f"{prefix}{_one_line(text)}"


def _one_line(text: str) -> str:
    """Return `text` without anything that could end a comment."""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())


def _listed(items: Iterable[str]) -> str:
    names = list(items)
    shown = ", ".join(names[:_LONGEST_LIST])
    return f"{shown} and {len(names) - _LONGEST_LIST} more" if len(names) > _LONGEST_LIST else shown


def _scalar(text: str) -> str:
    """Return a text as YAML reads it back: bare where that is plain, else in double quotes on one line."""
    is_plain = _PLAIN.fullmatch(text) is not None and text.lower() not in _YAML_WORDS
    return text if is_plain else str(yaml.safe_dump(text, default_style='"', width=sys.maxsize)).strip()


def summary_of(drafts: Sequence[EstimatedDraft]) -> Mapping[str, list[str]]:
    """Return the ids of the drafts by whether they can be used as they stand."""
    return {
        "fleets": [item.draft.fleet_id for item in drafts if item.draft.demand is not None],
        "without_demand": [item.draft.fleet_id for item in drafts if item.draft.demand is None],
    }
