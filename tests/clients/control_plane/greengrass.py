"""Groups of Greengrass, what they are made of, and the role of the account: `greengrass`."""

import datetime
from dataclasses import dataclass

from control_plane.harness import UUID, now, story

NOBODY = "00000000-0000-4000-8000-000000000000"


@dataclass
class Kind:
    """Groups, or definitions of one kind: what is called alike for all of them."""

    noun: str
    path: str
    member: str

    def call(self, run, verb, **arguments):
        """For example `create_core_definition_version`."""
        verb, _, rest = verb.partition("_")
        method = f"{verb}_{self.noun}{rest and '_' + rest}"
        return getattr(run.greengrass, method)(**arguments)

    def named(self, identity):
        """The argument that names one of the kind."""
        return {"".join(part.capitalize() for part in self.noun.split("_")) + "Id": identity}

    def version_named(self, identity, version):
        name = "".join(part.capitalize() for part in self.noun.split("_"))
        return {f"{name}Id": identity, f"{name}VersionId": version}

    def arn(self, run, identity, version=None):
        arn = run.arn(f"/greengrass/{self.path}/{identity}", "greengrass")
        return f"{arn}/versions/{version}" if version else arn

    def versions(self, run, identity):
        """The name of the list of its versions, and what it takes."""
        return f"list_{self.noun}_versions", "Versions", self.named(identity)


GROUPS = Kind("group", "groups", "Groups")
CORES = Kind("core_definition", "definition/cores", "Definitions")
LOGGERS = Kind("logger_definition", "definition/loggers", "Definitions")
KINDS = (GROUPS, CORES, LOGGERS)


def cores(run, *names):
    """Cores of these names, as many as a version of a core definition has."""
    return {
        "Cores": [
            {
                "Id": name,
                "ThingArn": run.arn(f"thing/{name}"),
                "CertificateArn": run.arn(f"cert/{'ab' * 32}"),
                "SyncShadow": name == "syncing",
            }
            for name in names
        ]
    }


def loggers(_run, *names):
    """Loggers of these ids, as many as a version of a logger definition has."""
    logger = {"Component": "Lambda", "Level": "WARN", "Space": 128, "Type": "FileSystem"}
    return {"Loggers": [{"Id": name, **logger} for name in names]}


def content(run, kind, *names):
    return cores(run, *names) if kind is CORES else loggers(run, *names)


def moment(text):
    """A date as Greengrass writes it."""
    return datetime.datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=datetime.timezone.utc)


def members(run, kind, made, **more):
    """All that is told of a group or definition; its versions are added by the caller."""
    return {
        "Arn": kind.arn(run, made["Id"]),
        "Id": made["Id"],
        "CreationTimestamp": ...,
        "LastUpdatedTimestamp": ...,
        **more,
    }


def version_of(run, kind, made, **more):
    """All that is told of a version."""
    return {
        "Arn": kind.arn(run, made["Id"], made["Version"]),
        "CreationTimestamp": ...,
        "Id": made["Id"],
        "Version": made["Version"],
        **more,
    }


def told(answer):
    return {key: value for key, value in answer.items() if key != "ResponseMetadata"}


def delete(run, kind, made):
    run.fields(f"{kind.noun}: is deleted", kind.call(run, "delete", **kind.named(made["Id"])))


