"""/live: a voice as it is spoken, over a WebSocket; events as JSON.

First comes {"rate_hz": 16000, "format": "s16le"}, then mono sound in binary frames. ser/schema.json
describes the events, docs/api.md the conversation.
"""

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from fastapi import WebSocket
from starlette.websockets import WebSocketDisconnect, WebSocketState

from ser.pipeline import EmotionPipeline
from ser.recordings.stream import Stream
from server.frames import Inbox, RefusedError, Start, command, read_start
from server.limits import CONCURRENT, LiveLimits
from server.problems import INTERNAL, Problem

NORMAL, GOING_AWAY, UNSUPPORTED, POLICY, BROKEN, TRY_AGAIN = 1000, 1001, 1003, 1008, 1011, 1013
NO_START = Problem("no_start", "No first message came: please send the rate and the format.")
TOO_MANY_REFUSED = Problem(
    "too_many_refused", "Too many frames in a row were refused: the session has ended."
)
LOG = logging.getLogger(__name__)


class Live:
    """All sessions: how many there are, the threads that judge them, and their end."""

    def __init__(self, pipeline: EmotionPipeline, limits: LiveLimits | None = None):
        self.limits = limits or LiveLimits()
        self._pipeline = pipeline
        self._pool = ThreadPoolExecutor(CONCURRENT, thread_name_prefix="live")
        self._sessions: set[_Session] = set()
        self._is_closed = False

    @property
    def n_sessions(self) -> int:
        """How many go on."""
        return len(self._sessions)

    async def talk(self, socket: WebSocket) -> None:
        """Hold one session, from its first message to its last event."""
        await socket.accept()
        if self._is_closed or self.n_sessions >= self.limits.n_sessions:
            text = f"{self.limits.n_sessions} voices are heard at a time: please try again later."
            return await self._refuse(socket, text)
        visitor = getattr(socket.state, "visitor", None)
        n_of_one = sum(session.visitor == visitor for session in self._sessions)
        if visitor and n_of_one >= self.limits.n_of_one:
            text = "As many voices as one visitor may have are heard: please end one of them first."
            return await self._refuse(socket, text)
        session = _Session(socket, self._pipeline, self._pool, self.limits, visitor)
        self._sessions.add(session)
        try:
            await session.run()
        finally:
            self._sessions.discard(session)

    async def _refuse(self, socket: WebSocket, text: str) -> None:
        with _Gone():
            failed = _failed(Problem("too_many_sessions", text))
            await asyncio.wait_for(socket.send_json(failed), self.limits.send_s)
            await socket.close(TRY_AGAIN)

    async def close(self, patience_s: float) -> None:
        """Let nobody new in, and end every session with what it has heard so far."""
        self._is_closed = True
        for session in list(self._sessions):
            session.stop("server_stops")
        with _Gone():
            async with asyncio.timeout(patience_s):
                while self._sessions:
                    await asyncio.sleep(0.02)
        self._pool.shutdown(wait=False, cancel_futures=True)


