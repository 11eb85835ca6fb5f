"""Build hook of the wheel: the template in JSON, which is read in a hundredth of the time of YAML.

Hatchling runs it with its own Python, so PyYAML is among the requirements of the build.
"""

import json
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class TemplateHook(BuildHookInterface[Any]):
    """Adds `template.json` to the project's files in the wheel."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Write the file, and have it included."""
        del version  # both kinds of wheels have it
        sys.path.insert(0, str(Path(self.root) / "standin"))
        try:
            from tapedeck_standin.aws.template_yaml import parse_template  # noqa: PLC0415 - not before its path
        finally:
            del sys.path[0]
        content = parse_template((Path(self.root) / "template.yaml").read_text(encoding="utf-8"))
        made = Path(self.directory) / "template.json"
        made.parent.mkdir(parents=True, exist_ok=True)
        made.write_text(json.dumps(content, separators=(",", ":")), encoding="utf-8")
        build_data["force_include"][str(made)] = "tapedeck_standin/project/template.json"

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Delete the file."""
        del version, build_data, artifact_path
        (Path(self.directory) / "template.json").unlink()
