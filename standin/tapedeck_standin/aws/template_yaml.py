"""Read a template in YAML, with the short forms of intrinsic functions; a wheel has it in JSON instead."""

from typing import Any, Final

import yaml

_STRING: Final = "tag:yaml.org,2002:str"
_TIMESTAMP: Final = "tag:yaml.org,2002:timestamp"

_WITHOUT_PREFIX: Final = {"Ref", "Condition"}
"""Intrinsic functions whose names do not begin with `Fn::`."""


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc] # a base class chosen at import
    """Reads templates as SAM does, but with libyaml where PyYAML contains it, which is several times faster."""


def _construct_intrinsic(loader: Any, _prefix: str, node: yaml.Node) -> dict[str, Any]:  # noqa: ANN401 - PyYAML's
    """Expand a short form: `!GetAtt a.b` is `{"Fn::GetAtt": ["a", "b"]}`."""
    name = node.tag.removeprefix("!")
    value: Any
    if isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    elif isinstance(node, yaml.MappingNode):
        value = loader.construct_mapping(node, deep=True)
    else:
        value = loader.construct_scalar(node)
        value = value.split(".", 1) if name == "GetAtt" else value
    return {name if name in _WITHOUT_PREFIX else f"Fn::{name}": value}


# Dates, such as the version of a policy's language, are text.
_Loader.add_constructor(_TIMESTAMP, yaml.SafeLoader.yaml_constructors[_STRING])
_Loader.add_multi_constructor("!", _construct_intrinsic)


def parse_template(text: str) -> dict[str, Any]:
    """Return the content of a template in YAML, equal to that of SAM's own `yaml_parse`."""
    content: dict[str, Any] = yaml.load(text, _Loader)  # noqa: S506 - a safe loader
    return content
