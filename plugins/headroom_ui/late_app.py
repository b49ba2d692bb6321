"""An ASGI app that is imported when it is first asked for something."""

from collections.abc import Awaitable, Callable, MutableMapping
from importlib import import_module
from typing import Any

Message = MutableMapping[str, Any]
App = Callable[[Message, Callable[[], Awaitable[Message]], Callable[[Message], Awaitable[None]]], Awaitable[None]]


class LateApp:
    """Stands for the app that `factory` of `module` returns; FastAPI takes most of a second to import."""

    def __init__(self, module: str, factory: str) -> None:
        self._module = module
        self._factory = factory
        self._app: App | None = None

    async def __call__(
        self,
        scope: Message,
        receive: Callable[[], Awaitable[Message]],
        send: Callable[[Message], Awaitable[None]],
    ) -> None:
        """Answer as the app does."""
        if self._app is None:
            self._app = getattr(import_module(self._module), self._factory)()
        await self._app(scope, receive, send)
