"""A device of paho-mqtt, with MQTT 3.1.1 or 5."""

import ssl
import threading

import paho.mqtt.client as mqtt

import device

options = device.arguments(__doc__)


def attempt():
    connected, subscribed, published, arrived, ended = (threading.Event() for _ in range(5))
    seen = {}
    client = mqtt.Client(
        mqtt.CallbackAPIVersion.VERSION2,
        client_id=options.client_id,
        protocol=mqtt.MQTTv5 if options.mqtt == 5 else mqtt.MQTTv311,
        reconnect_on_failure=False,
    )
    client.tls_set(options.cafile, options.cert, options.key, tls_version=ssl.PROTOCOL_TLS_CLIENT)

    def on_connect(client, userdata, flags, reason, properties):
        seen["connack"] = reason
        connected.set()

    def on_disconnect(client, userdata, flags, reason, properties):
        seen.setdefault("connack", reason)
        connected.set()
        ended.set()

    def on_subscribe(client, userdata, packet_id, reasons, properties):
        seen["suback"] = reasons[0]
        subscribed.set()

    def on_publish(client, userdata, packet_id, reason, properties):
        seen["puback"] = reason
        published.set()

    def on_message(client, userdata, message):
        seen["payload"] = message.payload.decode()
        arrived.set()

    client.on_connect, client.on_disconnect = on_connect, on_disconnect
    client.on_subscribe, client.on_publish, client.on_message = on_subscribe, on_publish, on_message
    client.connect(options.host, options.port)
    client.loop_start()
    try:
        device.wait(connected, "CONNACK")
        if seen["connack"].is_failure:
            raise ConnectionError(str(seen["connack"]))
        client.subscribe(options.topic, qos=1)
        device.wait(subscribed, "SUBACK")
        if seen["suback"].is_failure:
            raise PermissionError(str(seen["suback"]))
        client.publish(options.topic, options.payload, qos=1)
        device.wait(published, "PUBACK")
        if seen["puback"].is_failure:
            raise PermissionError(str(seen["puback"]))
        device.wait(arrived, "message")
        client.disconnect()
        device.wait(ended, "end of the connection")
    finally:
        client.loop_stop()
    return seen["payload"]


device.run(options, attempt)
