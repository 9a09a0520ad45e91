#!/usr/bin/env python3
"""A pipecat bot for Twilio calls that needs no cloud: it greets with a tone and says back
what it hears. Nothing in it is for Webex: wsproxy's adapter twilio brings it Webex's calls.

    python3 -m venv .venv && .venv/bin/pip install -r requirements.txt
    .venv/bin/python bot.py --port 8765
"""

import argparse
import asyncio
import math
import socket
import struct

import uvicorn
from fastapi import FastAPI, WebSocket
from loguru import logger
from pipecat.frames.frames import (
    InputAudioRawFrame,
    InputDTMFFrame,
    InterruptionFrame,
    StartFrame,
    TTSAudioRawFrame,
)
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.runner import PipelineRunner
from pipecat.pipeline.task import PipelineParams, PipelineTask
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.runner.utils import parse_telephony_websocket
from pipecat.serializers.twilio import TwilioFrameSerializer
from pipecat.transports.websocket.fastapi import (
    FastAPIWebsocketParams,
    FastAPIWebsocketTransport,
)

RATE = 8000
LOUD = 500  # of a frame's mean level, above which it is speech
PAUSE = 0.5  # seconds of less that end an utterance

app = FastAPI()


def tone(hertz, seconds):
    """PCM of a tone."""
    n = int(RATE * seconds)
    return b"".join(struct.pack("<h", int(8000 * math.sin(2 * math.pi * hertz * i / RATE))) for i in range(n))


def level(pcm):
    """How loud PCM is."""
    samples = struct.unpack(f"<{len(pcm) // 2}h", pcm)
    return math.sqrt(sum(s * s for s in samples) / max(1, len(samples)))


class Echo(FrameProcessor):
    """Says utterances back, and presses keys as a short tone."""

    def __init__(self):
        super().__init__()
        self.heard = b""
        self.quiet = 0.0
        self.speaking = False

    async def say(self, pcm):
        await self.push_frame(TTSAudioRawFrame(audio=pcm, sample_rate=RATE, num_channels=1))

    async def process_frame(self, frame, direction):
        await super().process_frame(frame, direction)
        await self.push_frame(frame, direction)
        if direction != FrameDirection.DOWNSTREAM:
            return
        if isinstance(frame, StartFrame):
            await self.say(tone(440, 0.5))
        elif isinstance(frame, InputAudioRawFrame):
            await self.hear(frame.audio)
        elif isinstance(frame, InputDTMFFrame):
            await self.say(tone(350, 0.4))

    async def hear(self, pcm):
        loud = level(pcm) > LOUD
        self.quiet = 0.0 if loud else self.quiet + len(pcm) / 2 / RATE
        if loud and not self.speaking:
            self.speaking = True
            await self.push_frame(InterruptionFrame())  # stops what plays
        self.heard += pcm
        if not self.speaking:
            self.heard = self.heard[-int(0.3 * RATE) * 2 :]
        elif self.quiet >= PAUSE:
            said, self.heard, self.speaking = self.heard, b"", False
            await self.say(said)


@app.websocket("/ws")
async def call(websocket: WebSocket):
    await websocket.accept()
    _, data = await parse_telephony_websocket(websocket)
    logger.info("call {} with parameters {}", data["call_id"], sorted(data["body"]))
    serializer = TwilioFrameSerializer(
        stream_sid=data["stream_id"],
        call_sid=data["call_id"],
        params=TwilioFrameSerializer.InputParams(auto_hang_up=False),
    )
    transport = FastAPIWebsocketTransport(
        websocket=websocket,
        params=FastAPIWebsocketParams(
            audio_in_enabled=True, audio_out_enabled=True, add_wav_header=False, serializer=serializer
        ),
    )
    task = PipelineTask(
        Pipeline([transport.input(), Echo(), transport.output()]),
        params=PipelineParams(audio_in_sample_rate=RATE, audio_out_sample_rate=RATE),
    )

    @transport.event_handler("on_client_disconnected")
    async def gone(_transport, _client):
        await task.cancel()

    await PipelineRunner(handle_sigint=False).run(task)


async def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=8765)
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", parser.parse_args().port))
    listener.listen()
    print("listening on 127.0.0.1:%d" % listener.getsockname()[1], flush=True)
    await uvicorn.Server(uvicorn.Config(app, log_level="warning")).serve(sockets=[listener])


if __name__ == "__main__":
    asyncio.run(main())
