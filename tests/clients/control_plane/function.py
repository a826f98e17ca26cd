"""Functions: `lambda`."""

import base64
import datetime
import hashlib
import io
import json
import zipfile

from control_plane.harness import UUID, story

ROLE = "arn:aws:iam::123456789012:role/functions"
RUNTIME = "python3.12"

# A function that answers what it was asked, with what it is told of itself.
ECHO = """
import os

def handler(event, context):
    print("asked for", event["wanted"])
    told = {
        "name": context.function_name,
        "version": context.function_version,
        "arn": context.invoked_function_arn,
        "memory": context.memory_limit_in_mb,
        "request": context.aws_request_id,
        "log_group": context.log_group_name,
        "in_time": 0 < context.get_remaining_time_in_millis() <= 5000,
        "variable": os.environ.get("COLOR"),
        "region": os.environ["AWS_REGION"],
    }
    return {"event": event, "told": told}
"""


def archive(files):
    """A zip file of these texts by their paths, the same whenever it is made."""
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as made:
        for name, text in files.items():
            entry = zipfile.ZipInfo(name, (2026, 1, 1, 0, 0, 0))
            # A bootstrap has to be executable.
            entry.external_attr = 0o755 << 16
            made.writestr(entry, text)
    return written.getvalue()


def sha256(code):
    """The hash of an archive as it is told."""
    return base64.b64encode(hashlib.sha256(code).digest()).decode()


def create(run, name, text=ECHO, **arguments):
    """A function of this text in Python."""
    given = {"Runtime": RUNTIME, "Handler": "f.handler", "Role": ROLE, "Timeout": 5, **arguments}
    return run.functions.create_function(FunctionName=name, Code={"ZipFile": archive({"f.py": text})}, **given)


def invoke(run, name, event, **arguments):
    """What a function answers, with its payload as JSON."""
    answer = run.functions.invoke(FunctionName=name, Payload=json.dumps(event), **arguments)
    text = answer.pop("Payload").read()
    return answer, json.loads(text) if text else None


def moment(text):
    """A date as lambda writes it."""
    return datetime.datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%f%z")


def configuration(run, name, code, **members):
    """All that is told of a function that was created with as little as possible."""
    return {
        "FunctionName": name,
        "FunctionArn": run.arn(f"function:{name}", "lambda"),
        "Runtime": RUNTIME,
        "Role": ROLE,
        "Handler": "f.handler",
        "CodeSize": len(code),
        "CodeSha256": sha256(code),
        "Description": "",
        "Timeout": 3,
        "MemorySize": 128,
        "LastModified": ...,
        "Version": "$LATEST",
        "TracingConfig": {"Mode": "PassThrough"},
        "RevisionId": ...,
        "State": "Active",
        "LastUpdateStatus": "Successful",
        "PackageType": "Zip",
        "Architectures": ...,
        **members,
    }


def not_found(run, name, call):
    run.refused(
        name, call, "ResourceNotFoundException", "^Function not found: arn:aws:lambda:.*:function:no-such$", Type="User"
    )


@story
def create_and_delete(run):
    functions = run.functions
    code = archive({"f.py": ECHO})
    minimal = {"Runtime": RUNTIME, "Handler": "f.handler", "Role": ROLE, "Code": {"ZipFile": code}}
    made = functions.create_function(FunctionName="create", **minimal)
    run.equal("is created with status 201", made["ResponseMetadata"]["HTTPStatusCode"], 201)
    # A runtime of another version than the machine's is remarked on.
    remark = {"StateReason": ...} if "StateReason" in made else {}
    run.fields("answers all that there is", made, **configuration(run, "create", code, **remark))
    run.form("its revision is a UUID", made["RevisionId"], UUID)
    run.recent("was modified now", moment(made["LastModified"]))
    run.true("is of one architecture", made["Architectures"] in (["x86_64"], ["arm64"]), made["Architectures"])
    functions.get_waiter("function_active_v2").wait(FunctionName="create")
    told = {key: value for key, value in made.items() if key not in ("ResponseMetadata", "StateReason")}
    found = functions.get_function(FunctionName="create")
    run.fields("is told", found, Configuration=told, Code={"RepositoryType": "Landfall"})
    names = ("create", "create:$LATEST", f"{run.account}:function:create", made["FunctionArn"])
    for name in names:
        found = functions.get_function_configuration(FunctionName=name)
        run.fields(f"its configuration is told of {name}", found, **told)
    found = functions.get_function_configuration(FunctionName="create", Qualifier="$LATEST")
    run.fields("and of its only version", found, **told)
    run.refused(
        "another one of the name is refused",
        lambda: functions.create_function(FunctionName="create", **minimal),
        "ResourceConflictException",
        "^Function already exist: create$",
        Type="User",
    )
    run.refused(
        "its version alone is not deleted",
        lambda: functions.delete_function(FunctionName="create", Qualifier="$LATEST"),
        "InvalidParameterValueException",
        "LATEST",
    )
    gone = functions.delete_function(FunctionName="create")
    run.equal("is deleted with status 204", gone["ResponseMetadata"]["HTTPStatusCode"], 204)
    run.equal("is not listed", run.all("list_functions", "Functions"), [])


