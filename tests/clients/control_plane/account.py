"""What belongs to the account as a whole: who calls, endpoints, the registration code, and what is not built."""

from control_plane.harness import HEX_64, UUID, story
from control_plane.sample import arguments_of


@story
def caller_identity(run):
    answer = run.sts.get_caller_identity()
    run.fields("has three members", answer, UserId=..., Account=run.account, Arn=...)
    run.true("the account has twelve digits", len(answer["Account"]) == 12 and answer["Account"].isdigit(), answer)
    run.true("the ARN is of the account", answer["Arn"].startswith(f"arn:aws:iam::{run.account}:"), answer["Arn"])
    request_id = answer["ResponseMetadata"]["RequestId"]
    run.form("the request has an id", request_id, UUID)


@story
def endpoint(run):
    for kind in ({}, {"endpointType": "iot:Data-ATS"}):
        run.fields(f"answers {kind}", run.iot.describe_endpoint(**kind), endpointAddress="localhost")
    for kind in ("iot:Data", "iot:Jobs", "iot:Other"):
        run.refused(
            f"refuses {kind}",
            lambda kind=kind: run.iot.describe_endpoint(endpointType=kind),
            "InvalidRequestException",
            f"endpointType.*{kind}",
        )


@story
def registration_code(run):
    first = run.iot.get_registration_code()["registrationCode"]
    run.form("has 64 hexadecimal digits", first, HEX_64)
    run.equal("is the same when asked again", run.iot.get_registration_code()["registrationCode"], first)
    run.fields("is deleted", run.iot.delete_registration_code())
    second = run.iot.get_registration_code()["registrationCode"]
    run.form("is made anew", second, HEX_64)
    run.true("is another one then", first != second, second)


@story
def not_built(run):
    """Every other operation of AWS is refused by its name."""
    for client in (run.iot, run.data, run.functions, run.greengrass):
        model = client.meta.service_model
        for method, name in sorted(client.meta.method_to_api_mapping.items()):
            if f"{model.service_name}:{name}" in run.built:
                continue
            arguments = arguments_of(model.operation_model(name))
            run.refused(name, lambda: getattr(client, method)(**arguments), "NotImplementedException", rf"\b{name}\b")
