"""What a principal may do, as the API tells it: effective policies and test authorizations."""

from control_plane.certificate import delete
from control_plane.harness import story
from control_plane.policy import document
from control_plane.principal import certificate


class World:
    """A certificate with a policy, attached to a thing in a group with another policy."""

    def __init__(self, run):
        self.run, iot = run, run.iot
        self.identity, self.arn = certificate(run)
        self.own = document(run.arn("client/${iot:ClientId}"))
        self.group = document(run.arn("topic/group/*"), "iot:Publish")
        iot.create_policy(policyName="own", policyDocument=self.own)
        iot.create_policy(policyName="group", policyDocument=self.group)
        iot.create_policy(policyName="deny", policyDocument=document("*", "iot:Connect", "Deny"))
        iot.create_thing(thingName="effective")
        iot.create_thing_group(thingGroupName="effective-root")
        iot.create_thing_group(thingGroupName="effective-child", parentGroupName="effective-root")
        iot.add_thing_to_thing_group(thingName="effective", thingGroupName="effective-child")
        iot.attach_policy(policyName="own", target=self.arn)
        iot.attach_policy(policyName="group", target=run.arn("thinggroup/effective-root"))
        iot.attach_thing_principal(thingName="effective", principal=self.arn)

    def remove(self):
        iot = self.run.iot
        iot.detach_thing_principal(thingName="effective", principal=self.arn)
        iot.delete_thing(thingName="effective")
        for group in ("effective-child", "effective-root"):
            iot.delete_thing_group(thingGroupName=group)
        delete(self.run, self.identity)
        for policy in ("own", "group", "deny"):
            iot.delete_policy(policyName=policy)

    def effective(self, **arguments):
        answer = self.run.iot.get_effective_policies(**arguments)["effectivePolicies"]
        return {policy["policyName"]: policy for policy in answer}

    def test(self, action, *resources, **arguments):
        infos = [{"actionType": action, "resources": [self.run.arn(resource) for resource in resources]}]
        return self.run.iot.test_authorization(principal=self.arn, authInfos=infos, **arguments)["authResults"]


@story
def effective_policies(run):
    world = World(run)
    try:
        found = world.effective(principal=world.arn)
        run.true("of a principal: its own is there", "own" in found, found)
        run.fields(
            "an entry has its members",
            found.get("own", {}),
            policyName="own",
            policyArn=run.arn("policy/own"),
            policyDocument=world.own,
        )
        run.equal(
            "of a thing: those of its groups and their parents", set(world.effective(thingName="effective")), {"group"}
        )
        run.equal("of both", set(world.effective(principal=world.arn, thingName="effective")), {"own", "group"})
        absent = run.arn("cert/" + "ab" * 32)
        run.refused(
            "of a principal that does not exist", lambda: world.effective(principal=absent), "ResourceNotFoundException"
        )
        run.refused(
            "of a thing that does not exist",
            lambda: world.effective(thingName="no-such-thing"),
            "ResourceNotFoundException",
            "no-such-thing",
        )
    finally:
        world.remove()


@story
def test_authorization(run):
    world = World(run)
    try:
        results = world.test("CONNECT", "client/lamp", clientId="lamp")
        run.equal("there is a result for each question", len(results), 1)
        run.fields(
            "a result has its members",
            results[0],
            authInfo=...,
            allowed=...,
            denied=...,
            authDecision="ALLOWED",
            missingContextValues=...,
        )
        run.equal(
            "it repeats the question",
            results[0]["authInfo"],
            {"actionType": "CONNECT", "resources": [run.arn("client/lamp")]},
        )
        allowed = [policy["policyName"] for policy in results[0]["allowed"].get("policies", [])]
        run.equal("and names the policy that allows it", allowed, ["own"])
        found = world.test("CONNECT", "client/other", clientId="lamp")[0]
        run.equal("another client is not allowed", found["authDecision"], "IMPLICIT_DENY")
        denied = world.test("CONNECT", "client/lamp", clientId="lamp", policyNamesToAdd=["deny"])[0]
        run.equal("a policy more denies", denied["authDecision"], "EXPLICIT_DENY")
        names = [policy["policyName"] for policy in denied["denied"].get("explicitDeny", {}).get("policies", [])]
        run.equal("and is named", names, ["deny"])
        found = world.test("CONNECT", "client/lamp", clientId="lamp", policyNamesToSkip=["own"])[0]
        run.equal("a policy less allows nothing", found["authDecision"], "IMPLICIT_DENY")
        several = run.iot.test_authorization(
            principal=world.arn,
            clientId="lamp",
            authInfos=[
                {"actionType": action, "resources": [run.arn(resource)]}
                for action, resource in (
                    ("CONNECT", "client/lamp"),
                    ("SUBSCRIBE", "topicfilter/a"),
                    ("RECEIVE", "topic/a"),
                )
            ],
        )["authResults"]
        run.equal(
            "several questions have their answers",
            [result["authDecision"] for result in several],
            ["ALLOWED", "IMPLICIT_DENY", "IMPLICIT_DENY"],
        )
        absent = run.arn("cert/" + "ab" * 32)
        info = [{"actionType": "CONNECT", "resources": [run.arn("client/lamp")]}]
        run.refused(
            "of a principal that does not exist",
            lambda: run.iot.test_authorization(principal=absent, authInfos=info),
            "ResourceNotFoundException",
        )
        run.refused(
            "with a policy that does not exist",
            lambda: world.test("CONNECT", "client/a", policyNamesToAdd=["no-such-policy"]),
            "ResourceNotFoundException",
            "no-such-policy",
        )
        run.refused(
            "without a question",
            lambda: run.iot.test_authorization(principal=world.arn, authInfos=[]),
            "InvalidRequestException",
        )
    finally:
        world.remove()
