"""Thing types."""

from control_plane.harness import UUID, story


@story
def create(run):
    iot = run.iot
    properties = {"thingTypeDescription": "a lamp, 60 W", "searchableAttributes": ["model", "wattage"]}
    made = iot.create_thing_type(thingTypeName="type-a", thingTypeProperties=properties)
    arn = run.arn("thingtype/type-a")
    run.fields("answers name, ARN and id", made, thingTypeName="type-a", thingTypeArn=arn, thingTypeId=...)
    run.form("the id is a UUID", made["thingTypeId"], UUID)
    described = iot.describe_thing_type(thingTypeName="type-a")
    run.fields(
        "is described",
        described,
        thingTypeName="type-a",
        thingTypeArn=arn,
        thingTypeId=made["thingTypeId"],
        thingTypeProperties=properties,
        thingTypeMetadata=...,
    )
    run.fields("is not deprecated", described["thingTypeMetadata"], deprecated=False, creationDate=...)
    run.recent("was created now", described["thingTypeMetadata"]["creationDate"])
    again = iot.create_thing_type(thingTypeName="type-a", thingTypeProperties=properties)
    run.equal("the same again is the same type", again["thingTypeId"], made["thingTypeId"])
    run.refused(
        "another one of the name is refused",
        lambda: iot.create_thing_type(thingTypeName="type-a"),
        "ResourceAlreadyExistsException",
        "type-a",
        resourceArn=arn,
        resourceId=("type-a", made["thingTypeId"]),
    )
    run.refused(
        "four searchable attributes",
        lambda: iot.create_thing_type(
            thingTypeName="type-b", thingTypeProperties={"searchableAttributes": ["a", "b", "c", "d"]}
        ),
        "InvalidRequestException",
        "searchable",
    )
    run.invalid("a name with a slash", lambda: iot.create_thing_type(thingTypeName="a/b"), "thingTypeName")
    run.refused(
        "one that does not exist",
        lambda: iot.describe_thing_type(thingTypeName="type-b"),
        "ResourceNotFoundException",
        "type-b",
    )
    iot.deprecate_thing_type(thingTypeName="type-a")
    iot.delete_thing_type(thingTypeName="type-a")


@story
def update(run):
    iot = run.iot
    iot.create_thing_type(thingTypeName="type-a", thingTypeProperties={"thingTypeDescription": "old"})
    propagating = [
        {"userPropertyKey": "room", "thingAttribute": "place"},
        {"userPropertyKey": "client", "connectionAttribute": "iot:ClientId"},
    ]
    configuration = {"mqtt5Configuration": {"propagatingAttributes": propagating}}
    run.fields("answers nothing", iot.update_thing_type(thingTypeName="type-a", thingTypeProperties=configuration))
    found = iot.describe_thing_type(thingTypeName="type-a")["thingTypeProperties"]
    run.equal("sets the propagating attributes", found.get("mqtt5Configuration"), configuration["mqtt5Configuration"])
    run.equal("and leaves the rest", found.get("thingTypeDescription"), "old")
    run.refused(
        "a description cannot change",
        lambda: iot.update_thing_type(thingTypeName="type-a", thingTypeProperties={"thingTypeDescription": "new"}),
        "InvalidRequestException",
        "mqtt5Configuration|description",
    )
    run.refused(
        "one that does not exist",
        lambda: iot.update_thing_type(thingTypeName="type-b", thingTypeProperties=configuration),
        "ResourceNotFoundException",
        "type-b",
    )
    iot.deprecate_thing_type(thingTypeName="type-a")
    iot.delete_thing_type(thingTypeName="type-a")


@story
def deprecate_and_delete(run):
    iot = run.iot
    iot.create_thing_type(thingTypeName="type-a")
    iot.create_thing(thingName="type-thing", thingTypeName="type-a")
    run.refused(
        "is not deleted before it is deprecated",
        lambda: iot.delete_thing_type(thingTypeName="type-a"),
        "InvalidRequestException",
        "deprecate",
    )
    run.fields("is deprecated", iot.deprecate_thing_type(thingTypeName="type-a"))
    found = iot.describe_thing_type(thingTypeName="type-a")["thingTypeMetadata"]
    run.fields("says so", found, deprecated=True, deprecationDate=..., creationDate=...)
    run.recent("was deprecated now", found["deprecationDate"], since=found["creationDate"])
    run.refused(
        "is given to no thing",
        lambda: iot.create_thing(thingName="type-other", thingTypeName="type-a"),
        "InvalidRequestException",
        "deprecated",
    )
    run.equal("stays with its things", iot.describe_thing(thingName="type-thing").get("thingTypeName"), "type-a")
    run.refused(
        "is not deleted while things have it",
        lambda: iot.delete_thing_type(thingTypeName="type-a"),
        "InvalidRequestException",
        "thing",
    )
    run.fields("its deprecation is undone", iot.deprecate_thing_type(thingTypeName="type-a", undoDeprecate=True))
    found = iot.describe_thing_type(thingTypeName="type-a")["thingTypeMetadata"]
    run.fields("and says so", found, deprecated=False, creationDate=...)
    iot.create_thing(thingName="type-other", thingTypeName="type-a")
    iot.delete_thing(thingName="type-other")
    iot.delete_thing(thingName="type-thing")
    iot.deprecate_thing_type(thingTypeName="type-a")
    run.fields("is deleted", iot.delete_thing_type(thingTypeName="type-a"))
    run.refused(
        "then there is none",
        lambda: iot.describe_thing_type(thingTypeName="type-a"),
        "ResourceNotFoundException",
        "type-a",
    )
    run.refused(
        "and none to deprecate",
        lambda: iot.deprecate_thing_type(thingTypeName="type-a"),
        "ResourceNotFoundException",
        "type-a",
    )
    run.refused(
        "and none to delete",
        lambda: iot.delete_thing_type(thingTypeName="type-a"),
        "ResourceNotFoundException",
        "type-a",
    )


@story
def listed(run):
    iot = run.iot
    names = ["type-z", "type-a", "type-m"]
    for name in names:
        iot.create_thing_type(thingTypeName=name, thingTypeProperties={"thingTypeDescription": name})
    run.lists("thing types", "list_thing_types", "thingTypes", names, "thingTypeName")
    found = run.all("list_thing_types", "thingTypes", thingTypeName="type-a")
    run.equal("one is found by its name", [entry["thingTypeName"] for entry in found], ["type-a"])
    run.fields(
        "an entry has its members",
        found[0],
        thingTypeName="type-a",
        thingTypeArn=run.arn("thingtype/type-a"),
        thingTypeProperties=...,
        thingTypeMetadata=...,
    )
    run.equal("its description", found[0]["thingTypeProperties"].get("thingTypeDescription"), "type-a")
    run.recent("its date", found[0]["thingTypeMetadata"]["creationDate"])
    run.equal(
        "none is found by another name", run.all("list_thing_types", "thingTypes", thingTypeName="no-such-type"), []
    )
    for name in names:
        iot.deprecate_thing_type(thingTypeName=name)
        iot.delete_thing_type(thingTypeName=name)
