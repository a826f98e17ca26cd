"""A device of the AWS IoT Device SDK v1 for Python (AWSIoTPythonSDK), with MQTT 3.1.1."""

import threading

from AWSIoTPythonSDK.MQTTLib import AWSIoTMQTTClient

import device

options = device.arguments(__doc__)


def attempt():
    arrived, seen = threading.Event(), {}

    def on_message(client, userdata, message):
        seen["payload"] = message.payload.decode()
        arrived.set()

    client = AWSIoTMQTTClient(options.client_id)
    client.configureEndpoint(options.host, options.port)
    client.configureCredentials(options.cafile, options.key, options.cert)
    # This SDK learns of a closed connection only by waiting so long for its CONNACK.
    client.configureConnectDisconnectTimeout(3)
    client.configureMQTTOperationTimeout(device.TIMEOUT_SECONDS)
    if not client.connect():
        raise ConnectionError("connect() returned False")
    if not client.subscribe(options.topic, 1, on_message):
        raise PermissionError("subscribe() returned False")
    if not client.publish(options.topic, options.payload, 1):
        raise PermissionError("publish() returned False")
    device.wait(arrived, "message")
    client.disconnect()
    return seen["payload"]


device.run(options, attempt)
