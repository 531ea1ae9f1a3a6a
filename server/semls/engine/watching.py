"""Which files of a workspace change, as the system tells it."""

import asyncio
import logging
import os
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path

from watchfiles import watch

from semls.engine.files import concerns

log = logging.getLogger(__name__)

_STEP = 50  # milliseconds without a change that end a burst
_BURST = 400  # milliseconds that a burst may last

Tell = Callable[[set[str] | OSError], None]


async def changes(root: Path) -> AsyncIterator[set[str]]:
    """The places that changed, in bursts; the first, empty burst says that watching has begun.

    Raises OSError where the system cannot watch, for instance because its limit is reached.
    """
    loop, told = asyncio.get_running_loop(), asyncio.Queue[set[str] | OSError]()
    stop = threading.Event()

    def tell(news: set[str] | OSError) -> None:
        if not loop.is_closed():
            loop.call_soon_threadsafe(told.put_nowait, news)

    # A thread of its own: to set up takes 25 microseconds for each folder.
    threading.Thread(target=_watch, args=(root, tell, stop), name="watcher", daemon=True).start()
    try:
        while True:
            news = await told.get()
            if isinstance(news, OSError):
                raise news
            yield news
    finally:
        stop.set()


def _watch(root: Path, tell: Tell, stop: threading.Event) -> None:
    begun = False
    try:
        changing = watch(
            root,
            watch_filter=None,
            debounce=_BURST,
            step=_STEP,
            rust_timeout=1,  # so that it soon says that it has begun
            yield_on_timeout=True,
            stop_event=stop,
            ignore_permission_denied=True,
            raise_interrupt=False,
        )
        for changed in changing:
            paths = (Path(os.path.relpath(path, root)).as_posix() for _, path in changed)
            places = {place for path in paths if (place := concerns(path)) is not None}
            if places or not begun:
                tell(places)
                begun = True
    except OSError as error:
        tell(error)
