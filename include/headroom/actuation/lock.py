"""One lock per fleet in the lake, so that two pushes or rollbacks never write to one target at a time.

`locks/fleet=<fleet>/<fence>.json` is created if absent by whoever takes the lock, `<fence>-released.json` at its end.
The next fence may be taken once the last is released or expired, or was left by a dead one. Who looks first, then
reads target and ledger, and then takes exactly the next fence, knows that nobody has written in between.
"""

import re
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Protocol

from headroom.actuation.errors import ActuationError
from headroom.domain.scaling import Verdict
from headroom.domain.window import as_utc

LONGEST_CALL: Final = timedelta(minutes=5)
"""A write call ends within 5 attempts of 5 s to connect and 30 s to read, and 4 waits of at most 20 s: 255 s
(headroom.extract.clients; botocore's longest backoff)."""
WRITING_LASTS: Final = timedelta(minutes=10)
"""No write call begins later: 400 calls, a whole Application Auto Scaling target replaced, throttled to one a second,
take 7 minutes."""
EXPIRES_AFTER: Final = WRITING_LASTS + LONGEST_CALL
"""By the cloud's clock; so the last call of a slow holder has ended, and the next hour's run finds the lock free."""
KEPT_FENCES: Final = 10
"""Files of earlier fences are deleted; which push had which fence stays in the ledger."""
LOCK_RULE: Final = "lock"
"""By this rule a push or rollback is refused that does not have the lock."""

_NAME = re.compile(r"(?:.*/)?(?P<fence>[0-9]{8})(?P<released>-released)?\.json")


class LockError(ActuationError):
    """The lock cannot be had, or is no longer ours; the message says whose it is."""


class LockFiles(Protocol):
    """Lists and deletes the lake's files."""

    def list(self, folder: str, *, name_prefix: str = "") -> list[str]:
        """Return, sorted, every file below `folder` whose first name after it starts with `name_prefix`."""
        ...

    def delete(self, path: str) -> None:
        """Remove the file; one that is not there is no error."""
        ...


