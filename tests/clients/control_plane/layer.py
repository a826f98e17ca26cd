"""Layers, which functions share: `lambda`."""

from control_plane.function import RUNTIME, archive, create, invoke, moment, sha256
from control_plane.harness import story

# A module that a layer brings to functions in Python.
MODULE = "COLOR = 'green'\n"

# A function that needs it.
USING = """
import lamp

def handler(event, context):
    return lamp.COLOR
"""


def publish(run, name, text=MODULE, **arguments):
    """A version of a layer with a module of this text."""
    content = {"ZipFile": archive({"python/lamp.py": text})}
    return run.functions.publish_layer_version(LayerName=name, Content=content, **arguments)


def delete(run, name, *versions):
    for version in versions:
        run.functions.delete_layer_version(LayerName=name, VersionNumber=version)


@story
def publish_and_delete(run):
    functions = run.functions
    code = archive({"python/lamp.py": MODULE})
    arn = run.arn("layer:lamp", "lambda")
    made = publish(
        run,
        "lamp",
        Description="été",
        CompatibleRuntimes=[RUNTIME, "python3.11"],
        LicenseInfo="Apache-2.0",
        # For what it was built is taken, and not kept.
        CompatibleArchitectures=["arm64"],
    )
    run.equal("is published with status 201", made["ResponseMetadata"]["HTTPStatusCode"], 201)
    told = {
        "Content": {"CodeSha256": sha256(code), "CodeSize": len(code)},
        "LayerArn": arn,
        "LayerVersionArn": f"{arn}:1",
        "Description": "été",
        "CreatedDate": made["CreatedDate"],
        "Version": 1,
        "CompatibleRuntimes": [RUNTIME, "python3.11"],
        "LicenseInfo": "Apache-2.0",
    }
    run.fields("answers all that there is", made, **told)
    run.recent("was published now", moment(made["CreatedDate"]))
    run.fields("is told", functions.get_layer_version(LayerName="lamp", VersionNumber=1), **told)
    run.fields("by the layer's ARN", functions.get_layer_version(LayerName=arn, VersionNumber=1), **told)
    run.fields("by its own ARN", functions.get_layer_version_by_arn(Arn=f"{arn}:1"), **told)
    second = publish(run, "lamp", "COLOR = 'blue'\n")
    other = archive({"python/lamp.py": "COLOR = 'blue'\n"})
    run.fields(
        "the next version has nothing of it",
        second,
        Content={"CodeSha256": sha256(other), "CodeSize": len(other)},
        LayerArn=arn,
        LayerVersionArn=f"{arn}:2",
        Description="",
        CreatedDate=...,
        Version=2,
    )
    gone = functions.delete_layer_version(LayerName="lamp", VersionNumber=2)
    run.equal("is deleted with status 204", gone["ResponseMetadata"]["HTTPStatusCode"], 204)
    gone = functions.delete_layer_version(LayerName="lamp", VersionNumber=2)
    run.equal("to delete it again succeeds, as at AWS", gone["ResponseMetadata"]["HTTPStatusCode"], 204)
    for name, call in (
        ("get", lambda: functions.get_layer_version(LayerName="lamp", VersionNumber=2)),
        ("get by ARN", lambda: functions.get_layer_version_by_arn(Arn=f"{arn}:2")),
    ):
        run.refused(f"{name}: a version that does not exist", call, "ResourceNotFoundException", "lamp:2", Type="User")
    third = publish(run, "lamp")
    run.equal("no number is given twice", third["Version"], 3)
    delete(run, "lamp", 1, 3)
    run.equal("a layer goes with its last version", run.all("list_layers", "Layers"), [])
    again = publish(run, "lamp")
    run.equal("and even then no number is given twice", again["Version"], 4)
    delete(run, "lamp", 4)


