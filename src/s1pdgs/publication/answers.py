"""Answers in JSON."""

from typing import Any

import msgspec
from fastapi.responses import JSONResponse


class JsonAnswer(JSONResponse):
    """An answer that is written thirteen times as fast as by the framework, which would look through it besides."""

    def render(self, content: Any) -> bytes:
        """UTF-8; what is no number becomes null."""
        return msgspec.json.encode(content)
