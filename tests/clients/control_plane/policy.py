"""Policies and their versions."""

import json

from control_plane.harness import story


def document(resource="*", action="iot:Connect", effect="Allow"):
    """A policy document of one statement."""
    return json.dumps(
        {"Version": "2012-10-17", "Statement": [{"Effect": effect, "Action": action, "Resource": resource}]}
    )


@story
def create(run):
    iot = run.iot
    text = document()
    made = iot.create_policy(policyName="create+=,.@-", policyDocument=text)
    arn = run.arn("policy/create+=,.@-")
    run.fields(
        "answers ARN, document and version",
        made,
        policyName="create+=,.@-",
        policyArn=arn,
        policyDocument=text,
        policyVersionId="1",
    )
    found = iot.get_policy(policyName="create+=,.@-")
    run.fields(
        "is told",
        found,
        policyName="create+=,.@-",
        policyArn=arn,
        policyDocument=text,
        defaultVersionId="1",
        creationDate=...,
        lastModifiedDate=...,
        generationId=...,
    )
    run.recent("was created now", found["creationDate"])
    run.recent("was changed since", found["lastModifiedDate"], since=found["creationDate"])
    run.refused(
        "another one of the name is refused",
        lambda: iot.create_policy(policyName="create+=,.@-", policyDocument=document(run.arn("client/a"))),
        "ResourceAlreadyExistsException",
        "create",
    )
    for name, wrong in (
        ("no JSON", "{"),
        ("no statement", "{}"),
        ("an effect there is not", document(effect="Perhaps")),
        ("no action", '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Resource":"*"}]}'),
        ("more than 2048 characters", document(run.arn("client/" + "x" * 2048))),
    ):
        run.refused(
            f"a document with {name}",
            lambda wrong=wrong: iot.create_policy(policyName="wrong", policyDocument=wrong),
            "MalformedPolicyException",
        )
    run.invalid("a name with a slash", lambda: iot.create_policy(policyName="a/b", policyDocument=text), "policyName")
    run.refused(
        "one that does not exist", lambda: iot.get_policy(policyName="wrong"), "ResourceNotFoundException", "wrong"
    )
    run.fields("is deleted", iot.delete_policy(policyName="create+=,.@-"))
    run.refused("then there is none", lambda: iot.get_policy(policyName="create+=,.@-"), "ResourceNotFoundException")
    run.refused("to be deleted", lambda: iot.delete_policy(policyName="create+=,.@-"), "ResourceNotFoundException")


@story
def versions(run):
    iot = run.iot
    texts = {str(number): document(run.arn(f"client/{number}")) for number in range(1, 8)}
    iot.create_policy(policyName="versions", policyDocument=texts["1"])
    generation = iot.get_policy(policyName="versions")["generationId"]
    arn = run.arn("policy/versions")
    made = iot.create_policy_version(policyName="versions", policyDocument=texts["2"])
    run.fields(
        "a version is made", made, policyArn=arn, policyDocument=texts["2"], policyVersionId="2", isDefaultVersion=False
    )
    run.equal("the first stays the default", iot.get_policy(policyName="versions")["defaultVersionId"], "1")
    made = iot.create_policy_version(policyName="versions", policyDocument=texts["3"], setAsDefault=True)
    run.fields(
        "or becomes the default",
        made,
        policyArn=arn,
        policyDocument=texts["3"],
        policyVersionId="3",
        isDefaultVersion=True,
    )
    found = iot.get_policy(policyName="versions")
    run.equal("which is told", (found["defaultVersionId"], found["policyDocument"]), ("3", texts["3"]))
    run.true("as another generation", found["generationId"] != generation, generation)
    found = iot.get_policy_version(policyName="versions", policyVersionId="2")
    run.fields(
        "each version is told",
        found,
        policyArn=arn,
        policyName="versions",
        policyDocument=texts["2"],
        policyVersionId="2",
        isDefaultVersion=False,
        creationDate=...,
        lastModifiedDate=...,
        generationId=...,
    )
    run.recent("with its date", found["creationDate"])

    def listed():
        return {
            (each["versionId"], each["isDefaultVersion"])
            for each in iot.list_policy_versions(policyName="versions")["policyVersions"]
        }

    run.equal("all are listed", listed(), {("1", False), ("2", False), ("3", True)})
    entry = iot.list_policy_versions(policyName="versions")["policyVersions"][0]
    run.fields("an entry has its members", entry, versionId=..., isDefaultVersion=..., createDate=...)
    run.recent("its date", entry["createDate"])
    for number in ("4", "5"):
        iot.create_policy_version(policyName="versions", policyDocument=texts[number])
    run.refused(
        "a sixth is too many",
        lambda: iot.create_policy_version(policyName="versions", policyDocument=texts["6"]),
        "VersionsLimitExceededException",
        "version",
    )
    run.refused(
        "the default is not deleted",
        lambda: iot.delete_policy_version(policyName="versions", policyVersionId="3"),
        "DeleteConflictException",
        "default",
    )
    run.fields("another version is deleted", iot.delete_policy_version(policyName="versions", policyVersionId="5"))
    made = iot.create_policy_version(policyName="versions", policyDocument=texts["6"])
    run.equal("no number is used twice", made["policyVersionId"], "6")
    run.fields("the default is set", iot.set_default_policy_version(policyName="versions", policyVersionId="1"))
    run.equal("and is that one", listed(), {("1", True), ("2", False), ("3", False), ("4", False), ("6", False)})
    for name, call in (
        ("get", iot.get_policy_version),
        ("delete", iot.delete_policy_version),
        ("default", iot.set_default_policy_version),
    ):
        run.refused(
            f"{name}: a version that does not exist",
            lambda call=call: call(policyName="versions", policyVersionId="5"),
            "ResourceNotFoundException",
            "5",
        )
        run.refused(
            f"{name}: a policy that does not exist",
            lambda call=call: call(policyName="no-such-policy", policyVersionId="1"),
            "ResourceNotFoundException",
            "no-such-policy",
        )
    run.refused(
        "list: a policy that does not exist",
        lambda: iot.list_policy_versions(policyName="no-such-policy"),
        "ResourceNotFoundException",
        "no-such-policy",
    )
    run.refused(
        "create: a policy that does not exist",
        lambda: iot.create_policy_version(policyName="no-such-policy", policyDocument=texts["1"]),
        "ResourceNotFoundException",
        "no-such-policy",
    )
    run.refused(
        "create: a document that is none",
        lambda: iot.create_policy_version(policyName="versions", policyDocument="{"),
        "MalformedPolicyException",
    )
    run.refused(
        "a policy with versions is not deleted",
        lambda: iot.delete_policy(policyName="versions"),
        "DeleteConflictException",
        "version",
    )
    for number in ("2", "3", "4", "6"):
        iot.delete_policy_version(policyName="versions", policyVersionId=number)
    iot.delete_policy(policyName="versions")


@story
def listed(run):
    iot = run.iot
    names = ["list-z", "list-a", "list-m", "list-k"]
    for name in names:
        iot.create_policy(policyName=name, policyDocument=document())
    run.lists("the oldest first", "list_policies", "policies", names, "policyName", ascendingOrder=True)
    run.lists("the newest first", "list_policies", "policies", names[::-1], "policyName")
    entry = next(entry for entry in run.all("list_policies", "policies") if entry["policyName"] == "list-a")
    run.fields("an entry has its members", entry, policyName="list-a", policyArn=run.arn("policy/list-a"))
    for name in names:
        iot.delete_policy(policyName=name)