class _Gone:
    """Leave a block without a word where the client is gone, or does not take what it is sent."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> bool:
        return kind is not None and issubclass(kind, WebSocketDisconnect | TimeoutError)


class _Session:
    """One voice. It listens and judges at the same time, each in a task of its own."""

    def __init__(
        self,
        socket: WebSocket,
        pipeline: EmotionPipeline,
        pool: ThreadPoolExecutor,
        limits: LiveLimits,
        visitor: str | None,
    ):
        self.visitor = visitor
        self._socket, self._pipeline, self._pool, self._limits = socket, pipeline, pool, limits
        self._why: asyncio.Future[str | Problem] = asyncio.get_running_loop().create_future()

    def stop(self, why: str | Problem) -> None:
        """End it: a reason of the event "ended", or what went wrong. The first word counts."""
        if not self._why.done():
            self._why.set_result(why)

    async def run(self) -> None:
        with _Gone():
            try:
                async with asyncio.timeout(self._limits.start_s):
                    start = await self._start()
            except TimeoutError:
                return await self._fail(NO_START, POLICY)
            if isinstance(start, Problem):
                return await self._fail(start, UNSUPPORTED)
            await self._converse(start)

    async def _start(self) -> Start | Problem:
        message = await self._socket.receive()
        if message["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(message.get("code", NORMAL))
        return read_start(message.get("text"))

    async def _converse(self, start: Start) -> None:
        model = self._pipeline.checkpoint
        self._inbox = Inbox(start, self._limits)
        self._stream = Stream(self._pipeline, start.rate_hz, start.emotions)
        await self._send(
            {
                "type": "ready",
                "rate_hz": start.rate_hz,
                "format": start.format,
                "ahead_s": self._limits.ahead_s,
                "longest_s": self._limits.longest_s,
                "model": {"name": model.name, "revision": model.revision},
            }
        )
        tasks = [asyncio.create_task(self._listen()), asyncio.create_task(self._judge())]
        try:
            await asyncio.wait([*tasks, self._why], return_when=asyncio.FIRST_COMPLETED)
            for task in tasks:
                if task.done():
                    task.result()  # an exception of it is this session's
            tasks[0].cancel()  # nothing more is taken; what waits is judged
            self._inbox.close()
            await tasks[1]
            await self._end(self._why.result())
        except (WebSocketDisconnect, TimeoutError):
            raise
        except Exception:
            LOG.exception("A live session broke")
            await self._fail(INTERNAL, BROKEN)
        finally:
            for task in tasks:
                task.cancel()

    async def _listen(self) -> None:
        """Take frames and commands until a reason to end comes up."""
        loop = asyncio.get_running_loop()
        last_s = loop.time()
        while not self._why.done():
            idle_s = self._limits.idle_s - (loop.time() - last_s)
            left_s = self._limits.longest_s - self._inbox.elapsed_s
            try:
                async with asyncio.timeout(max(0.0, min(idle_s, left_s))):
                    message = await self._socket.receive()
            except TimeoutError:
                return self.stop("idle" if idle_s < left_s else "too_long")
            if message["type"] == "websocket.disconnect":
                raise WebSocketDisconnect(message.get("code", NORMAL))
            try:
                if (frame := message.get("bytes")) is not None:
                    last_s = loop.time()
                    self._inbox.take(frame)
                elif command(message.get("text")) == "finish":
                    return self.stop("finished")
                else:
                    self._inbox.reset()
            except RefusedError as refused:
                await self._send(refused.to_dict())
                if self._inbox.n_refused_in_a_row > self._limits.n_refused:
                    return self.stop(TOO_MANY_REFUSED)

    async def _judge(self) -> None:
        """Judge what was taken, in its order, and tell what was heard."""
        while (sound := await self._inbox.next()) is not None:
            if sound.is_reset:
                await self._tell(self._stream.finish)
                self._stream.reset()
            else:
                await self._tell(lambda s=sound: self._stream.push(s.samples, s.late_s))
        await self._tell(self._stream.finish)

    async def _tell(self, hear: Callable[[], list]) -> None:
        updates = await asyncio.get_running_loop().run_in_executor(self._pool, hear)
        for update in updates:
            await self._send(update.to_dict())

    async def _send(self, event: dict) -> None:
        await asyncio.wait_for(self._socket.send_json(event), self._limits.send_s)

    async def _end(self, why: str | Problem) -> None:
        if isinstance(why, Problem):
            return await self._fail(why, POLICY)
        await self._send({"type": "ended", "reason": why, **self._inbox.counts()})
        await self._socket.close(GOING_AWAY if why == "server_stops" else NORMAL)

    async def _fail(self, problem: Problem, code: int) -> None:
        if self._socket.client_state is WebSocketState.CONNECTED:
            await self._send(_failed(problem))
            await self._socket.close(code, problem.code)


def _failed(problem: Problem) -> dict:
    return {"type": "failed", "error": problem.to_dict()}
