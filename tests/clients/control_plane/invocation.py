"""Invocations of functions: `lambda`. What functions do as a registrar is tested with devices."""

import base64
import json
import re

from control_plane.function import ROLE, archive, create, invoke
from control_plane.harness import UUID, story
from control_plane.receiver import receiver

# A function that fails in the ways that there are.
FAILING = """
import sys, time

def handler(event, context):
    print("about to fail")
    if event == "exit":
        sys.exit(3)
    if event == "sleep":
        time.sleep(60)
    raise ValueError("no lamp: " + event)
"""

# A function without a runtime of its own: it speaks to the Runtime API.
BOOTSTRAP = r"""#!/bin/bash
invocations="http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime/invocation"
while answer=$(curl -sS -i "$invocations/next"); do
  id=$(grep -i '^lambda-runtime-aws-request-id:' <<<"$answer" | tr -d '\r' | cut -d ' ' -f 2)
  curl -sS -o /dev/null -d "{\"told\": ${answer##*$'\n'}}" "$invocations/$id/response"
done
"""

# A function that says by HTTP that it was invoked.
TELLING = """
import urllib.request

def handler(event, context):
    urllib.request.urlopen(event["url"], data=context.aws_request_id.encode())
"""


@story
def invoke_and_wait(run):
    made = create(run, "echo", Environment={"Variables": {"COLOR": "red"}}, MemorySize=256)
    event = {"wanted": "a lamp", "names": ["été", None, 1.5]}
    answer, found = invoke(run, "echo", event)
    run.fields("answers with status 200", answer, StatusCode=200, ExecutedVersion="$LATEST")
    run.equal("what it was asked", found["event"], event)
    told = found["told"]
    run.form("each invocation has an id", told.pop("request"), UUID)
    run.equal(
        "it is told what it is",
        told,
        {
            "name": "echo",
            "version": "$LATEST",
            "arn": made["FunctionArn"],
            "memory": "256",
            "log_group": "/aws/lambda/echo",
            "in_time": True,
            "variable": "red",
            "region": run.region,
        },
    )
    answer, found = invoke(run, made["FunctionArn"], event, InvocationType="RequestResponse", LogType="Tail")
    run.fields("has a log", answer, StatusCode=200, ExecutedVersion="$LATEST", LogResult=...)
    log = base64.b64decode(answer["LogResult"]).decode()
    identity = re.escape(found["told"]["request"])
    pattern = (
        rf"START RequestId: {identity} Version: \$LATEST\nasked for a lamp\nEND RequestId: {identity}\n"
        rf"REPORT RequestId: {identity}\tDuration: [0-9.]+ ms\tBilled Duration: \d+ ms\tMemory Size: 256 MB\t"
        r"Max Memory Used: \d+ MB\t?\n"
    )
    run.form("in the form of AWS", log, re.compile(pattern))
    answer, found = invoke(run, "echo", event, LogType="None")
    run.true("no log that is not wanted", "LogResult" not in answer, answer)
    dry = run.functions.invoke(FunctionName="echo", InvocationType="DryRun", Payload=json.dumps(event))
    run.equal("a dry run has status 204", dry["StatusCode"], 204)
    run.equal("and no answer", dry["Payload"].read(), b"")
    run.refused(
        "an event that is no JSON",
        lambda: run.functions.invoke(FunctionName="echo", Payload=b"{"),
        "InvalidRequestContentException",
        "JSON",
        Type="User",
    )
    run.invalid(
        "a type there is not",
        lambda: run.functions.invoke(FunctionName="echo", InvocationType="Later"),
        "invocationType",
    )
    run.functions.delete_function(FunctionName="echo")


@story
def invoke_in_other_runtimes(run):
    for runtime, path, text in (
        ("nodejs20.x", "f.js", "exports.handler = async (event) => ({ told: event });\n"),
        ("provided.al2023", "bootstrap", BOOTSTRAP),
    ):
        name = runtime.partition(".")[0]
        run.functions.create_function(
            FunctionName=name,
            Runtime=runtime,
            Handler="f.handler",
            Role=ROLE,
            Timeout=5,
            Code={"ZipFile": archive({path: text})},
        )
        for event in ({"names": ["été", None, 1.5]}, "a lamp"):
            answer, found = invoke(run, name, event)
            run.fields(f"{runtime}: answers", answer, StatusCode=200, ExecutedVersion="$LATEST")
            run.equal(f"{runtime}: what it was asked", found, {"told": event})
        run.functions.delete_function(FunctionName=name)


@story
def invoke_and_fail(run):
    create(run, "failing", FAILING, Timeout=1)
    for event, kind, message in (
        ("broken", "ValueError", "^no lamp: broken$"),
        ("exit", "Runtime.ExitError", "^RequestId: [0-9a-f-]{36} Error: Runtime exited with error: exit status 3$"),
        ("sleep", "Sandbox.Timedout", r"^RequestId: [0-9a-f-]{36} Error: Task timed out after 1\.00 seconds$"),
    ):
        answer, payload = invoke(run, "failing", event, LogType="Tail")
        run.fields(
            f"{event}: is an answer",
            answer,
            StatusCode=200,
            FunctionError="Unhandled",
            ExecutedVersion="$LATEST",
            LogResult=...,
        )
        # What the function's runtime catches is told with its place.
        caught = {"requestId": ..., "stackTrace": ...} if event == "broken" else {}
        run.fields(f"{event}: says why", payload, errorType=kind, errorMessage=..., **caught)
        run.form(f"{event}: in words", payload["errorMessage"], re.compile(message))
        log = base64.b64decode(answer["LogResult"]).decode()
        run.true(f"{event}: is in the log", "about to fail" in log and "REPORT RequestId: " in log, log)
    _, payload = invoke(run, "failing", "again")
    run.equal("what was killed starts anew", payload["errorMessage"], "no lamp: again")
    run.functions.delete_function(FunctionName="failing")


@story
def invoke_and_go_on(run):
    create(run, "telling", TELLING)
    with receiver() as server:
        event = json.dumps({"url": f"{server.url}/told"})
        answer = run.functions.invoke(FunctionName="telling", InvocationType="Event", Payload=event)
        run.equal("is taken with status 202", answer["StatusCode"], 202)
        run.equal("without an answer", answer["Payload"].read(), b"")
        told = server.next()
        run.equal("is invoked then", told.path, "/told")
        run.form("with an id", told.body.decode(), UUID)
        run.true("once", server.requests.empty(), server.requests)
    too_large = json.dumps("x" * 1024 * 1024)
    run.refused(
        "an event that is too large",
        lambda: run.functions.invoke(FunctionName="telling", InvocationType="Event", Payload=too_large),
        "RequestTooLargeException",
        "1048578 byte payload is too large for the Event invocation type",
        Type="User",
    )
    run.functions.delete_function(FunctionName="telling")
