"""Policies attached to certificates and groups, in the newer and in the deprecated operations."""

from control_plane.certificate import delete
from control_plane.harness import story
from control_plane.policy import document
from control_plane.principal import certificate


@story
def attached(run):
    iot = run.iot
    (identity, arn), (second, other) = certificate(run), certificate(run)
    iot.create_thing_group(thingGroupName="policy-root")
    iot.create_thing_group(thingGroupName="policy-child", parentGroupName="policy-root")
    root, child = run.arn("thinggroup/policy-root"), run.arn("thinggroup/policy-child")
    names = ["attach-b", "attach-a", "attach-c"]
    for name in names:
        iot.create_policy(policyName=name, policyDocument=document())
        run.fields(f"{name} is attached to a certificate", iot.attach_policy(policyName=name, target=arn))
    run.fields("once more changes nothing", iot.attach_policy(policyName=names[0], target=arn))
    run.fields("one is attached to a group", iot.attach_policy(policyName=names[0], target=root))
    iot.attach_policy(policyName=names[1], target=child)
    iot.attach_policy(policyName=names[0], target=other)
    run.lists(
        "policies of a certificate",
        "list_attached_policies",
        "policies",
        names,
        "policyName",
        in_order=False,
        target=arn,
    )
    run.lists(
        "targets of a policy",
        "list_targets_for_policy",
        "targets",
        [arn, root, other],
        in_order=False,
        policyName=names[0],
    )
    found = run.all("list_attached_policies", "policies", target=child)
    run.equal("policies of a group", found, [{"policyName": names[1], "policyArn": run.arn(f"policy/{names[1]}")}])
    found = run.all("list_attached_policies", "policies", "policyName", target=child, recursive=True)
    run.equal("and of its parents", sorted(found), sorted(names[:2]))
    found = run.all("list_attached_policies", "policies", "policyName", target=child, recursive=False)
    run.equal("or without them", found, [names[1]])

    run.refused(
        "a policy that does not exist",
        lambda: iot.attach_policy(policyName="no-such-policy", target=arn),
        "ResourceNotFoundException",
        "no-such-policy",
    )
    absent = run.arn("cert/" + "ab" * 32)
    for name, target in (("a certificate", absent), ("a group", run.arn("thinggroup/no-such-group"))):
        run.refused(
            f"{name} that does not exist",
            lambda target=target: iot.attach_policy(policyName=names[0], target=target),
            "ResourceNotFoundException",
        )
        run.refused(
            f"policies of {name} that does not exist",
            lambda target=target: iot.list_attached_policies(target=target),
            "ResourceNotFoundException",
        )
    for wrong in ("lamp", run.arn("thing/a")):
        run.refused(
            f"no target: {wrong}",
            lambda wrong=wrong: iot.attach_policy(policyName=names[0], target=wrong),
            "InvalidRequestException",
            "target|arn",
        )
    run.refused(
        "targets of no policy",
        lambda: iot.list_targets_for_policy(policyName="no-such-policy"),
        "ResourceNotFoundException",
        "no-such-policy",
    )
    run.refused(
        "an attached policy is not deleted",
        lambda: iot.delete_policy(policyName=names[2]),
        "DeleteConflictException",
        "attached",
    )
    iot.update_certificate(certificateId=identity, newStatus="INACTIVE")
    run.refused(
        "nor a certificate with policies",
        lambda: iot.delete_certificate(certificateId=identity),
        "DeleteConflictException",
        "polic",
    )

    run.fields("is detached", iot.detach_policy(policyName=names[1], target=arn))
    run.fields("once more changes nothing", iot.detach_policy(policyName=names[1], target=arn))
    run.equal(
        "and gone",
        sorted(run.all("list_attached_policies", "policies", "policyName", target=arn)),
        sorted([names[0], names[2]]),
    )
    run.fields("a certificate is deleted by force", iot.delete_certificate(certificateId=identity, forceDelete=True))
    run.equal("and its policies are free", run.all("list_targets_for_policy", "targets", policyName=names[2]), [])
    iot.delete_thing_group(thingGroupName="policy-child")
    run.equal("as are those of a deleted group", run.all("list_targets_for_policy", "targets", policyName=names[1]), [])
    iot.delete_thing_group(thingGroupName="policy-root")
    delete(run, second)
    for name in names:
        iot.delete_policy(policyName=name)


