"""Captures requests as botocore signs and sends them, for tests/signatures.rs.

Run by hand: python3 crates/api/tests/capture_signatures.py > crates/api/tests/data/signatures.json
Needs boto3; nothing is sent: every request is caught before it would leave. Keys, session tokens, the time, the name
of the client and the numbers of the requests are made up and fixed, so that the same botocore gives the same file.
"""

import datetime
import io
import json
import sys
import uuid
from unittest import mock
from urllib.parse import urlsplit

import boto3
import botocore
import botocore.auth
from botocore.awsrequest import AWSResponse
from botocore.config import Config

ACCESS_KEY = "AKIDEXAMPLE"
SECRET_KEY = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
NOW = datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=datetime.timezone.utc)
ENDPOINT = "http://localhost:4080"
PEM = "-----BEGIN CERTIFICATE-----\nMIIB+/==\n-----END CERTIFICATE-----\n"
ARN = "arn:aws:iot:eu-central-1:000000000000:cert/0a1b"

# Name, service, operation, arguments, session token, endpoint.
CALLS = [
    ("describe-endpoint", "iot", "describe_endpoint", {"endpointType": "iot:Data-ATS"}, None, ENDPOINT),
    ("no-parameters", "iot", "get_registration_code", {}, None, ENDPOINT),
    ("body-and-query", "iot", "register_ca_certificate",
     {"caCertificate": PEM, "verificationCertificate": PEM, "setAsActive": True, "allowAutoRegistration": True,
      "tags": [{"Key": "k\u00fc", "Value": "\u96ea"}]}, None, ENDPOINT),
    ("hard-query", "iot", "list_things",
     {"attributeName": "a b", "attributeValue": "x/y+z=1&\u00fc~*'()", "maxResults": 10}, None, ENDPOINT),
    ("label-with-slashes", "iot", "list_attached_policies",
     {"target": ARN, "recursive": False, "pageSize": 3}, None, ENDPOINT),
    ("label-with-percent", "iot", "describe_thing", {"thingName": "a%2Fb c\u00fc:+~"}, None, ENDPOINT),
    ("header-member", "iot", "attach_thing_principal", {"thingName": "t", "principal": ARN}, None, ENDPOINT),
    ("session-token", "iot", "list_ca_certificates", {"ascendingOrder": True}, "FwoG/token+with==", ENDPOINT),
    ("put-without-body", "iot", "update_certificate",
     {"certificateId": "ab" * 32, "newStatus": "ACTIVE"}, None, ENDPOINT),
    ("delete", "iot", "delete_ca_certificate", {"certificateId": "ab" * 32}, None, ENDPOINT),
    ("default-port", "iot", "describe_endpoint", {}, None, "https://landfall.example"),
    ("binary-payload", "iot-data", "publish",
     {"topic": "a/b c/\u00fc", "qos": 1, "payload": bytes(range(256))}, None, ENDPOINT),
    ("query-protocol", "sts", "get_caller_identity", {}, None, ENDPOINT),
    ("repeated-query", "lambda", "untag_resource",
     {"Resource": "arn:aws:lambda:eu-central-1:000000000000:function:f", "TagKeys": ["b", "a", "a b"]},
     None, ENDPOINT),
    ("date-header", "iot", "get_registration_code", {}, None, ENDPOINT),
    ("greengrass", "greengrass", "create_group", {"Name": "g", "AmznClientToken": "t 1"}, None, ENDPOINT),
    ("policy-header", "iot", "list_policy_principals", {"policyName": "p+=,.@-", "pageSize": 1}, None, ENDPOINT),
    ("mqtt5-headers", "iot-data", "publish",
     {"topic": "$aws/a", "payload": "{}", "userProperties": '[{"a": "\u00fc"}]', "correlationData": "AQ==",
      "payloadFormatIndicator": "UTF8_DATA", "contentType": "text/plain", "messageExpiry": 60}, None, ENDPOINT),
    ("unsigned-payload", "iot", "create_policy", {"policyName": "p", "policyDocument": "{}"}, None,
     "https://landfall.example"),
]

# What is refused: a body in chunks.
CHUNKED = ("chunked", "s3", "put_object", {"Bucket": "b", "Key": "k", "Body": io.BytesIO(b"abc")}, None,
           "https://landfall.example")


def add_date(request, **_):
    # botocore signs the Date header in the place of X-Amz-Date when there is one.
    request.headers["Date"] = "set when it is signed"


def leave_out_the_payload(request, **_):
    request.context["payload_signing_enabled"] = False


def make_client(service, token, endpoint):
    return boto3.client(
        service, region_name="eu-central-1", endpoint_url=endpoint, aws_access_key_id=ACCESS_KEY,
        aws_secret_access_key=SECRET_KEY, aws_session_token=token,
        config=Config(parameter_validation=False, retries={"total_max_attempts": 1}, user_agent="botocore",
                      s3={"addressing_style": "path"}))


def capture(name, service, operation, arguments, token, endpoint):
    client = make_client(service, token, endpoint)
    caught = []

    def catch(request, **_):
        caught.append(request)
        raw = mock.Mock()
        raw.stream = lambda **_: iter([b"{}"])
        return AWSResponse(request.url, 200, {}, raw)

    client.meta.events.register("before-send", catch)
    if name == "date-header":
        client.meta.events.register("before-sign", add_date)
    if name == "unsigned-payload":
        client.meta.events.register("before-sign", leave_out_the_payload)
    try:
        getattr(client, operation)(**arguments)
    except Exception:  # The made-up answer is not XML; the request has been caught by then.
        if not caught:
            raise
    return caught[0]


def as_json(name, service, token, request):
    url = urlsplit(request.url)
    headers = [["host", url.netloc]]
    for key, value in request.headers.items():
        headers.append([key, value.decode() if isinstance(value, bytes) else str(value)])
    body = request.body or b""
    body = body.encode() if isinstance(body, str) else body if isinstance(body, bytes) else body.read()
    return {"name": name, "service": service, "sessionToken": token, "method": request.method, "path": url.path,
            "query": url.query, "headers": headers, "bodyHex": body.hex()}


def presigned():
    url = urlsplit(make_client("iot", None, ENDPOINT).generate_presigned_url(
        "describe_endpoint", Params={"endpointType": "iot:Data-ATS"}, ExpiresIn=60))
    return {"name": "presigned", "service": "iot", "sessionToken": None, "method": "GET", "path": url.path,
            "query": url.query, "headers": [["host", url.netloc]], "bodyHex": ""}


def main():
    with (mock.patch("botocore.auth.get_current_datetime", return_value=NOW),
          mock.patch("uuid.uuid4", return_value=uuid.UUID(int=0))):
        requests = [as_json(name, service, token, capture(name, service, operation, arguments, token, endpoint))
                    for name, service, operation, arguments, token, endpoint in CALLS]
        refused = [presigned(), as_json(CHUNKED[0], CHUNKED[1], CHUNKED[4], capture(*CHUNKED))]
    json.dump({
        "note": "Made by tests/capture_signatures.py; the keys are AWS's published examples.",
        "botocore": botocore.__version__,
        "accessKeyId": ACCESS_KEY, "secretAccessKey": SECRET_KEY, "region": "eu-central-1",
        "now": NOW.strftime("%Y-%m-%dT%H:%M:%SZ"), "requests": requests,
        "refused": refused,
    }, sys.stdout, indent=1)
    print()


if __name__ == "__main__":
    main()