@story
def create_with_everything(run):
    queue = f"arn:aws:sqs:{run.region}:{run.account}:dead"
    made = create(
        run,
        run.arn("function:everything", "lambda"),
        Runtime="python3.7",
        Description="été",
        Timeout=900,
        MemorySize=10240,
        Environment={"Variables": {"COLOR": "red", "EMPTY": ""}},
        DeadLetterConfig={"TargetArn": queue},
        PackageType="Zip",
        Publish=False,
        # These are taken, as tools send them, and have no effect.
        Architectures=["arm64"],
        TracingConfig={"Mode": "Active"},
        EphemeralStorage={"Size": 1024},
        SnapStart={"ApplyOn": "None"},
        VpcConfig={"SubnetIds": [], "SecurityGroupIds": []},
        LoggingConfig={"LogFormat": "Text", "LogGroup": "/aws/lambda/everything"},
        Tags={},
    )
    expected = configuration(
        run,
        "everything",
        archive({"f.py": ECHO}),
        Runtime="python3.7",
        Description="été",
        Timeout=900,
        MemorySize=10240,
        Environment={"Variables": {"COLOR": "red", "EMPTY": ""}},
        DeadLetterConfig={"TargetArn": queue},
        StateReason=...,
    )
    run.fields("answers what it was given", made, **expected)
    run.true("a retired runtime is remarked on", "python3.7 is retired" in made["StateReason"], made["StateReason"])
    run.functions.delete_function(FunctionName="everything")


@story
def wrong(run):
    functions = run.functions
    reserved = {"Variables": {"AWS_REGION": "x"}}
    for name, arguments, message in (
        ("no runtime", {"Runtime": None}, "Runtime"),
        ("Python 2", {"Runtime": "python2.7"}, "python2.7"),
        ("a runtime that is not built", {"Runtime": "java21"}, "java21.*python"),
        ("no handler", {"Handler": None}, "Handler"),
        ("a timeout that is too long", {"Timeout": 901}, "timeout of 901 s"),
        ("too much memory", {"MemorySize": 10241}, "memory of 10241 MiB"),
        ("a variable of Lambda's own", {"Environment": reserved}, "AWS_REGION"),
        ("too many variables", {"Environment": {"Variables": {"COLOR": "x" * 4096}}}, "40[0-9]{2}"),
        ("a layer that does not exist", {"Layers": [run.arn("layer:none:1", "lambda")]}, "layer:none:1 does not exist"),
        ("dead letters to a topic", {"DeadLetterConfig": {"TargetArn": "arn:aws:sns:a:1:t"}}, "DeadLetterConfig"),
        ("another version", {"Publish": True}, "Publish"),
        ("an image", {"PackageType": "Image"}, "PackageType Image"),
        ("tags", {"Tags": {"a": "b"}}, "Tags"),
        ("a private network", {"VpcConfig": {"SubnetIds": ["subnet-1"]}}, "VpcConfig"),
        ("logs in JSON", {"LoggingConfig": {"LogFormat": "JSON"}}, "LoggingConfig"),
    ):
        given = {key: value for key, value in arguments.items() if value is not None}
        left_out = [key for key, value in arguments.items() if value is None]
        run.refused(
            name,
            lambda given=given, left_out=left_out: create_without(run, left_out, **given),
            "InvalidParameterValueException",
            message,
            Type="User",
        )
    for name, code, message in (
        ("no code", {}, "ZipFile"),
        ("code in a bucket", {"S3Bucket": "bucket", "S3Key": "key"}, "S3Bucket"),
        ("code that is no zip file", {"ZipFile": b"no zip file"}, "zip file"),
        ("code that leaves its directory", {"ZipFile": archive({"../f.py": ECHO})}, r"\.\."),
    ):
        run.refused(
            name,
            lambda code=code: functions.create_function(
                FunctionName="wrong", Runtime=RUNTIME, Handler="f.handler", Role=ROLE, Code=code
            ),
            "InvalidParameterValueException",
            message,
        )
    for name, arguments, member in (
        ("a name with a space", {"FunctionName": "a b"}, "functionName"),
        ("no time", {"Timeout": 0}, "timeout"),
        ("no memory", {"MemorySize": 127}, "memorySize"),
        ("a description that is too long", {"Description": "x" * 257}, "description"),
        ("a role that is no ARN", {"Role": "r"}, "role"),
        ("the ARN of a user", {"Role": "arn:aws:iam::123456789012:user/u"}, "role"),
        ("a variable with a space", {"Environment": {"Variables": {"A B": ""}}}, "environment.variables"),
    ):
        given = {"name": arguments.pop("FunctionName", "wrong"), **arguments}
        run.invalid(name, lambda given=given: create(run, **given), member)
    for name in ("create:live", "wrong:1"):
        run.refused(
            f"the name {name}", lambda name=name: create(run, name), "InvalidParameterValueException", r"\$LATEST"
        )
    run.equal("nothing was made", run.all("list_functions", "Functions"), [])


