#!/usr/bin/env python3
"""A bot for byova-host in Python, without its Go library: an echo.

    caller            bot
    (calls)           a tone
    speech            the same audio
    keys              the same keys, as their tones
    0                 transfers to a person
    9                 ends the call
    7                 sends the custom event "echo"
    8                 how many answers it gave before, as tones
    silence           a lower tone; the third in a row ends the call
"""

import json
import math
import os
import sys

# The host runs a private copy of this file. Its neighbours stand where the operator's
# own file is, and no __pycache__ is left there.
sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(os.environ.get("BYOVA_PLUGIN_PATH") or __file__)))

from wire import pb, serve  # noqa: E402

STATE_VERSION = 1
RATE = 8000
TELEPHONE = pb.Format(encoding=pb.Format.MULAW, rate=RATE)
SAMPLE_BYTES = {pb.Format.MULAW: 1, pb.Format.ALAW: 1, pb.Format.LINEAR16: 2}
TAIL_MS = 100  # how much of the silence after an utterance is part of the echo


def mulaw(sample):
    """One sample of 16 bits as a byte of G.711 mu-law."""
    sign = 0x80 if sample < 0 else 0
    biased = min(abs(sample), 32635) + 0x84
    exponent = biased.bit_length() - 8
    return ~(sign | exponent << 4 | biased >> (exponent + 3) & 0x0F) & 0xFF


def tone(ms, *hertz):
    """A sound of some tones, with soft edges against clicks."""
    n, edge = ms * RATE // 1000, RATE // 200
    out = bytearray(n)
    for i in range(n):
        loud = 8230 * min(1, i / edge, (n - 1 - i) / edge) / len(hertz)
        out[i] = mulaw(int(loud * sum(math.sin(2 * math.pi * h * i / RATE) for h in hertz)))
    return bytes(out)


ROWS, COLUMNS = (697, 770, 852, 941), (1209, 1336, 1477, 1633)
KEYS = {
    key: tone(120, ROWS[i // 4], COLUMNS[i % 4]) + b"\xff" * (80 * RATE // 1000)
    for i, key in enumerate("123A456B789C*0#D")
}
GREETING, NOBODY = tone(300, 440), tone(300, 220)


class Echo:
    """What one call remembers. Its events come one after another."""

    def __init__(self, call):
        self.call = call
        self.answers = 0  # to utterances and keys: the saved state
        self.format = TELEPHONE  # of the caller's audio
        self.new_turn(None)

    def new_turn(self, cause):
        self.cause = cause
        self.heard = []  # of the utterance: (position, audio)
        self.keys = ""
        self.silences = 0

    def on_start(self, start):
        self.format = start.format_in
        if start.resume.state:
            self.answers = json.loads(start.resume.state)["answers"]
        if start.resume.interrupted_turn:  # the caller has heard some of its answer
            self.call.send(turn=start.resume.interrupted_turn, done=pb.Done())
        mode = pb.Input.VOICE_AND_DTMF
        self.call.send(input=pb.Input(mode=mode, dtmf_length=20, inter_digit_ms=3000, dtmf_terminator="#"))

    def on_format(self, form):
        self.format = form
        self.heard = []

    def on_turn_started(self, turn):
        self.new_turn(turn.cause)

    def on_audio(self, event):
        self.heard.append((event.at_ms, event.audio))

    def on_dtmf(self, entry):
        self.keys = entry.digits

    def on_no_input(self, silence):
        self.silences = silence.count

    def on_input_ended(self, ended):
        """The turn's input is complete: answer it."""
        turn, cause = ended.turn, pb.TurnStarted
        if self.cause == cause.CAUSE_START:
            self.call.play(turn, GREETING, TELEPHONE)
        elif self.cause == cause.CAUSE_SPEECH:
            self.count(turn)
            self.call.play(turn, self.utterance(ended.speech_end_ms + TAIL_MS), self.format)
        elif self.cause == cause.CAUSE_DTMF:
            if self.answer_keys(turn):
                return
        elif self.cause == cause.CAUSE_NO_INPUT:
            self.call.play(turn, NOBODY, TELEPHONE)
            if self.silences >= 3:
                self.call.send(turn=turn, end=pb.End())
                return
        self.call.send(turn=turn, done=pb.Done())

    def answer_keys(self, turn):
        """Answers an entry. True says that the bot has left the call."""
        before = self.answers
        self.count(turn)
        if self.keys == "0":
            transfer = pb.Transfer()
            transfer.metadata["reason"] = "caller pressed 0"
            self.call.send(turn=turn, transfer=transfer)
        elif self.keys == "9":
            self.call.send(turn=turn, end=pb.End())
        elif self.keys == "7":
            self.call.send(turn=turn, custom=pb.CustomEvent(name="echo"))
        else:
            keys = str(before) if self.keys == "8" else self.keys
            self.call.play(turn, b"".join(KEYS.get(k, b"") for k in keys), TELEPHONE)
            return False
        return True

    def count(self, turn):
        """Counts the turn and saves before it is answered: if nothing of the answer
        has left when the process dies, the turn comes again."""
        self.answers += 1
        self.call.send(turn=turn, state=pb.State(blob=self.state(), version=STATE_VERSION))

    def state(self):
        return json.dumps({"answers": self.answers}).encode()

    def utterance(self, until_ms):
        """What was heard up to a position."""
        size = SAMPLE_BYTES[self.format.encoding]
        out = b""
        for at_ms, audio in self.heard:
            keep = (until_ms - at_ms) * (self.format.rate or RATE) // 1000 * size
            out += audio[: max(0, keep)]
        return out

    def on_suspend(self, suspend):
        """The call is to go to another process. Nothing is held here that could not."""
        self.call.send(suspended=pb.Suspended(state=self.state(), state_version=STATE_VERSION))


if __name__ == "__main__":
    serve(
        pb.DescribeResponse(
            name="python",
            version="1.0.0",
            sdk="examples/plugin-python",
            resume=pb.DescribeResponse.RESUME_SAVED,
            movable=True,
            state_version=STATE_VERSION,
            reads_state_versions=[STATE_VERSION],
            max_calls_per_stream=1,  # a stream and a thread for each call
        ),
        [pb.Agent(id="python", name="Echo in Python")],
        Echo,
    )