class LockStore(Protocol):
    """Where locks live: the lake and its JSON documents."""

    @property
    def storage(self) -> LockFiles:
        """The files."""
        ...

    def write_json_once(self, path: str, obj: Any) -> bool:  # noqa: ANN401, any JSON value
        """Write the file if it is not there; return whether it was written. Of two at once one writes."""
        ...

    def read_json(self, path: str) -> Any:  # noqa: ANN401, any JSON value
        """Return the file's content."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Locks:
    """The locks in `store`; `clock` reads the cloud's clock anew, `seconds` counts on this machine."""

    store: LockStore
    clock: Callable[[], datetime]
    seconds: Callable[[], float] = time.monotonic

    def look(self, fleet_id: str, *, left_by: str | None = None) -> "SeenLock":
        """Return the fleet's lock as it is now; to be called before target and ledger are read.

        `left_by`: a push whose process is known to be dead; what it holds is free for its next try.
        """
        fences = _fences(self.store, fleet_id)
        newest = max(fences, default=0)
        reason = None if fences.get(newest, True) else self._why_held(_path(fleet_id, newest), left_by=left_by)
        return SeenLock(locks=self, fleet_id=fleet_id, newest=newest, held_reason=reason)

    def newest_holder(self, fleet_id: str) -> str | None:
        """Return the push or rollback that took the fleet's lock last, released or not; None where that is unknown."""
        newest = max(_fences(self.store, fleet_id), default=0)
        try:
            return str(self.store.read_json(_path(fleet_id, newest))["push_id"]) if newest else None
        except (ValueError, TypeError, LookupError):
            return None

    def _why_held(self, path: str, *, left_by: str | None) -> str | None:
        try:
            record = self.store.read_json(path)
            expires_at, holder = as_utc(datetime.fromisoformat(record["expires_at_utc"])), str(record["push_id"])
        except (ValueError, TypeError, LookupError) as error:
            return f"{path} cannot be read, so who holds the fleet's lock is unknown: {error}"
        if holder == left_by:
            return None
        try:
            is_over = self.clock() >= expires_at
        except ActuationError as error:
            return f"{holder} holds the fleet's lock ({path}), and whether that has expired is unknown: {error}"
        until = f"{expires_at:%Y-%m-%d %H:%M:%S}Z"
        return None if is_over else f"{holder} holds the fleet's lock until {until} at the latest ({path})"


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenLock:
    """A fleet's lock as it was when looked at: `held_reason` says who holds it, None where it is free."""

    locks: Locks
    fleet_id: str
    newest: int
    held_reason: str | None

    def moved_reason(self) -> str | None:
        """Return that somebody has taken the lock since, so that what was read may be half before and half after."""
        newest = max(_fences(self.locks.store, self.fleet_id), default=0)
        return None if newest == self.newest else _taken(_path(self.fleet_id, newest))

    @contextmanager
    def hold(self, push_id: str) -> Iterator["HeldLock"]:
        """Hold the lock for `push_id`, then release it; LockError where it is held, or somebody had it since."""
        if self.held_reason is not None:
            raise LockError(self.held_reason)
        held = self._take(push_id)
        try:
            held.check()  # an old look may have found the number of a fence whose files are deleted
            yield held
        finally:
            held.release()

    def _take(self, push_id: str) -> "HeldLock":
        store, path = self.locks.store, _path(self.fleet_id, self.newest + 1)
        began = self.locks.seconds()
        try:
            now_utc = self.locks.clock()
        except ActuationError as error:
            raise LockError(f"the fleet's lock cannot be taken without the cloud's clock: {error}") from error
        record = {
            "push_id": push_id,
            "holder": uuid.uuid4().hex,
            "acquired_at_utc": now_utc.isoformat(),
            "expires_at_utc": (now_utc + EXPIRES_AFTER).isoformat(),
        }
        # An answer that was lost and a call repeated by the client look like a lock of somebody else's.
        if not store.write_json_once(path, record) and store.read_json(path) != record:
            raise LockError(_taken(path))
        return HeldLock(locks=self.locks, fleet_id=self.fleet_id, fence=self.newest + 1, began_seconds=began)


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldLock:
    """The lock while it is ours: `fence` is its number, `began_seconds` when it was taken by this machine's count."""

    locks: Locks
    fleet_id: str
    fence: int
    began_seconds: float

    def check(self) -> None:
        """Raise LockError where another has taken the lock, or somebody has ended it by hand."""
        fences = _fences(self.locks.store, self.fleet_id)
        newest = max(fences, default=0)
        if newest != self.fence:
            raise LockError(f"stopped: fence {newest} of the fleet's lock has taken the place of our {self.fence}")
        if fences[newest]:
            raise LockError(f"stopped: fence {self.fence} of the fleet's lock, ours, was released by another hand")

    def before_call(self) -> None:
        """Raise LockError where no write call may begin: the lock is not ours, or the call might outlast it."""
        if self.locks.seconds() - self.began_seconds >= WRITING_LASTS.total_seconds():
            minutes = WRITING_LASTS // timedelta(minutes=1)
            raise LockError(f"stopped: the fleet's lock was held for {minutes} minutes, no write call begins later")
        self.check()

    def release(self) -> None:
        """Let the next one in, and delete what is left of fences long past."""
        store, path = self.locks.store, _path(self.fleet_id, self.fence)
        store.write_json_once(path.replace(".json", "-released.json"), {"fence": self.fence})
        for fence, is_released in _fences(store, self.fleet_id).items():
            if fence <= self.fence - KEPT_FENCES:
                store.storage.delete(_path(self.fleet_id, fence))
                if is_released:
                    store.storage.delete(_path(self.fleet_id, fence).replace(".json", "-released.json"))


def lock_verdict(reason: str) -> Verdict:
    """Return the verdict of a push or rollback that does not have the lock."""
    return Verdict(rule=LOCK_RULE, is_passed=False, reason=reason)


def _fences(store: LockStore, fleet_id: str) -> dict[int, bool]:
    """Return the fleet's fences and whether each is released, from the files' names alone."""
    found: dict[int, bool] = {}
    for path in store.storage.list(f"locks/fleet={fleet_id}"):
        match = _NAME.fullmatch(path)
        if match is not None:
            fence = int(match["fence"])
            found[fence] = found.get(fence, False) or match["released"] is not None
    return found


def _path(fleet_id: str, fence: int) -> str:
    return f"locks/fleet={fleet_id}/{fence:08d}.json"


def _taken(path: str) -> str:
    return f"another push or rollback took the fleet's lock meanwhile ({path})"
