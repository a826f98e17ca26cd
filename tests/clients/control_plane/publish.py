"""iot-data Publish, as far as the caller sees it. That messages arrive is tested with subscribers."""

from control_plane.harness import story


@story
def publish(run):
    data = run.data
    run.fields("answers nothing", data.publish(topic="lamp/1", qos=1, payload=b"on"))
    run.fields("takes a topic with any characters", data.publish(topic="lamp/a b/\u00fc", payload=b"\x00\xff"))
    run.fields("takes no payload", data.publish(topic="lamp/1"))
    run.fields(
        "takes MQTT 5 properties",
        data.publish(
            topic="lamp/1",
            qos=0,
            payload=b"{}",
            contentType="application/json",
            responseTopic="lamp/answers",
            correlationData="AQ==",
            userProperties='[{"room":"cellar"}]',
            payloadFormatIndicator="UTF8_DATA",
            messageExpiry=60,
        ),
    )
    run.refused(
        "not to reserved topics",
        lambda: data.publish(topic="$aws/things/lamp/shadow/update", payload=b"{}"),
        "InvalidRequestException",
        "topic|\\$",
    )
    run.refused(
        "not to a filter", lambda: data.publish(topic="lamp/+", payload=b""), "InvalidRequestException", "topic"
    )
    run.refused(
        "not with quality of service 2",
        lambda: data.publish(topic="lamp/1", qos=2, payload=b""),
        "InvalidRequestException",
        "qos",
    )
    run.refused(
        "not with properties that are none",
        lambda: data.publish(topic="lamp/1", payload=b"", userProperties="[1]"),
        "InvalidRequestException",
        "userProperties",
    )
    run.refused(
        "not with correlation data that are no base64",
        lambda: data.publish(topic="lamp/1", payload=b"", correlationData="!"),
        "InvalidRequestException",
        "correlationData",
    )
