"""Answers each segment with a receipt and asks nothing: what a courier is measured against, as a process of its own.

It must not be slower than what it measures, so cbor2 spells its answers (`amos.protocol.answer`). The receipts are
true: leaves of a tree that only grows, one signature for what came together.
"""

import os
import queue
import signal
import socket
from hashlib import sha256
from typing import Any

import cbor2
import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from amos.protocol.answer import ACCEPTED
from amos.protocol.envelope_host import unwrap
from amos.protocol.merkle import leaf_hash
from amos.protocol.several_host import holds_several, join_several, split_several
from amos.protocol.topics import ALL_USAGE, RECEIPT, device_topic, parse_device_topic
from amos_ledger.log import tree
from amos_ledger.log.receipts import encoded_receipts, signed
from amos_tools.bench.ledger_fleet import Signer

TOGETHER_MAX = 256
SEQUENCE_BYTES = 8


def sequence_of(segment: bytes) -> int:
    """Where this bench's segments, whose other bytes are random, say their number."""
    return int.from_bytes(segment[:SEQUENCE_BYTES], "big")


def start_stub(port: int) -> int:
    """Process id of a stub that serves the broker at this port of the loopback interface, until `stop_stub`."""
    ready_in, ready_out = os.pipe()
    child = os.fork()
    if not child:
        try:
            os.close(ready_in)
            _serve(port, ready_out)
        finally:
            os._exit(1)
    os.close(ready_out)
    with os.fdopen(ready_in) as pipe:
        if not pipe.read():
            raise RuntimeError("the stub of a ledger did not start")
    return child


def stop_stub(child: int) -> None:
    """End it."""
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)


def _serve(port: int, ready: int) -> None:
    came: queue.SimpleQueue[tuple[str, bytes]] = queue.SimpleQueue()
    client = paho.Client(CallbackAPIVersion.VERSION2, protocol=paho.MQTTv5)
    client.max_inflight_messages_set(TOGETHER_MAX)
    client.on_message = lambda _client, _data, message: came.put((message.topic, bytes(message.payload)))

    def subscribed(*_of: object) -> None:
        os.write(ready, b"1")
        os.close(ready)

    client.on_subscribe = subscribed
    client.connect("127.0.0.1", port)
    line: Any = client.socket()
    line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    client.subscribe(ALL_USAGE, 1)
    client.loop_start()
    key, nodes, size = Signer("ledger"), dict[tuple[int, int], bytes](), 0

    def read(level: int, index: int) -> bytes:
        return nodes[level, index]

    while True:
        together = [came.get()]
        while len(together) < TOGETHER_MAX and not came.empty():
            together.append(came.get())
        messages = [(topic, each) for topic, payload in together for each in _envelopes(payload)]
        segments = [unwrap(payload) for _topic, payload in messages]
        leaves = [leaf_hash(segment) for segment in segments]
        for level, index, node in tree.grow(size, leaves, read):
            nodes[level, index] = node
        indexes = range(size, size + len(messages))
        size += len(messages)
        root = tree.root(size, read)
        receipts = encoded_receipts(size, root, indexes, read, key.id, key.sign(signed(root, key.id)))
        answers: dict[str, list[bytes]] = {}
        for (topic, payload), segment, receipt in zip(messages, segments, receipts, strict=True):
            site, device_id, _leaf = parse_device_topic(topic)
            told = {1: sha256(payload).digest(), 2: ACCEPTED, 3: device_id, 4: sequence_of(segment), 5: receipt}
            answers.setdefault(device_topic(site, device_id, RECEIPT), []).append(cbor2.dumps(told))
        for topic, told_of in answers.items():
            for payload in join_several(told_of):
                client.publish(topic, payload, 1)


def _envelopes(payload: bytes) -> list[bytes]:
    return split_several(payload) if holds_several(payload) else [payload]