@story
def create_and_delete(run):
    """Groups and definitions without a version."""
    for kind in KINDS:
        made = kind.call(
            run, "create", Name="lamps (cellar)", tags={"room": "cellar", "empty": ""}, AmznClientToken="token"
        )
        run.fields(f"{kind.noun}: answers all that there is", made, **members(run, kind, made, Name="lamps (cellar)"))
        run.form(f"{kind.noun}: its id is a UUID", made["Id"], UUID)
        run.recent(f"{kind.noun}: was created now", moment(made["CreationTimestamp"]))
        run.equal(f"{kind.noun}: and changed then", made["LastUpdatedTimestamp"], made["CreationTimestamp"])
        named = kind.named(made["Id"])
        tags = {"tags": {"room": "cellar", "empty": ""}}
        run.fields(f"{kind.noun}: is told", kind.call(run, "get", **named), **told(made), **tags)
        call, member, arguments = kind.versions(run, made["Id"])
        run.equal(f"{kind.noun}: has no versions", run.all(call, member, **arguments), [])
        same = kind.call(run, "create", Name="lamps (cellar)")
        run.true(f"{kind.noun}: two may have one name", same["Id"] != made["Id"], same["Id"])
        run.fields(f"{kind.noun}: is renamed", kind.call(run, "update", Name="renamed", **named))
        found = kind.call(run, "get", **named)
        changed = {**told(made), **tags, "Name": "renamed", "LastUpdatedTimestamp": ...}
        run.fields(f"{kind.noun}: which is told", found, **changed)
        since = moment(made["CreationTimestamp"])
        run.recent(f"{kind.noun}: with its date", moment(found["LastUpdatedTimestamp"]), since=since)
        run.refused(
            f"{kind.noun}: a new name is needed",
            lambda kind=kind, named=named: kind.call(run, "update", **named),
            "BadRequestException",
            "attributes",
        )
        delete(run, kind, made)
        delete(run, kind, same)
        for identity in (made["Id"], NOBODY, "nothing"):
            missing(run, kind, identity)


def missing(run, kind, identity):
    """Every operation of one that does not exist."""
    named = kind.named(identity)
    for name, call in (
        ("get", lambda: kind.call(run, "get", **named)),
        ("update", lambda: kind.call(run, "update", Name="a", **named)),
        ("delete", lambda: kind.call(run, "delete", **named)),
        ("add a version", lambda: kind.call(run, "create_version", **named)),
        ("get a version", lambda: kind.call(run, "get_version", **kind.version_named(identity, NOBODY))),
        ("list versions", lambda: kind.call(run, "list_versions", **named)),
    ):
        run.refused(f"{kind.noun}: {name}: there is no {identity[:8]}", call, "IdNotFoundException", identity)


@story
def definitions(run):
    for kind in (CORES, LOGGERS):
        first = content(run, kind, "b", "a", "syncing")
        made = kind.call(run, "create", Name="lamps", InitialVersion=first)
        latest = {"LatestVersion": ..., "LatestVersionArn": kind.arn(run, made["Id"], made["LatestVersion"])}
        expected = members(run, kind, made, Name="lamps", **latest)
        run.fields(f"{kind.noun}: is created with a version", made, **expected)
        run.form(f"{kind.noun}: whose id is a UUID", made["LatestVersion"], UUID)
        found = kind.call(run, "get_version", **kind.version_named(made["Id"], made["LatestVersion"]))
        expected = version_of(run, kind, {**made, "Version": made["LatestVersion"]}, Definition=first)
        run.fields(f"{kind.noun}: which is told", found, **expected)
        second = content(run, kind, "c")
        added = kind.call(run, "create_version", **second, **kind.named(made["Id"]))
        run.fields(f"{kind.noun}: gets another version", added, **version_of(run, kind, {**added, "Id": made["Id"]}))
        run.recent(
            f"{kind.noun}: made now", moment(added["CreationTimestamp"]), since=moment(made["CreationTimestamp"])
        )
        found = kind.call(run, "get_version", **kind.version_named(made["Id"], added["Version"]))
        run.fields(f"{kind.noun}: which is told too", found, **told(added), Definition=second)
        found = kind.call(run, "get", **kind.named(made["Id"]))
        newest = (added["Version"], added["Arn"])
        run.equal(f"{kind.noun}: and is the latest", (found["LatestVersion"], found["LatestVersionArn"]), newest)
        call, member, arguments = kind.versions(run, made["Id"])
        versions = [made["LatestVersion"], added["Version"]]
        run.lists(f"{kind.noun}: versions", call, member, versions, "Version", **arguments)
        run.equal(f"{kind.noun}: an entry has its members", run.all(call, member, **arguments)[1], told(added))
        for version in (NOBODY, "nothing"):
            run.refused(
                f"{kind.noun}: there is no version {version[:8]}",
                lambda kind=kind, made=made, version=version: kind.call(
                    run, "get_version", **kind.version_named(made["Id"], version)
                ),
                "VersionNotFoundException",
                version,
            )
        nameless = kind.call(run, "create")
        run.fields(f"{kind.noun}: needs no name", nameless, **members(run, kind, nameless))
        delete(run, kind, nameless)
        delete(run, kind, made)


