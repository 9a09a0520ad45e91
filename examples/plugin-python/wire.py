"""The plugin wire of byova-host in Python: what stands between a bot and the host.

serve() is the last statement of a bot. docs/plugin-protocol.md has the contract
that this keeps; the bot's part is bot.py.
"""

import base64
import collections
import concurrent.futures
import datetime
import json
import os
import signal
import sys
import traceback

import grpc
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

HERE = os.path.dirname(os.path.abspath(__file__))
# A copy of the descriptor set beside this file goes before the one of the repository.
DESCRIPTORS = (
    os.path.join(HERE, "plugin.binpb"),
    os.path.join(HERE, "../../proto/byova/plugin/v1/plugin.binpb"),
)
PACKAGE = "byova.plugin.v1"
COOKIE = ("BYOVA_PLUGIN", "8f1c2d0a5b7e4c13")
# Each Attach stream keeps a thread: one for the process and one for each call. A
# call beyond that would wait without an answer; keep the host's limit below it.
THREADS = 1000
# Audio in one command. The host's credit must reach for one.
PIECE = 4096


class Contract:
    """The message classes of the contract: pb.Command, pb.Start and so on."""

    def __init__(self, paths):
        path = next((p for p in paths if os.path.exists(p)), None)
        if path is None:
            sys.exit(f"no descriptor set: put plugin.binpb beside {__file__}")
        with open(path, "rb") as f:
            files = descriptor_pb2.FileDescriptorSet.FromString(f.read())
        self._pool = descriptor_pool.DescriptorPool()
        for file in files.file:
            self._pool.AddSerializedFile(file.SerializeToString())
        # Debian's protobuf has not the one, newer ones no longer have the other.
        self._make = getattr(message_factory, "GetMessageClass", None)
        if self._make is None:
            self._make = message_factory.MessageFactory(self._pool).GetPrototype

    def __getattr__(self, name):
        made = self._make(self._pool.FindMessageTypeByName(f"{PACKAGE}.{name}"))
        setattr(self, name, made)
        return made


pb = Contract(DESCRIPTORS)


def log(level, message, **fields):
    """Writes a line that the host's log shows with its level and fields."""
    line = {"@level": level, "@message": message, **fields}
    print(json.dumps(line, default=str), file=sys.stderr, flush=True)


class Call:
    """One call. The bot's methods on_start, on_audio, on_turn_started and so on get
    its events, in order; those that it does not have are nothing to it."""

    def __init__(self, number, start, bot):
        self.number = number
        self.of = {"session": start.session_id, "conversation": start.conversation_id}
        self.credit = start.credit
        self.prompts = start.resume.prompts  # 0 where nothing is resumed
        self.waiting = collections.deque()  # for credit, or for what waits before
        self.send(accepted=pb.Accepted())
        self.bot = bot(self)

    def log(self, level, message, **fields):
        """Writes a line that names the call. Never log what was said or pressed."""
        log(level, message, **self.of, **fields)

    def send(self, **command):
        """Queues a command: send(turn=3, done=pb.Done())."""
        self.waiting.append(pb.Command(call=self.number, **command))

    def play(self, turn, audio, form):
        """Queues a prompt that the caller may interrupt."""
        if not audio:
            return
        self.prompts += 1
        of = {"turn": turn, "prompt": self.prompts}
        self.send(prompt_start=pb.Prompt(barge_in=True, format=form), **of)
        for at in range(0, len(audio), PIECE):
            last = at + PIECE >= len(audio)
            self.send(audio=bytes(audio[at : at + PIECE]), prompt_end=last, **of)

    def handle(self, event):
        """Hands an event to the bot. What is not known here is ignored."""
        kind = "audio" if event.audio else event.WhichOneof("body")
        if kind is None:
            return
        body = event if kind == "audio" else getattr(event, kind)
        if kind == "credit":
            self.credit += body.bytes
        if kind == "turn_ended":  # nobody will hear the rest of its answer
            kept = (c for c in self.waiting if c.turn != body.turn or c.HasField("state"))
            self.waiting = collections.deque(kept)
        if kind == "refused":
            self.log("warn", "command refused", command=body.command, reason=body.message)
        handler = getattr(self.bot, f"on_{kind}", None)
        if handler:
            handler(body)

    def ready(self):
        """Takes what may be sent now: audio as far as the host's credit reaches."""
        while self.waiting and len(self.waiting[0].audio) <= self.credit:
            command = self.waiting.popleft()
            self.credit -= len(command.audio)
            yield command