@story
def ten_policies(run):
    iot = run.iot
    identity, arn = certificate(run)
    names = [f"ten-{number}" for number in range(11)]
    for name in names:
        iot.create_policy(policyName=name, policyDocument=document())
    for name in names[:10]:
        iot.attach_policy(policyName=name, target=arn)
    run.refused(
        "a target has ten policies at most",
        lambda: iot.attach_policy(policyName=names[10], target=arn),
        "LimitExceededException",
        "10|polic",
    )
    run.equal(
        "which are those",
        sorted(run.all("list_attached_policies", "policies", "policyName", target=arn)),
        sorted(names[:10]),
    )
    delete(run, identity)
    for name in names:
        iot.delete_policy(policyName=name)


@story
def principal_policy(run):
    """The deprecated operations, which the first seed's functions call."""
    iot = run.iot
    (identity, arn), (second, other) = certificate(run), certificate(run)
    names = ["principal-b", "principal-a"]
    for name in names:
        iot.create_policy(policyName=name, policyDocument=document())
        run.fields(f"{name} is attached", iot.attach_principal_policy(policyName=name, principal=arn))
    iot.attach_principal_policy(policyName=names[0], principal=other)
    run.lists(
        "policies of a principal",
        "list_principal_policies",
        "policies",
        names,
        "policyName",
        in_order=False,
        principal=arn,
    )
    found = run.all("list_principal_policies", "policies", principal=other)
    run.equal("an entry has its members", found, [{"policyName": names[0], "policyArn": run.arn(f"policy/{names[0]}")}])
    run.lists(
        "principals of a policy",
        "list_policy_principals",
        "principals",
        [arn, other],
        in_order=False,
        policyName=names[0],
    )
    run.equal(
        "the newer operations know them",
        sorted(run.all("list_attached_policies", "policies", "policyName", target=arn)),
        sorted(names),
    )
    iot.create_thing_group(thingGroupName="principal-group")
    iot.attach_policy(policyName=names[1], target=run.arn("thinggroup/principal-group"))
    run.equal("a group is no principal", run.all("list_policy_principals", "principals", policyName=names[1]), [arn])
    run.refused(
        "a policy that does not exist",
        lambda: iot.attach_principal_policy(policyName="no-such-policy", principal=arn),
        "ResourceNotFoundException",
        "no-such-policy",
    )
    absent = run.arn("cert/" + "ab" * 32)
    run.refused(
        "a principal that does not exist",
        lambda: iot.attach_principal_policy(policyName=names[0], principal=absent),
        "ResourceNotFoundException",
    )
    run.refused("policies of it", lambda: iot.list_principal_policies(principal=absent), "ResourceNotFoundException")
    run.refused(
        "principals of no policy",
        lambda: iot.list_policy_principals(policyName="no-such-policy"),
        "ResourceNotFoundException",
        "no-such-policy",
    )
    run.fields("is detached", iot.detach_principal_policy(policyName=names[0], principal=arn))
    run.equal("and gone", run.all("list_principal_policies", "policies", "policyName", principal=arn), [names[1]])
    run.refused(
        "no policy is detached",
        lambda: iot.detach_principal_policy(policyName="no-such-policy", principal=arn),
        "ResourceNotFoundException",
        "no-such-policy",
    )
    iot.delete_thing_group(thingGroupName="principal-group")
    delete(run, identity, second)
    for name in names:
        iot.delete_policy(policyName=name)