def create_without(run, left_out, **arguments):
    given = {
        "Runtime": RUNTIME,
        "Handler": "f.handler",
        "Role": ROLE,
        "Code": {"ZipFile": archive({"f.py": ECHO})},
        **arguments,
    }
    return run.functions.create_function(
        FunctionName="wrong", **{key: value for key, value in given.items() if key not in left_out}
    )


@story
def missing(run):
    """Every operation of a function that does not exist."""
    functions = run.functions
    name = {"FunctionName": "no-such"}
    for operation, call in (
        ("get", lambda: functions.get_function(**name)),
        ("configuration", lambda: functions.get_function_configuration(**name)),
        ("code", lambda: functions.update_function_code(ZipFile=archive({"f.py": ECHO}), **name)),
        ("configure", lambda: functions.update_function_configuration(Timeout=1, **name)),
        ("invoke", lambda: functions.invoke(**name)),
        ("get concurrency", lambda: functions.get_function_concurrency(**name)),
        ("put concurrency", lambda: functions.put_function_concurrency(ReservedConcurrentExecutions=1, **name)),
        ("delete concurrency", lambda: functions.delete_function_concurrency(**name)),
        ("policy", lambda: functions.get_policy(**name)),
        ("permit", lambda: functions.add_permission(StatementId="a", Action="lambda:*", Principal="*", **name)),
        ("forbid", lambda: functions.remove_permission(StatementId="a", **name)),
        ("delete", lambda: functions.delete_function(**name)),
    ):
        not_found(run, operation, call)
    create(run, "versioned")
    for qualified in ({"FunctionName": "versioned:1"}, {"FunctionName": "versioned", "Qualifier": "live"}):
        run.refused(
            f"a version that does not exist: {qualified}",
            lambda qualified=qualified: functions.get_function(**qualified),
            "ResourceNotFoundException",
            r"versioned.*\$LATEST",
        )
    elsewhere = f"arn:aws:lambda:us-west-2:{run.account}:function:versioned"
    run.refused(
        "one of another region",
        lambda: functions.get_function(FunctionName=elsewhere),
        "ResourceNotFoundException",
        "another account or region",
    )
    functions.delete_function(FunctionName="versioned")


