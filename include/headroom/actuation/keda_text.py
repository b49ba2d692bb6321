"""The text of a ScaledObject: YAML as Kubernetes reads it, and what must stand in it before we touch it. Pure."""

import re
from collections import Counter
from typing import Any, Final

import yaml

from headroom.actuation.keda_manifest import Document, ManifestError, owned_setting

_BASE_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_DUMPER: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
_DATE: Final = "tag:yaml.org,2002:timestamp"
_WITHOUT_BASE_60: Final = {
    "tag:yaml.org,2002:int": re.compile(r"[-+]?(?:0b[01_]+|0x[0-9a-fA-F_]+|0|0[0-7_]+|[1-9][0-9_]*)\Z"),
    "tag:yaml.org,2002:float": re.compile(
        r"[-+]?(?:[0-9][0-9_]*\.[0-9_]*(?:[eE][-+][0-9]+)?|\.[0-9][0-9_]*(?:[eE][-+][0-9]+)?|\.(?:inf|Inf|INF))\Z|\.(?:nan|NaN|NAN)\Z",
    ),
}
_WIDEST: Final = 4096
"""Lines are not folded: a restore's annotation stays on one, and differences show as one line each."""


class _Loader(_BASE_LOADER):  # type: ignore[misc]
    """YAML as Kubernetes reads it: an unquoted date or time of day is text; PyYAML makes a date or a number of it.

    A key that stands twice is refused, as kubectl does: PyYAML takes the last, and writing would drop the other.
    """

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> Any:  # noqa: ANN401, FBT001, FBT002, as PyYAML's own
        keys = Counter(key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode))
        twice = [key for key, count in keys.items() if count > 1]
        if twice:
            raise yaml.constructor.ConstructorError(None, None, f"the key {twice[0]!r} stands twice", node.start_mark)
        return super().construct_mapping(node, deep=deep)


_Loader.yaml_implicit_resolvers = {
    first: [(tag, _WITHOUT_BASE_60.get(tag, pattern)) for tag, pattern in resolvers if tag != _DATE]
    for first, resolvers in _BASE_LOADER.yaml_implicit_resolvers.items()
}


def parse_document(data: bytes) -> object:
    """Return the one document in `data`; ManifestError where there is none, or more than one."""
    try:
        return yaml.load(data, Loader=_Loader)  # noqa: S506, a safe loader
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError, ValueError) as error:
        raise ManifestError(f"expected one YAML document: {' '.join(str(error).split())}") from error


def document_bytes(document: Document) -> bytes:
    """Return the document as YAML; equal documents give equal bytes."""
    text = yaml.dump(document, Dumper=_DUMPER, sort_keys=False, allow_unicode=True, width=_WIDEST)
    return str(text).encode()


def check_document(document: object, *, namespace: str, deployment: str) -> Document:
    """Return `document` if it is the ScaledObject of the Deployment; ManifestError naming the key where it is not."""
    top = _mapping(document, "the document")
    _expect(top.get("kind") == "ScaledObject", "kind", "ScaledObject", top.get("kind"))
    version = top.get("apiVersion")
    _expect(version == "keda.sh/v1alpha1", "apiVersion", "keda.sh/v1alpha1", version)
    metadata, spec = _mapping(top.get("metadata"), "metadata"), _mapping(top.get("spec"), "spec")
    found = metadata.get("namespace", namespace)
    _expect(found == namespace, "metadata.namespace", namespace, found)
    notes = _mapping(metadata.get("annotations") or {}, "metadata.annotations")
    for key, text in notes.items():
        _expect(isinstance(text, str), f"metadata.annotations.{key}", "text", text)
    scaled = _mapping(spec.get("scaleTargetRef"), "spec.scaleTargetRef")
    kind = scaled.get("kind", "Deployment")
    _expect(kind == "Deployment", "spec.scaleTargetRef.kind", "Deployment", kind)
    _expect(scaled.get("name") == deployment, "spec.scaleTargetRef.name", deployment, scaled.get("name"))
    owned = owned_setting(top)
    counts = (owned.min_instances, owned.max_instances)
    is_right = all(type(count) is int for count in counts) and 0 <= counts[0] <= counts[1]  # type: ignore[operator]
    _expect(is_right, "spec.minReplicaCount, spec.maxReplicaCount", "whole numbers, the first no larger", counts)
    triggers = spec.get("triggers")
    _expect(isinstance(triggers, list), "spec.triggers", "a list", triggers)
    for position, trigger in enumerate(triggers or []):
        _expect(
            isinstance(trigger, dict)
            and isinstance(trigger.get("type"), str)
            and isinstance(trigger.get("metadata"), dict),
            f"spec.triggers[{position}]",
            "a trigger with type and metadata",
            trigger,
        )
    return top


def _expect(condition: bool, key: str, wanted: object, found: object) -> None:  # noqa: FBT001, reads as an assertion
    if not condition:
        raise ManifestError(f"{key}: expected {wanted}, found {found!r}")


def _mapping(value: object, key: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ManifestError(f"{key}: expected keys and values, found {type(value).__name__}")
    return value
