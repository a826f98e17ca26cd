"""Who may invoke a function: `lambda`. It is told, and not demanded."""

import json

from control_plane.function import create
from control_plane.harness import story


@story
def permissions(run):
    functions = run.functions
    arn = create(run, "permitted")["FunctionArn"]
    name = {"FunctionName": "permitted"}
    run.refused(
        "has no policy at first",
        lambda: functions.get_policy(**name),
        "ResourceNotFoundException",
        "does not exist",
    )
    rule = run.arn("rule/JITRRule")
    common = {"Effect": "Allow", "Action": "lambda:InvokeFunction", "Resource": arn}
    cases = (
        (
            # As the first seed's guide has it.
            {"Principal": "iot.amazonaws.com", "SourceArn": rule, "SourceAccount": run.account},
            {
                "Principal": {"Service": "iot.amazonaws.com"},
                "Condition": {
                    "StringEquals": {"AWS:SourceAccount": run.account},
                    "ArnLike": {"AWS:SourceArn": rule},
                },
            },
        ),
        ({"Principal": run.account}, {"Principal": {"AWS": f"arn:aws:iam::{run.account}:root"}}),
        ({"Principal": "*"}, {"Principal": "*"}),
    )
    statements = []
    for number, (given, expected) in enumerate(cases):
        sid = f"statement-{number}"
        answer = functions.add_permission(StatementId=sid, Action="lambda:InvokeFunction", **given, **name)
        run.equal(f"{sid}: is permitted with status 201", answer["ResponseMetadata"]["HTTPStatusCode"], 201)
        statements.append({"Sid": sid, **common, **expected})
        run.equal(f"{sid}: is told", json.loads(answer["Statement"]), statements[-1])
    found = functions.get_policy(**name)
    run.fields("the policy has its members", found, Policy=..., RevisionId=...)
    expected = {"Version": "2012-10-17", "Id": "default", "Statement": statements}
    run.equal("and every statement", json.loads(found["Policy"]), expected)
    revision = functions.get_function_configuration(**name)["RevisionId"]
    run.equal("the revision is that of the function", found["RevisionId"], revision)
    run.refused(
        "a statement of the same id",
        lambda: functions.add_permission(StatementId="statement-0", Action="lambda:*", Principal="*", **name),
        "ResourceConflictException",
        "statement-0.*already exists",
        Type="User",
    )
    stale = "00000000-0000-4000-8000-000000000000"
    for what, call in (
        (
            "permit",
            lambda: functions.add_permission(
                StatementId="new", Action="lambda:*", Principal="*", RevisionId=stale, **name
            ),
        ),
        ("forbid", lambda: functions.remove_permission(StatementId="statement-0", RevisionId=stale, **name)),
    ):
        run.refused(f"{what}: another revision than there is", call, "PreconditionFailedException", "RevisionId")
    for what, arguments, member in (
        ("an id with a space", {"StatementId": "a b"}, "statementId"),
        ("an action of another service", {"Action": "iot:Connect"}, "action"),
    ):
        given = {"StatementId": "new", "Action": "lambda:*", "Principal": "*", **arguments}
        run.invalid(what, lambda given=given: functions.add_permission(**given, **name), member)
    for statement in statements:
        answer = functions.remove_permission(StatementId=statement["Sid"], **name)
        run.equal(f"{statement['Sid']}: is taken back", answer["ResponseMetadata"]["HTTPStatusCode"], 204)
    run.refused(
        "it is not there any more",
        lambda: functions.remove_permission(StatementId="statement-0", **name),
        "ResourceNotFoundException",
        "statement-0",
    )
    run.refused("then there is no policy", lambda: functions.get_policy(**name), "ResourceNotFoundException", "exist")
    functions.delete_function(**name)