@story
def wrong_definitions(run):
    def first(kind, **changes):
        [(name, [part])] = content(run, kind, "a").items()
        return {name: [{**part, **changes}]}

    many = [str(number) for number in range(101)]
    for name, kind, version, message in (
        ("too many cores", CORES, cores(run, *many), "101 cores"),
        ("too many loggers", LOGGERS, loggers(run, *many), "101 loggers"),
        ("two cores of one id", CORES, cores(run, "a", "a"), "id a is that of two cores"),
        ("two loggers of one id", LOGGERS, loggers(run, "a", "a"), "id a is that of two loggers"),
        ("an id with a space", CORES, first(CORES, Id="a b"), "a b"),
        ("what is no certificate", CORES, first(CORES, CertificateArn=run.arn("thing/a")), "CertificateArn"),
        ("what is no thing", CORES, first(CORES, ThingArn="lamp"), "ThingArn"),
        ("a thing of another region", CORES, first(CORES, ThingArn="arn:aws:iot:us-west-2:1:thing/a"), "ThingArn"),
        ("a component there is not", LOGGERS, first(LOGGERS, Component="Lamp"), "component"),
        ("a level there is not", LOGGERS, first(LOGGERS, Level="LOUD"), "level"),
        ("a place there is not", LOGGERS, first(LOGGERS, Type="Paper"), "type"),
    ):
        run.refused(
            f"{kind.noun}: {name}",
            lambda kind=kind, version=version: kind.call(run, "create", InitialVersion=version),
            "BadRequestException",
            message,
        )
    for kind in (CORES, LOGGERS):
        run.equal(f"{kind.noun}: nothing was made", run.all(f"list_{kind.noun}s", kind.member), [])


@story
def groups(run):
    parts = {}
    for kind, member in ((CORES, "CoreDefinitionVersionArn"), (LOGGERS, "LoggerDefinitionVersionArn")):
        parts[member] = kind.call(run, "create", InitialVersion=content(run, kind, "a"))
    whole = {member: made["LatestVersionArn"] for member, made in parts.items()}
    group = run.greengrass.create_group(Name="lamps", InitialVersion=whole)
    latest = {"LatestVersion": ..., "LatestVersionArn": GROUPS.arn(run, group["Id"], group["LatestVersion"])}
    run.fields("is created with a version", group, **members(run, GROUPS, group, Name="lamps", **latest))
    found = run.greengrass.get_group_version(GroupId=group["Id"], GroupVersionId=group["LatestVersion"])
    expected = version_of(run, GROUPS, {**group, "Version": group["LatestVersion"]}, Definition=whole)
    run.fields("which is told", found, **expected)
    core = {"CoreDefinitionVersionArn": whole["CoreDefinitionVersionArn"]}
    added = run.greengrass.create_group_version(GroupId=group["Id"], **core)
    run.fields("gets another version", added, **version_of(run, GROUPS, {**added, "Id": group["Id"]}))
    found = run.greengrass.get_group_version(GroupId=group["Id"], GroupVersionId=added["Version"])
    run.fields("which has nothing of the first", found, **told(added), Definition=core)
    call, member, arguments = GROUPS.versions(run, group["Id"])
    run.lists("versions", call, member, [group["LatestVersion"], added["Version"]], "Version", **arguments)
    run.refused(
        "a version that does not exist",
        lambda: run.greengrass.get_group_version(GroupId=group["Id"], GroupVersionId=NOBODY),
        "VersionNotFoundException",
        NOBODY,
    )
    for name, version, message in (
        (
            "a core definition that does not exist",
            {"CoreDefinitionVersionArn": CORES.arn(run, NOBODY, NOBODY)},
            "CoreDefinitionVersionArn.*does not exist",
        ),
        (
            "a logger definition as a core definition",
            {"CoreDefinitionVersionArn": whole["LoggerDefinitionVersionArn"]},
            "CoreDefinitionVersionArn.*not the ARN",
        ),
        (
            "functions of Greengrass",
            {"FunctionDefinitionVersionArn": CORES.arn(run, NOBODY, NOBODY)},
            "FunctionDefinitionVersionArn",
        ),
    ):
        for way, make in (
            ("with the group", lambda version=version: run.greengrass.create_group(Name="a", InitialVersion=version)),
            ("later", lambda version=version: run.greengrass.create_group_version(GroupId=group["Id"], **version)),
        ):
            run.refused(f"{name}, {way}", make, "BadRequestException", message)
    delete(run, CORES, parts["CoreDefinitionVersionArn"])
    found = run.greengrass.get_group_version(GroupId=group["Id"], GroupVersionId=added["Version"])
    run.equal("a group keeps naming what was deleted, as at AWS", found["Definition"], core)
    delete(run, LOGGERS, parts["LoggerDefinitionVersionArn"])
    delete(run, GROUPS, group)


