"""Who is not let in: every operation without a signature and with wrong ones, as botocore sends them.

    boto3_refusals.py [--operations iot:CreateThing,…]

The server is that of the AWS environment variables; it has to be new, and is new afterwards, since nothing here is
carried out but what is said to be. Prints one line for each check; the exit code is not 0 when one failed.
"""

import argparse
import contextlib
import datetime
import hashlib
import importlib
import json
import os
import sys
import tempfile
from unittest import mock
from urllib.parse import urlsplit

import boto3
import botocore.auth
import botocore.session
import urllib3
from botocore import UNSIGNED
from botocore.awsrequest import AWSRequest
from botocore.compat import HAS_CRT
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from control_plane import harness, operations, remains
from control_plane.sample import arguments_of

ENDPOINT = os.environ["AWS_ENDPOINT_URL"].rstrip("/")
REGION = os.environ["AWS_DEFAULT_REGION"]
KEYS = Credentials(os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"])

# With awscrt botocore signs by that, and by itself where the environment has BOTO_DISABLE_CRT=true.
SIGNERS = [botocore.auth]
if HAS_CRT:
    SIGNERS.append(importlib.import_module("botocore.crt.auth"))

# The codes of the query protocol, which sts speaks.
QUERY_CODES = {
    "InvalidSignatureException": "SignatureDoesNotMatch",
    "MissingAuthenticationTokenException": "MissingAuthenticationToken",
    "UnrecognizedClientException": "InvalidClientTokenId",
}

# What takes a request without a signature, and what it answers to one without a right token: the token, which only a
# destination was sent, takes the place of the signature. A signature that is there has to be right all the same.
TAKEN_UNSIGNED = {"iot:ConfirmTopicRuleDestination": (400, "InvalidRequestException")}


def client(service, secret=None, key=None, signed=True):
    """A client with keys of its own. Arguments are not checked here: what is refused is refused before they are."""
    options = {} if signed else {"signature_version": UNSIGNED}
    return boto3.client(
        service,
        aws_access_key_id=key or KEYS.access_key,
        aws_secret_access_key=secret or KEYS.secret_key,
        config=Config(retries={"total_max_attempts": 1}, parameter_validation=False, **options),
    )


class Refusal:
    """A way in which a request is wrong: who sends it, what happens to it on its way, the code of its refusal."""

    def __init__(self, name, code, change=None, clock=None, **keys):
        self.name, self.code, self.change, self.clock, self.keys = name, code, change, clock, keys
        self.clients = {}

    def client(self, service):
        if service not in self.clients:
            made = client(service, **self.keys)
            if self.change:
                made.meta.events.register("before-send", self.change)
            self.clients[service] = made
        return self.clients[service]


def change_signature(request, **_):
    """The signature with another last digit."""
    authorization = request.headers["Authorization"]
    authorization = authorization if isinstance(authorization, str) else authorization.decode()
    request.headers["Authorization"] = authorization[:-1] + ("0" if authorization[-1] != "0" else "1")


def change_body(request, **_):
    """Another body than the one that was signed."""
    request.body = b'{"x":"tampered with"}'
    request.headers["Content-Length"] = str(len(request.body))


def change_query(request, **_):
    """One parameter more than was signed."""
    request.url += ("&" if "?" in request.url else "?") + "pageSize=1"


def refusals():
    return (
        Refusal("without a signature", "MissingAuthenticationTokenException", signed=False),
        Refusal("with another secret", "InvalidSignatureException", secret="another secret"),
        Refusal("with another key", "UnrecognizedClientException", key="AKIASOMEBODYELSE"),
        Refusal("with another signature", "InvalidSignatureException", change=change_signature),
        Refusal("with another body", "InvalidSignatureException", change=change_body),
        Refusal("with another query", "InvalidSignatureException", change=change_query),
        Refusal("signed 16 minutes ago", "InvalidSignatureException", clock=-datetime.timedelta(minutes=16)),
        Refusal("signed 16 minutes ahead", "InvalidSignatureException", clock=datetime.timedelta(minutes=16)),
    )


@contextlib.contextmanager
def clock(difference):
    """Botocore with a clock that is ahead by this much, in both of its signers."""

    def ahead(remove_tzinfo=True):
        moment = harness.now() + (difference or datetime.timedelta())
        return moment.replace(tzinfo=None) if remove_tzinfo else moment

    with contextlib.ExitStack() as stack:
        for module in SIGNERS:
            stack.enter_context(mock.patch.object(module, "get_current_datetime", ahead))
        yield


def every_operation(run, wanted):
    """Each of these operations, wrong in each way."""
    session = botocore.session.get_session()
    for refusal in refusals():
        for operation in sorted(wanted):
            service, _, name = operation.partition(":")
            model = session.get_service_model(service).operation_model(name)
            code = QUERY_CODES[refusal.code] if service == "sts" else refusal.code
            expected = (403, code)
            if not refusal.keys.get("signed", True):
                expected = TAKEN_UNSIGNED.get(operation, expected)
            with clock(refusal.clock):
                made = refusal.client(service)
                refused_as(run, f"{operation} {refusal.name}", made, name, arguments_of(model), expected)


def refused_as(run, name, made, operation, arguments, expected):
    method = next(method for method, api in made.meta.method_to_api_mapping.items() if api == operation)
    try:
        getattr(made, method)(**arguments)
    except ClientError as error:
        response = error.response
        found = (response["ResponseMetadata"]["HTTPStatusCode"], response["Error"]["Code"])
        run.equal(name, found, expected)
    else:
        run.fails(name, "it succeeded")


# Requests that are made by hand, since botocore would not make them for a server on HTTP.


class Signer(botocore.auth.SigV4Auth):
    """Signs as it is told: which headers, and which hash of the body."""

    def __init__(self, service, headers=None, payload_hash=None):
        super().__init__(KEYS, service, REGION)
        self.names, self.payload_hash = headers, payload_hash

    def headers_to_sign(self, request):
        headers = super().headers_to_sign(request)
        for name in [name for name in headers if self.names is not None and name.lower() not in self.names]:
            del headers[name]
        return headers

    def payload(self, request):
        return self.payload_hash or super().payload(request)


def send(method, path, headers, body=b""):
    """Status, code of the error and members of an answer."""
    pool = urllib3.PoolManager(retries=False)
    answer = pool.request(method, ENDPOINT + path, headers=headers, body=body)
    code = answer.headers.get("x-amzn-errortype", "")
    return answer.status, code, json.loads(answer.data) if answer.data else {}


def signed(signer, method, path, body=b"", **headers):
    """The headers of a signed request."""
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    request = AWSRequest(method=method, url=ENDPOINT + path, data=body, headers=headers)
    signer.add_auth(request)
    return dict(request.headers.items())


def by_hand(run):
    body = json.dumps({"policyDocument": '{"Version":"2012-10-17","Statement":[]}'}).encode()
    headers = signed(Signer("iot"), "POST", "/policies/replayed", body)
    other = body.replace(b"[]", b"[ ]")
    status, code, _ = send("POST", "/policies/replayed", headers, other)
    run.equal("a signature replayed with another body", (status, code), (403, "InvalidSignatureException"))
    status, code, _ = send("POST", "/policies/other", headers, body)
    run.equal("a signature replayed on another path", (status, code), (403, "InvalidSignatureException"))
    status, code, _ = send("DELETE", "/policies/replayed", headers, body)
    run.equal("a signature replayed with another method", (status, code), (403, "InvalidSignatureException"))

    url = urlsplit(client("iot").generate_presigned_url("list_things", Params={"maxResults": 1}, ExpiresIn=60))
    status, code, answer = send("GET", f"{url.path}?{url.query}", {})
    run.equal("a presigned URL", (status, code), (400, "IncompleteSignatureException"))
    run.true("is refused by its name", "URL" in answer.get("message", ""), answer)

    streaming = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
    chunked = b"2;chunk-signature=" + b"0" * 64 + b"\r\n{}\r\n0;chunk-signature=" + b"0" * 64 + b"\r\n\r\n"
    headers = signed(
        Signer("iot", payload_hash=streaming),
        "POST",
        "/things/chunked",
        chunked,
        Content_Encoding="aws-chunked",
        X_Amz_Content_SHA256=streaming,
        X_Amz_Decoded_Content_Length="2",
    )
    status, code, answer = send("POST", "/things/chunked", headers, chunked)
    run.equal("a body in chunks", (status, code), (400, "IncompleteSignatureException"))
    run.true("is refused by its name", "chunked" in answer.get("message", ""), answer)

    # The client has signed that it does not sign the body: HTTPS protects that.
    unsigned = signed(
        Signer("iot", payload_hash="UNSIGNED-PAYLOAD"), "GET", "/things", X_Amz_Content_SHA256="UNSIGNED-PAYLOAD"
    )
    run.equal("a body that is said to be unsigned", send("GET", "/things", unsigned)[:2], (200, ""))
    headers = {name: value for name, value in unsigned.items() if name.lower() != "x-amz-content-sha256"}
    run.equal("but not when that is left out", send("GET", "/things", headers)[:2], (403, "InvalidSignatureException"))
    headers = signed(Signer("iot", headers={"x-amz-date"}), "GET", "/things")
    run.equal("a host that is not signed", send("GET", "/things", headers)[:2], (403, "InvalidSignatureException"))
    headers = {**signed(Signer("iot"), "PUT", "/things/a/principals"), "x-amzn-principal": "lamp"}
    run.equal(
        "a member in a header that is not signed",
        send("PUT", "/things/a/principals", headers)[:2],
        (403, "InvalidSignatureException"),
    )
    status, code, _ = send("GET", "/things", {"Authorization": "Bearer lamp"})
    run.equal("another scheme", (status, code), (400, "IncompleteSignatureException"))


def as_aws_sdk_js(run):
    """As the SDK for JavaScript: version 2 signs iot as `execute-api`, sends a type on GET and a body on PUT."""
    names = {"host", "x-amz-content-sha256", "x-amz-date"}
    for service in ("execute-api", "iot"):
        for method, path, body in (
            ("POST", "/things/from-js", b"{}"),
            ("GET", "/things/from-js", b""),
            ("PUT", "/things/from-js/principals", b"{}"),
            ("DELETE", "/things/from-js", b""),
        ):
            signer = Signer(service, headers=names)
            content = {"Content_Type": "application/json", "X_Amz_Content_SHA256": hashlib.sha256(body).hexdigest()}
            headers = signed(signer, method, path, body, **content)
            found = send(method, path, headers, body)[:2]
            # The PUT has no principal; that it is told so shows that it was let in.
            expected = (400, "InvalidRequestException") if method == "PUT" else (200, "")
            run.equal(f"{method} signed as {service}", found, expected)
            changed = {**headers, "X-Amz-Content-SHA256": "0" * 64}
            run.equal(
                f"{method} signed as {service} with another hash",
                send(method, path, changed, body)[:2],
                (403, "InvalidSignatureException"),
            )
    for service, path in (
        ("s3", "/things"),
        ("lambda", "/things"),
        ("greengrass", "/things"),
        ("iot", "/2015-03-31/functions"),
        ("greengrass", "/2015-03-31/functions"),
        ("lambda", "/greengrass/groups"),
    ):
        found = send("GET", path, signed(Signer(service), "GET", path))[:2]
        run.equal(f"{path} signed as {service}", found, (404, "UnknownOperationException"))


def in_time(run):
    """A clock that is not quite right is right enough."""
    made = client("iot")
    for minutes in (-14, 14):
        with clock(datetime.timedelta(minutes=minutes)):
            run.true(f"signed {minutes} minutes from now", made.list_things()["things"] == [])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--operations", type=operations.parse, default=operations.BUILT)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        run = harness.Run(directory, options.operations)
        stories = {
            "every operation": lambda run: every_operation(run, options.operations),
            "by hand": by_hand,
            "nothing happened": remains.nothing,
            "in time": in_time,
            "as aws-sdk-js": as_aws_sdk_js,
            "nothing is left": remains.nothing,
        }
        for name, story in stories.items():
            harness.attempt(run, story, name)
    return harness.report(run)


if __name__ == "__main__":
    sys.exit(main())
