"""Certificates attached to things, in both forms of the operations."""

from control_plane.certificate import delete
from control_plane.harness import story


def certificate(run):
    made = run.iot.create_keys_and_certificate(setAsActive=True)
    return made["certificateId"], made["certificateArn"]


@story
def attached(run):
    iot = run.iot
    (first, arn), (second, other) = certificate(run), certificate(run)
    things = ["principal-b", "principal-a", "principal-c"]
    for thing in things:
        iot.create_thing(thingName=thing)
        run.fields(f"is attached to {thing}", iot.attach_thing_principal(thingName=thing, principal=arn))
    run.fields("once more changes nothing", iot.attach_thing_principal(thingName=things[0], principal=arn))
    iot.attach_thing_principal(thingName=things[0], principal=other)
    run.equal("the thing's version is not touched", iot.describe_thing(thingName=things[0])["version"], 1)
    run.lists(
        "principals of a thing",
        "list_thing_principals",
        "principals",
        [arn, other],
        in_order=False,
        thingName=things[0],
    )
    run.lists("things of a principal", "list_principal_things", "things", things, in_order=False, principal=arn)
    run.lists(
        "principals of a thing, V2",
        "list_thing_principals_v2",
        "thingPrincipalObjects",
        [arn, other],
        "principal",
        in_order=False,
        thingName=things[0],
    )
    run.lists(
        "things of a principal, V2",
        "list_principal_things_v2",
        "principalThingObjects",
        things,
        "thingName",
        in_order=False,
        principal=arn,
    )
    found = run.all("list_principal_things_v2", "principalThingObjects", principal=other)
    run.equal(
        "each is told with its way", found, [{"thingName": things[0], "thingPrincipalType": "NON_EXCLUSIVE_THING"}]
    )

    run.refused(
        "to a thing that does not exist",
        lambda: iot.attach_thing_principal(thingName="no-such-thing", principal=arn),
        "ResourceNotFoundException",
        "no-such-thing",
    )
    absent = run.arn("cert/" + "ab" * 32)
    run.refused(
        "of a certificate that does not exist",
        lambda: iot.attach_thing_principal(thingName=things[0], principal=absent),
        "ResourceNotFoundException",
        "ab" * 32,
    )
    for wrong in ("lamp", arn.replace(run.account, "999999999999"), run.arn("thing/principal-a")):
        run.refused(
            f"of {wrong[:30]}…",
            lambda wrong=wrong: iot.attach_thing_principal(thingName=things[0], principal=wrong),
            "InvalidRequestException",
            "principal|arn",
        )
    for call, argument in (
        ("list_thing_principals", {"thingName": "no-such-thing"}),
        ("list_thing_principals_v2", {"thingName": "no-such-thing"}),
        ("list_principal_things", {"principal": absent}),
        ("list_principal_things_v2", {"principal": absent}),
    ):
        run.refused(
            f"{call} of what does not exist",
            lambda call=call, argument=argument: getattr(iot, call)(**argument),
            "ResourceNotFoundException",
        )
    run.refused(
        "a thing with principals is not deleted",
        lambda: iot.delete_thing(thingName=things[0]),
        "InvalidRequestException",
        "attached|principal",
    )
    iot.update_certificate(certificateId=second, newStatus="INACTIVE")
    run.refused(
        "nor a certificate with things",
        lambda: iot.delete_certificate(certificateId=second),
        "DeleteConflictException",
        "thing",
    )
    run.refused(
        "even by force",
        lambda: iot.delete_certificate(certificateId=second, forceDelete=True),
        "DeleteConflictException",
        "thing",
    )

    run.fields("is detached", iot.detach_thing_principal(thingName=things[0], principal=arn))
    run.equal("and gone from the thing", iot.list_thing_principals(thingName=things[0])["principals"], [other])
    run.equal("and from the principal", sorted(iot.list_principal_things(principal=arn)["things"]), sorted(things[1:]))
    run.refused(
        "from a thing that does not exist",
        lambda: iot.detach_thing_principal(thingName="no-such-thing", principal=arn),
        "ResourceNotFoundException",
        "no-such-thing",
    )
    iot.detach_thing_principal(thingName=things[0], principal=other)
    for thing in things[1:]:
        iot.detach_thing_principal(thingName=thing, principal=arn)
    for thing in things:
        iot.delete_thing(thingName=thing)
    delete(run, first, second)


@story
def exclusive(run):
    iot = run.iot
    (first, arn), (second, other) = certificate(run), certificate(run)
    for thing in ("exclusive-a", "exclusive-b"):
        iot.create_thing(thingName=thing)

    def attach(thing, principal, kind):
        return iot.attach_thing_principal(thingName=thing, principal=principal, thingPrincipalType=kind)

    run.fields("is attached", attach("exclusive-a", arn, "EXCLUSIVE_THING"))
    found = iot.list_thing_principals_v2(thingName="exclusive-a")["thingPrincipalObjects"]
    run.equal("is told by the thing", found, [{"principal": arn, "thingPrincipalType": "EXCLUSIVE_THING"}])
    found = iot.list_principal_things_v2(principal=arn)["principalThingObjects"]
    run.equal("and by the principal", found, [{"thingName": "exclusive-a", "thingPrincipalType": "EXCLUSIVE_THING"}])
    for kind in ("EXCLUSIVE_THING", "NON_EXCLUSIVE_THING"):
        run.refused(
            f"is attached to no other thing as {kind}",
            lambda kind=kind: attach("exclusive-b", arn, kind),
            "InvalidRequestException",
            "exclusive",
        )
    attach("exclusive-b", other, "NON_EXCLUSIVE_THING")
    run.refused(
        "one of several things does not become exclusive",
        lambda: attach("exclusive-a", other, "EXCLUSIVE_THING"),
        "InvalidRequestException",
        "exclusive",
    )
    run.invalid("what is no way", lambda: attach("exclusive-b", other, "SOMETIMES"), "thingPrincipalType")
    for call, member, argument in (
        ("list_thing_principals_v2", "thingPrincipalObjects", {"thingName": "exclusive-a"}),
        ("list_principal_things_v2", "principalThingObjects", {"principal": arn}),
    ):
        for kind, count in (("EXCLUSIVE_THING", 1), ("NON_EXCLUSIVE_THING", 0)):
            found = run.all(call, member, **argument, thingPrincipalType=kind)
            run.equal(f"{call} with {kind} has {count}", len(found), count)
    iot.detach_thing_principal(thingName="exclusive-a", principal=arn)
    iot.detach_thing_principal(thingName="exclusive-b", principal=other)
    for thing in ("exclusive-a", "exclusive-b"):
        iot.delete_thing(thingName=thing)
    delete(run, first, second)
