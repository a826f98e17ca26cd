"""A device of the AWS IoT Device SDK v2 for Python (awsiotsdk), with MQTT 3.1.1 or 5."""

import threading

from awscrt import mqtt, mqtt5
from awsiot import mqtt5_client_builder, mqtt_connection_builder

import device

options = device.arguments(__doc__)
seconds = device.TIMEOUT_SECONDS
endpoint = {
    "endpoint": options.host,
    "port": options.port,
    "ca_filepath": options.cafile,
    "cert_filepath": options.cert,
    "pri_key_filepath": options.key,
    "client_id": options.client_id,
}


def attempt_mqtt3():
    arrived, seen = threading.Event(), {}

    def on_message(topic, payload, **_):
        seen["payload"] = payload.decode()
        arrived.set()

    connection = mqtt_connection_builder.mtls_from_path(clean_session=True, keep_alive_secs=30, **endpoint)
    connection.connect().result(seconds)
    subscribed, _ = connection.subscribe(options.topic, mqtt.QoS.AT_LEAST_ONCE, on_message)
    if subscribed.result(seconds)["qos"] is None:
        raise PermissionError("the subscription was refused")
    published, _ = connection.publish(options.topic, options.payload, mqtt.QoS.AT_LEAST_ONCE)
    published.result(seconds)
    device.wait(arrived, "message")
    connection.disconnect().result(seconds)
    return seen["payload"]


def attempt_mqtt5():
    connected, arrived, stopped = threading.Event(), threading.Event(), threading.Event()
    seen = {}

    def on_success(_):
        connected.set()

    def on_failure(data):
        seen["failure"] = f"{data.exception} {data.connack_packet}"
        connected.set()

    def on_message(data):
        seen["payload"] = data.publish_packet.payload.decode()
        arrived.set()

    client = mqtt5_client_builder.mtls_from_path(
        on_lifecycle_connection_success=on_success,
        on_lifecycle_connection_failure=on_failure,
        on_lifecycle_stopped=lambda _: stopped.set(),
        on_publish_received=on_message,
        **endpoint,
    )
    client.start()
    try:
        device.wait(connected, "CONNACK")
        if "failure" in seen:
            raise ConnectionError(seen["failure"])
        subscription = mqtt5.Subscription(topic_filter=options.topic, qos=mqtt5.QoS.AT_LEAST_ONCE)
        suback = client.subscribe(mqtt5.SubscribePacket(subscriptions=[subscription])).result(seconds)
        if suback.reason_codes[0] != mqtt5.SubackReasonCode.GRANTED_QOS_1:
            raise PermissionError(str(suback.reason_codes))
        packet = mqtt5.PublishPacket(topic=options.topic, payload=options.payload, qos=mqtt5.QoS.AT_LEAST_ONCE)
        puback = client.publish(packet).result(seconds).puback
        if puback.reason_code >= 0x80:
            raise PermissionError(str(puback.reason_code))
        device.wait(arrived, "message")
    finally:
        client.stop()
        device.wait(stopped, "end of the connection")
    return seen["payload"]


device.run(options, attempt_mqtt5 if options.mqtt == 5 else attempt_mqtt3)
