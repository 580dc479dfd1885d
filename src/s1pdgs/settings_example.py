"""The settings file that tells every setting with its meaning and default."""

from pathlib import Path

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from s1pdgs.settings import Settings, Source, Table


def example() -> str:
    """Every setting with its meaning and default, as a TOML file whose keys are commented out."""
    lines = ["# Every setting with its default. S1PDGS_<TABLE>__<KEY> in the environment overrides it.", ""]
    defaults = Settings()  # type: ignore[call-arg]
    tables: list[tuple[str, Table]] = [("", defaults)]
    tables += [(f"[{name}]", value) for name, value in defaults if isinstance(value, Table)]
    for title, values in tables:
        lines += [title] if title else []
        fields = type(values).model_fields
        lines += [line for name, field in fields.items() for line in _example_key(name, field, values)]
        lines.append("")
    lines += ["# One table for each source.", "[[sources]]"]
    lines += [line for name, field in Source.model_fields.items() for line in _example_key(name, field, None)]
    return "\n".join(lines) + "\n"


def _example_key(name: str, field: FieldInfo, values: BaseModel | None) -> list[str]:
    default = field.default if values is None else getattr(values, name)
    if isinstance(default, Table) or (name == "sources" and values is not None):
        return []
    told = [f"# {field.description}"] if field.description else []
    required = default is PydanticUndefined
    shown = '""' if default is None or required else _toml_text(default)
    return [*told, f"{name} = {shown}" if required else f"# {name} = {shown}"]


def _toml_text(value: object) -> str:
    if isinstance(value, SecretStr):  # a default is no secret
        value = value.get_secret_value()
    if isinstance(value, list):
        return f"[{', '.join(_toml_text(entry) for entry in value)}]"
    if isinstance(value, bool):
        return str(value).lower()
    return f"'{value}'" if isinstance(value, (str, Path)) else str(value)