@story
def wrong_groups(run):
    for name, arguments, message in (
        ("an empty name", {"Name": ""}, "name"),
        ("a name beyond ASCII", {"Name": "été"}, "ASCII"),
        ("a name that is too long", {"Name": "x" * 129}, "name"),
        ("a tag of AWS's own", {"Name": "a", "tags": {"aws:a": ""}}, "aws:"),
        ("too many tags", {"Name": "a", "tags": {str(number): "" for number in range(51)}}, "51 tags"),
    ):
        run.refused(
            name,
            lambda arguments=arguments: run.greengrass.create_group(**arguments),
            "BadRequestException",
            message,
        )
    run.invalid("no name", lambda: run.greengrass.create_group(), "name")
    run.equal("nothing was made", run.all("list_groups", "Groups"), [])


@story
def listed(run):
    for kind in KINDS:
        made = [kind.call(run, "create", Name=name, tags={"name": name}) for name in ("z", "a", "m")]
        call = f"list_{kind.noun}s"
        run.lists(kind.noun, call, kind.member, [each["Id"] for each in made], "Id")
        # The tags of groups are told of each alone, as at AWS.
        tags = {} if kind is GROUPS else {"Tags": {"name": "a"}}
        run.fields(f"{kind.noun}: an entry has its members", run.all(call, kind.member)[1], **told(made[1]), **tags)
        for each in made:
            delete(run, kind, each)


@story
def service_role(run):
    greengrass = run.greengrass

    def none(name):
        run.refused(name, greengrass.get_service_role_for_account, "404", "service role")

    none("there is none at first")
    for role in ("greengrass", "service-role/other"):
        arn = f"arn:aws:iam::{run.account}:role/{role}"
        answer = greengrass.associate_service_role_to_account(RoleArn=arn)
        run.fields(f"{role}: is associated", answer, AssociatedAt=...)
        run.recent(f"{role}: now", moment(answer["AssociatedAt"]))
        found = greengrass.get_service_role_for_account()
        run.fields(f"{role}: is told", found, AssociatedAt=answer["AssociatedAt"], RoleArn=arn)
    run.refused(
        "what is no role",
        lambda: greengrass.associate_service_role_to_account(RoleArn="lamp"),
        "BadRequestException",
        "lamp",
    )
    run.invalid("no role", lambda: greengrass.associate_service_role_to_account(), "roleArn")
    for name in ("is taken away", "to take it away again succeeds, as at AWS"):
        before = now()
        answer = greengrass.disassociate_service_role_from_account()
        run.fields(name, answer, DisassociatedAt=...)
        run.recent(f"{name}, now", moment(answer["DisassociatedAt"]), since=before)
        none(f"there is none when it {name}")
