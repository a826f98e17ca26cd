"""Things."""

from control_plane.harness import UUID, story


@story
def create(run):
    iot = run.iot
    made = iot.create_thing(thingName="create-a", attributePayload={"attributes": {"colour": "red", "size": "2"}})
    arn = run.arn("thing/create-a")
    run.fields("answers name, ARN and id", made, thingName="create-a", thingArn=arn, thingId=...)
    run.form("the id is a UUID", made["thingId"], UUID)
    described = iot.describe_thing(thingName="create-a")
    run.fields(
        "is described",
        described,
        thingName="create-a",
        thingArn=arn,
        thingId=made["thingId"],
        version=1,
        defaultClientId="create-a",
        attributes={"colour": "red", "size": "2"},
    )
    again = iot.create_thing(thingName="create-a", attributePayload={"attributes": {"size": "2", "colour": "red"}})
    run.fields("the same again is the same thing", again, thingName="create-a", thingArn=arn, thingId=made["thingId"])
    run.equal("and changes nothing", iot.describe_thing(thingName="create-a")["version"], 1)
    run.refused(
        "another one of the name is refused",
        lambda: iot.create_thing(thingName="create-a"),
        "ResourceAlreadyExistsException",
        "create-a",
        resourceArn=arn,
        resourceId=("create-a", made["thingId"]),
    )
    plain = iot.create_thing(thingName="create-b")
    run.true("ids tell things apart", plain["thingId"] != made["thingId"], plain["thingId"])
    run.fields(
        "a thing may be nothing but a name",
        iot.describe_thing(thingName="create-b"),
        thingName="create-b",
        thingArn=run.arn("thing/create-b"),
        thingId=plain["thingId"],
        version=1,
        defaultClientId="create-b",
        attributes={},
    )
    iot.delete_thing(thingName="create-a")
    iot.delete_thing(thingName="create-b")
    new = iot.create_thing(thingName="create-a")
    run.true("a thing of an old name has a new id", new["thingId"] != made["thingId"], new["thingId"])
    iot.delete_thing(thingName="create-a")


@story
def create_refused(run):
    iot = run.iot
    run.invalid("a name with a space", lambda: iot.create_thing(thingName="a b"), "thingName")
    run.invalid("a name of 129 characters", lambda: iot.create_thing(thingName="x" * 129), "thingName")
    run.invalid(
        "two violations are both told", lambda: iot.create_thing(thingName="a b", thingTypeName="c d"), "thingName", 2
    )
    run.refused(
        "a type that does not exist",
        lambda: iot.create_thing(thingName="refused", thingTypeName="no-such-type"),
        "ResourceNotFoundException",
        "no-such-type",
    )
    run.refused(
        "a billing group that does not exist",
        lambda: iot.create_thing(thingName="refused", billingGroupName="no-such-group"),
        "ResourceNotFoundException",
        "no-such-group",
    )
    four = {"attributes": {f"a{number}": "1" for number in range(4)}}
    run.refused(
        "four attributes without a type",
        lambda: iot.create_thing(thingName="refused", attributePayload=four),
        "InvalidRequestException",
        "attribute",
    )
    run.refused(
        "an attribute value with a space",
        lambda: iot.create_thing(thingName="refused", attributePayload={"attributes": {"a": "b c"}}),
        "InvalidRequestException",
        "attributePayload",
    )
    run.refused(
        "nothing of it was created",
        lambda: iot.describe_thing(thingName="refused"),
        "ResourceNotFoundException",
        "refused",
    )


@story
def typed(run):
    iot = run.iot
    iot.create_thing_type(thingTypeName="typed-type")
    many = {f"a{number}": str(number) for number in range(50)}
    iot.create_thing(thingName="typed", thingTypeName="typed-type", attributePayload={"attributes": many})
    described = iot.describe_thing(thingName="typed")
    run.equal("has its type", described.get("thingTypeName"), "typed-type")
    run.equal("has 50 attributes", described["attributes"], many)
    run.refused(
        "but not 51",
        lambda: iot.update_thing(thingName="typed", attributePayload={"attributes": {"b": "1"}, "merge": True}),
        "InvalidRequestException",
        "attribute",
    )
    run.refused(
        "cannot lose its type with so many",
        lambda: iot.update_thing(thingName="typed", removeThingType=True),
        "InvalidRequestException",
        "attribute",
    )
    iot.delete_thing(thingName="typed")
    iot.deprecate_thing_type(thingTypeName="typed-type")
    run.refused(
        "a deprecated type is given to no thing",
        lambda: iot.create_thing(thingName="typed", thingTypeName="typed-type"),
        "InvalidRequestException",
        "deprecated",
    )
    iot.delete_thing_type(thingTypeName="typed-type")


