"""Configuration stands beside its owner; this is what its models share."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from pydantic.fields import FieldInfo


class Config(BaseModel):
    """A frozen section of a configuration file; unknown keys, infinity and NaN are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    def semantic(self) -> dict[str, Any]:
        """The fields that decide what comes out, as plain JSON values, for the stage key."""
        return {
            name: _semantic(getattr(self, name))
            for name, field in type(self).model_fields.items()
            if not is_operational(field)
        }


def operational(default: Any = ..., **kwargs: Any) -> Any:
    """A field that decides how fast or where, never what: left out of the stage key.

    Takes what `pydantic.Field` takes.
    """
    return Field(default, json_schema_extra={"operational": True}, **kwargs)


def is_operational(field: FieldInfo) -> bool:
    """Whether a field was declared by `operational`."""
    extra = field.json_schema_extra
    return isinstance(extra, dict) and bool(extra.get("operational"))


def _semantic(value: Any) -> Any:
    if isinstance(value, Config):
        return value.semantic()
    if isinstance(value, list | tuple):
        return [_semantic(item) for item in value]
    if isinstance(value, dict):
        return {key: _semantic(item) for key, item in value.items()}
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    return value