@story
def used(run):
    """A function sees what is in its layers, a later one before an earlier one."""
    functions = run.functions
    green = publish(run, "green")
    red = publish(run, "red", "COLOR = 'red'\n")
    arns = [green["LayerVersionArn"], red["LayerVersionArn"]]
    told = [{"Arn": each["LayerVersionArn"], "CodeSize": each["Content"]["CodeSize"]} for each in (green, red)]
    made = create(run, "using", USING, Layers=arns)
    run.equal("its layers are told", made.get("Layers"), told)
    run.equal("with their content", invoke(run, "using", {})[1], "red")
    changed = functions.update_function_configuration(FunctionName="using", Layers=arns[:1])
    run.equal("other layers are told", changed.get("Layers"), told[:1])
    run.equal("and used", invoke(run, "using", {})[1], "green")
    delete(run, "green", 1)
    found = functions.get_function_configuration(FunctionName="using")
    run.equal("a version that was deleted stays with its function", found.get("Layers"), told[:1])
    run.equal("and is used", invoke(run, "using", {})[1], "green")
    run.refused(
        "but no other function gets it",
        lambda: create(run, "late", USING, Layers=arns[:1]),
        "InvalidParameterValueException",
        "green:1 does not exist",
    )
    changed = functions.update_function_configuration(FunctionName="using", Layers=[])
    run.true("none is left", "Layers" not in changed, changed.get("Layers"))
    answer, payload = invoke(run, "using", {})
    run.equal(
        "nor used", (answer.get("FunctionError"), payload.get("errorType")), ("Unhandled", "Runtime.ImportModuleError")
    )
    many = [run.arn(f"layer:layer-{number}:1", "lambda") for number in range(6)]
    for name, layers, message in (
        ("six layers", many, "6 layers; at most 5"),
        ("a layer twice", [arns[1], arns[1]], "more than once"),
        (
            "a layer of another account",
            ["arn:aws:lambda:us-west-2:999999999999:layer:l:1"],
            "another account or region",
        ),
    ):
        run.refused(
            name,
            lambda layers=layers: functions.update_function_configuration(FunctionName="using", Layers=layers),
            "InvalidParameterValueException",
            message,
        )
    functions.delete_function(FunctionName="using")
    delete(run, "red", 1)


@story
def wrong(run):
    functions = run.functions
    for name, content, message in (
        ("no content", {}, "Content.ZipFile"),
        ("content in a bucket", {"S3Bucket": "bucket", "S3Key": "key"}, "Content.S3Bucket"),
        ("content that is no zip file", {"ZipFile": b"no zip file"}, "zip file"),
        ("content that leaves its directory", {"ZipFile": archive({"../lamp.py": MODULE})}, r"\.\."),
    ):
        run.refused(
            name,
            lambda content=content: functions.publish_layer_version(LayerName="wrong", Content=content),
            "InvalidParameterValueException",
            message,
            Type="User",
        )
    run.refused(
        "a runtime that is not built",
        lambda: publish(run, "wrong", CompatibleRuntimes=["java21"]),
        "InvalidParameterValueException",
        "java21",
    )
    for number in (0, -1):
        run.refused(
            f"version {number}",
            lambda number=number: functions.get_layer_version(LayerName="wrong", VersionNumber=number),
            "InvalidParameterValueException",
            "numbers from 1",
        )
    run.invalid("a name with a space", lambda: publish(run, "a b"), "layerName")
    run.invalid("a description that is too long", lambda: publish(run, "wrong", Description="x" * 257), "description")
    run.equal("nothing was made", run.all("list_layers", "Layers"), [])


@story
def listed(run):
    for name, runtimes in (
        ("list-z", [["python3.11"], ["python3.12"]]),
        ("list-a", [["python3.12"]]),
        ("list-m", [["nodejs20.x"], ["nodejs22.x"], ["nodejs20.x", "nodejs22.x"]]),
    ):
        for each in runtimes:
            publish(run, name, Description=name, CompatibleRuntimes=each)
    names = ["list-z", "list-a", "list-m"]
    run.lists("layers", "list_layers", "Layers", names, "LayerName")
    run.lists(
        "versions, the newest first", "list_layer_versions", "LayerVersions", [3, 2, 1], "Version", LayerName="list-m"
    )
    entry = run.all("list_layers", "Layers")[0]
    arn = run.arn("layer:list-z", "lambda")
    newest = run.all("list_layer_versions", "LayerVersions", LayerName="list-z")[0]
    run.fields("a layer has its members", entry, LayerName="list-z", LayerArn=arn, LatestMatchingVersion=newest)
    run.fields(
        "a version has its members",
        newest,
        LayerVersionArn=f"{arn}:2",
        Version=2,
        Description="list-z",
        CreatedDate=...,
        CompatibleRuntimes=["python3.12"],
    )
    run.recent("its date", moment(newest["CreatedDate"]))
    found = run.all("list_layers", "Layers", CompatibleRuntime="python3.12")
    run.equal("layers for a runtime", [each["LayerName"] for each in found], ["list-z", "list-a"])
    found = run.all("list_layers", "Layers", CompatibleRuntime="python3.11")
    versions = [(each["LayerName"], each["LatestMatchingVersion"]["Version"]) for each in found]
    run.equal("with the newest version for it", versions, [("list-z", 1)])
    found = run.all(
        "list_layer_versions", "LayerVersions", "Version", LayerName="list-m", CompatibleRuntime="nodejs22.x"
    )
    run.equal("versions for a runtime", found, [3, 2])
    run.equal("no version of no layer", run.all("list_layer_versions", "LayerVersions", LayerName="no-such"), [])
    run.refused(
        "layers for an architecture",
        lambda: run.functions.list_layers(CompatibleArchitecture="arm64"),
        "InvalidParameterValueException",
        "CompatibleArchitecture",
    )
    for name, versions in (("list-z", (1, 2)), ("list-a", (1,)), ("list-m", (1, 2, 3))):
        delete(run, name, *versions)