@story
def update_code(run):
    functions = run.functions
    create(run, "code", Environment={"Variables": {"COLOR": "red"}})
    before = functions.get_function_configuration(FunctionName="code")
    other = archive({"f.py": "def handler(event, context):\n    return 'other'\n"})
    tried = functions.update_function_code(FunctionName="code", ZipFile=other, DryRun=True)
    run.equal("is tried", (tried["CodeSha256"], tried["CodeSize"]), (sha256(other), len(other)))
    found = functions.get_function_configuration(FunctionName="code")
    run.equal("which changes nothing", found["CodeSha256"], before["CodeSha256"])
    changed = functions.update_function_code(FunctionName="code", ZipFile=other, RevisionId=before["RevisionId"])
    expected = {key: value for key, value in before.items() if key != "ResponseMetadata"}
    differs = {"CodeSha256": sha256(other), "CodeSize": len(other), "LastModified": ..., "RevisionId": ...}
    run.fields("is changed, and nothing else", changed, **{**expected, **differs})
    run.true("as another revision", changed["RevisionId"] != before["RevisionId"], changed["RevisionId"])
    run.recent("and now", moment(changed["LastModified"]), since=moment(before["LastModified"]))
    functions.get_waiter("function_updated_v2").wait(FunctionName="code")
    run.equal("the new code runs", invoke(run, "code", {})[1], "other")
    run.refused(
        "another revision than there is",
        lambda: functions.update_function_code(FunctionName="code", ZipFile=other, RevisionId=before["RevisionId"]),
        "PreconditionFailedException",
        "RevisionId",
        Type="User",
    )
    for name, arguments, message in (
        ("no code", {}, "ZipFile"),
        ("code in a bucket", {"S3Bucket": "bucket", "S3Key": "key"}, "S3Bucket"),
        ("code that is no zip file", {"ZipFile": b"no zip file"}, "zip file"),
        ("another version", {"ZipFile": other, "Publish": True}, "Publish"),
    ):
        run.refused(
            name,
            lambda arguments=arguments: functions.update_function_code(FunctionName="code", **arguments),
            "InvalidParameterValueException",
            message,
        )
    functions.delete_function(FunctionName="code")


@story
def update_configuration(run):
    functions = run.functions
    made = create(run, "configured", Description="old", Environment={"Variables": {"COLOR": "red"}})
    role = "arn:aws:iam::123456789012:role/service-role/other"
    change = {
        "Description": "new",
        "Timeout": 7,
        "MemorySize": 256,
        "Handler": "f.other",
        "Role": role,
        "Runtime": "python3.11",
        "Environment": {"Variables": {"COLOR": "blue"}},
        "DeadLetterConfig": {"TargetArn": f"arn:aws:sqs:{run.region}:{run.account}:dead"},
    }
    changed = functions.update_function_configuration(
        FunctionName="configured", RevisionId=made["RevisionId"], **change
    )
    remark = {"StateReason": ...} if "StateReason" in changed else {}
    expected = configuration(run, "configured", archive({"f.py": ECHO}), **{**change, **remark})
    run.fields("what is given changes", changed, **expected)
    run.true("as another revision", changed["RevisionId"] != made["RevisionId"], changed["RevisionId"])
    changed = functions.update_function_configuration(FunctionName="configured", Timeout=8)
    expected = configuration(run, "configured", archive({"f.py": ECHO}), **{**change, "Timeout": 8})
    run.fields("the rest stays", changed, **expected)
    emptied = {"Description": "", "Environment": {"Variables": {}}, "DeadLetterConfig": {"TargetArn": ""}}
    changed = functions.update_function_configuration(FunctionName="configured", **emptied)
    left = {key: value for key, value in change.items() if key not in emptied}
    expected = configuration(run, "configured", archive({"f.py": ECHO}), **{**left, "Timeout": 8})
    run.fields("what is empty goes", changed, **expected)
    run.fields("and is told so", functions.get_function_configuration(FunctionName="configured"), **expected)
    run.refused(
        "another revision than there is",
        lambda: functions.update_function_configuration(
            FunctionName="configured", Timeout=1, RevisionId=made["RevisionId"]
        ),
        "PreconditionFailedException",
        "RevisionId",
    )
    run.refused(
        "a timeout that is too long",
        lambda: functions.update_function_configuration(FunctionName="configured", Timeout=901),
        "InvalidParameterValueException",
        "timeout of 901 s",
    )
    run.invalid(
        "no memory",
        lambda: functions.update_function_configuration(FunctionName="configured", MemorySize=1),
        "memorySize",
    )
    functions.delete_function(FunctionName="configured")


@story
def listed(run):
    names = ["list-z", "list-a", "list-m"]
    for name in names:
        create(run, name)
    run.lists("functions", "list_functions", "Functions", names, "FunctionName")
    for arguments in ({"FunctionVersion": "ALL"}, {"MasterRegion": "ALL", "FunctionVersion": "ALL"}):
        found = run.all("list_functions", "Functions", "FunctionName", **arguments)
        run.equal(f"{arguments} are the same", found, names)
    elsewhere = run.all("list_functions", "Functions", MasterRegion="us-west-2", FunctionVersion="ALL")
    run.equal("none of another region", elsewhere, [])
    entry = run.all("list_functions", "Functions")[1]
    expected = run.functions.get_function_configuration(FunctionName="list-a")
    expected.pop("ResponseMetadata")
    run.fields("an entry has its members", entry, **expected)
    for name in names:
        run.functions.delete_function(FunctionName=name)