@story
def update(run):
    iot = run.iot
    iot.create_thing_type(thingTypeName="update-type")
    made = iot.create_thing(thingName="update", attributePayload={"attributes": {"a": "1", "b": "2"}})

    def expect(name, version, attributes, **others):
        run.fields(
            name,
            iot.describe_thing(thingName="update"),
            thingName="update",
            thingArn=made["thingArn"],
            thingId=made["thingId"],
            defaultClientId="update",
            version=version,
            attributes=attributes,
            **others,
        )

    run.fields(
        "answers nothing",
        iot.update_thing(thingName="update", attributePayload={"attributes": {"b": "3", "c": "4"}, "merge": True}),
    )
    expect("merges", 2, {"a": "1", "b": "3", "c": "4"})
    iot.update_thing(thingName="update", attributePayload={"attributes": {"a": "", "d": "5"}, "merge": True})
    expect("an empty value removes", 3, {"b": "3", "c": "4", "d": "5"})
    iot.update_thing(thingName="update", attributePayload={"attributes": {"e": "6"}})
    expect("replaces what it does not merge", 4, {"e": "6"})
    iot.update_thing(thingName="update", thingTypeName="update-type", expectedVersion=4)
    expect("sets the type at the expected version", 5, {"e": "6"}, thingTypeName="update-type")
    run.refused(
        "another version is a conflict",
        lambda: iot.update_thing(thingName="update", removeThingType=True, expectedVersion=4),
        "VersionConflictException",
        "version",
    )
    expect("which changes nothing", 5, {"e": "6"}, thingTypeName="update-type")
    run.refused(
        "a type that does not exist",
        lambda: iot.update_thing(thingName="update", thingTypeName="no-such-type"),
        "ResourceNotFoundException",
        "no-such-type",
    )
    run.refused(
        "a type given and removed",
        lambda: iot.update_thing(thingName="update", thingTypeName="update-type", removeThingType=True),
        "InvalidRequestException",
        "removeThingType|thingTypeName",
    )
    iot.update_thing(thingName="update", removeThingType=True)
    expect("removes the type", 6, {"e": "6"})
    run.refused(
        "a thing that does not exist",
        lambda: iot.update_thing(thingName="no-such-thing", attributePayload={"attributes": {}}),
        "ResourceNotFoundException",
        "no-such-thing",
    )
    iot.delete_thing(thingName="update")
    iot.deprecate_thing_type(thingTypeName="update-type")
    iot.delete_thing_type(thingTypeName="update-type")


@story
def delete(run):
    iot = run.iot
    iot.create_thing(thingName="delete")
    run.refused(
        "another version is a conflict",
        lambda: iot.delete_thing(thingName="delete", expectedVersion=7),
        "VersionConflictException",
        "version",
    )
    run.fields("answers nothing", iot.delete_thing(thingName="delete", expectedVersion=1))
    run.refused(
        "then there is none", lambda: iot.describe_thing(thingName="delete"), "ResourceNotFoundException", "delete"
    )
    run.fields("deleting it again succeeds", iot.delete_thing(thingName="delete"))


@story
def listed(run):
    iot = run.iot
    iot.create_thing_type(thingTypeName="listed-type", thingTypeProperties={"searchableAttributes": ["place"]})
    names = [f"listed-{number}" for number in (3, 1, 4, 2, 5)]
    for name in names:
        place = {"listed-3": "cellar", "listed-1": "cell", "listed-4": "attic"}.get(name, "none")
        iot.create_thing(thingName=name, thingTypeName="listed-type", attributePayload={"attributes": {"place": place}})
    run.lists("things", "list_things", "things", names, "thingName")
    entry = next(entry for entry in run.all("list_things", "things") if entry["thingName"] == "listed-3")
    run.fields(
        "an entry has its members",
        entry,
        thingName="listed-3",
        thingTypeName="listed-type",
        thingArn=run.arn("thing/listed-3"),
        attributes={"place": "cellar"},
        version=1,
    )

    iot.create_thing(thingName="listed-other", attributePayload={"attributes": {"place": "cellar"}})
    run.lists("things of a type", "list_things", "things", names, "thingName", thingTypeName="listed-type")
    found = run.all("list_things", "things", "thingName", thingTypeName="listed-type")
    run.equal("things of a type are no others", found, names)
    found = run.all("list_things", "things", "thingName", attributeName="place", attributeValue="cellar")
    run.equal("things with an attribute", run.mine([*names, "listed-other"], found), ["listed-3", "listed-other"])
    found = run.all(
        "list_things", "things", "thingName", attributeName="place", attributeValue="cell", usePrefixAttributeValue=True
    )
    run.equal(
        "things with the begin of an attribute",
        run.mine([*names, "listed-other"], found),
        ["listed-3", "listed-1", "listed-other"],
    )
    found = run.all(
        "list_things",
        "things",
        "thingName",
        attributeName="place",
        attributeValue="cellar",
        thingTypeName="listed-type",
    )
    run.equal("things of a type with an attribute", found, ["listed-3"])
    found = run.all("list_things", "things", "thingName", thingTypeName="no-such-type")
    run.equal("things of no type there is", found, [])

    token = iot.list_things(thingTypeName="listed-type", maxResults=2)["nextToken"]
    run.refused(
        "a token of other filters is refused",
        lambda: iot.list_things(nextToken=token),
        "InvalidRequestException",
        "nextToken",
    )
    iot.delete_thing(thingName="listed-1")
    rest = iot.list_things(thingTypeName="listed-type", nextToken=token)["things"]
    run.equal("a token outlives what it stands behind", [thing["thingName"] for thing in rest], names[2:])
    for name in [*names, "listed-other"]:
        iot.delete_thing(thingName=name)
    iot.deprecate_thing_type(thingTypeName="listed-type")
    iot.delete_thing_type(thingTypeName="listed-type")