class Stream:
    """One Attach stream: its calls, and the host's questions to the process."""

    def __init__(self, bot):
        self.bot = bot
        self.calls = {}

    def handle(self, event):
        """Takes an event and returns the commands that it makes possible."""
        if event.call == 0:
            if event.HasField("ping"):
                return [pb.Command(pong=pb.Pong(id=event.ping.id))]
            return []
        try:
            return self.handle_call(event)
        except Exception as e:  # the failure of this call alone: others go on
            call = self.calls.pop(event.call, None)
            stack = traceback.format_exc()
            (call.log if call else log)("error", "bot failed", error=e, stack=stack)
            failed = pb.Failed(message=f"{type(e).__name__}: {e}"[:4000], stack=stack[-8000:])
            return [pb.Command(call=event.call, failed=failed)]

    def handle_call(self, event):
        if event.HasField("start"):
            self.calls[event.call] = Call(event.call, event.start, self.bot)
        call = self.calls.get(event.call)
        if call is None:  # it has failed here
            return []
        call.handle(event)
        if event.HasField("end"):
            del self.calls[event.call]
        return list(call.ready())


class Plugin:
    """The four RPCs of a plugin."""

    def __init__(self, about, agents, bot):
        self.about = about
        self.agents = agents
        self.bot = bot

    def describe(self, request, context):
        return self.about

    def configure(self, request, context):
        # No settings are known here; each is said to be wrong by its name.
        unknown = [pb.FieldError(field=f, message="no such setting") for f in request.settings.fields]
        return pb.ConfigureResponse(errors=unknown)

    def list_agents(self, request, context):
        return pb.ListAgentsResponse(agents=self.agents)

    def attach(self, batches, context):
        stream = Stream(self.bot)
        for batch in batches:
            commands = [c for event in batch.events for c in stream.handle(event)]
            if commands:
                yield pb.CommandBatch(commands=commands)

    def handlers(self):
        def rpc(kind, function, request, response):
            return kind(function, request.FromString, response.SerializeToString)

        unary, both = grpc.unary_unary_rpc_method_handler, grpc.stream_stream_rpc_method_handler
        plugin = {
            "Describe": rpc(unary, self.describe, pb.DescribeRequest, pb.DescribeResponse),
            "Configure": rpc(unary, self.configure, pb.ConfigureRequest, pb.ConfigureResponse),
            "ListAgents": rpc(unary, self.list_agents, pb.ListAgentsRequest, pb.ListAgentsResponse),
            "Attach": rpc(both, self.attach, pb.EventBatch, pb.CommandBatch),
        }
        serving = b"\x08\x01"  # HealthCheckResponse{status: SERVING}
        health = {"Check": unary(lambda request, context: serving)}
        return (
            grpc.method_handlers_generic_handler(f"{PACKAGE}.Plugin", plugin),
            grpc.method_handlers_generic_handler("grpc.health.v1.Health", health),
        )


def own_certificate():
    """A P-256 key and its certificate for localhost, for this process alone."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.timezone.utc)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=30 * 365))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    return key, certificate


def serve(about, agents, bot):
    """Serves a bot until the host ends the process. bot makes one for each call."""
    if os.environ.get(COOKIE[0]) != COOKIE[1]:
        sys.exit(f"This is a bot plugin; byova-host runs it: byova-host serve --plugin {sys.argv[0]}")
    # Ctrl-C and a service manager's SIGTERM reach the host's whole group, and the
    # host lets calls end first. Not SIG_IGN, which our children would inherit.
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, lambda number, frame: None)

    key, certificate = own_certificate()
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    credentials = grpc.ssl_server_credentials(
        [(private, certificate.public_bytes(serialization.Encoding.PEM))],
        root_certificates=os.environ["PLUGIN_CLIENT_CERT"].encode(),
        require_client_auth=True,
    )
    server = grpc.server(concurrent.futures.ThreadPoolExecutor(THREADS))
    server.add_generic_rpc_handlers(Plugin(about, agents, bot).handlers())
    socket = os.path.join(os.environ["PLUGIN_UNIX_SOCKET_DIR"], "bot.sock")
    if not server.add_secure_port(f"unix:{socket}", credentials):
        sys.exit(f"cannot listen on {socket}")
    server.start()

    der = base64.b64encode(certificate.public_bytes(serialization.Encoding.DER))
    print(f"1|1|unix|{socket}|grpc|{der.decode().rstrip('=')}", flush=True)

    while sys.stdin.buffer.read(1024):  # ends with the host
        pass
    os._exit(0)  # threads of calls would keep a plain exit waiting
