"""Event source mappings: `lambda`. That functions get what is in a queue is tested with one; here nobody serves any."""

from control_plane.function import create, not_found
from control_plane.harness import UUID, story, wait_for


def queue(run, name):
    return run.arn(name, "sqs")


def mapping(run, made, function, source, **members):
    """All that is told of a mapping that was created with as little as possible."""
    return {
        "UUID": made["UUID"],
        "EventSourceMappingArn": run.arn(f"event-source-mapping:{made['UUID']}", "lambda"),
        "EventSourceArn": queue(run, source),
        "FunctionArn": run.arn(f"function:{function}", "lambda"),
        "BatchSize": 10,
        "MaximumBatchingWindowInSeconds": 0,
        "FunctionResponseTypes": [],
        "LastModified": ...,
        "LastProcessingResult": "No records processed",
        "State": "Enabled",
        "StateTransitionReason": "USER_INITIATED",
        **members,
    }


def create_disabled(run, function, source, **arguments):
    """A mapping that is not polled, so that nothing becomes of it by itself."""
    return run.functions.create_event_source_mapping(
        EventSourceArn=queue(run, source), FunctionName=function, Enabled=False, **arguments
    )


def get(run, made):
    found = run.functions.get_event_source_mapping(UUID=made["UUID"])
    found.pop("ResponseMetadata")
    return found


@story
def create_and_delete(run):
    functions = run.functions
    create(run, "mapped")
    made = functions.create_event_source_mapping(EventSourceArn=queue(run, "lamps"), FunctionName="mapped")
    run.equal("is created with status 202", made["ResponseMetadata"]["HTTPStatusCode"], 202)
    run.form("its id is a UUID", made["UUID"], UUID)
    run.fields("answers all that there is", made, **mapping(run, made, "mapped", "lamps"))
    run.recent("was modified now", made["LastModified"])

    def problem():
        found = get(run, made)["LastProcessingResult"]
        return found if found.startswith("PROBLEM: ") else None

    run.true("that the queue is not there is told", wait_for("that it is told", problem))
    told = mapping(run, made, "mapped", "lamps", LastModified=made["LastModified"], LastProcessingResult=...)
    run.fields("and nothing else", get(run, made), **told)
    run.refused(
        "the same queue for the same function",
        lambda: create_disabled(run, "mapped", "lamps"),
        "ResourceConflictException",
        made["UUID"],
        Type="User",
    )
    create(run, "other")
    other = create_disabled(run, run.arn("function:other", "lambda"), "lamps")
    run.fields(
        "but for another function, disabled",
        other,
        **mapping(run, other, "other", "lamps", State="Disabled"),
    )
    gone = functions.delete_event_source_mapping(UUID=made["UUID"])
    run.equal("is deleted with status 202", gone["ResponseMetadata"]["HTTPStatusCode"], 202)
    run.fields("says so", gone, **{**told, "State": "Deleting"})
    run.fields(
        "the other too",
        functions.delete_event_source_mapping(UUID=other["UUID"]),
        **mapping(run, other, "other", "lamps", State="Deleting"),
    )
    for identity in (made["UUID"], "no-mapping".ljust(36, "-")):
        for name, call in (
            ("get", functions.get_event_source_mapping),
            ("update", functions.update_event_source_mapping),
            ("delete", functions.delete_event_source_mapping),
        ):
            run.refused(
                f"{name} {identity[:8]}: there is none",
                lambda call=call, identity=identity: call(UUID=identity),
                "ResourceNotFoundException",
                "does not exist",
                Type="User",
            )
    for name in ("mapped", "other"):
        functions.delete_function(FunctionName=name)


@story
def create_with_everything(run):
    create(run, "mapped")
    made = create_disabled(
        run,
        "mapped",
        "lamps",
        BatchSize=10000,
        MaximumBatchingWindowInSeconds=300,
        FunctionResponseTypes=["ReportBatchItemFailures"],
        # These are taken, as tools send them empty.
        FilterCriteria={"Filters": []},
        Tags={},
    )
    expected = {
        "BatchSize": 10000,
        "MaximumBatchingWindowInSeconds": 300,
        "FunctionResponseTypes": ["ReportBatchItemFailures"],
        "State": "Disabled",
    }
    run.fields("answers what it was given", made, **mapping(run, made, "mapped", "lamps", **expected))
    expected["LastModified"] = made["LastModified"]
    run.fields("is told", get(run, made), **mapping(run, made, "mapped", "lamps", **expected))
    run.functions.delete_event_source_mapping(UUID=made["UUID"])
    run.functions.delete_function(FunctionName="mapped")


@story
def update(run):
    functions = run.functions
    for name in ("mapped", "other"):
        create(run, name)
    made = create_disabled(run, "mapped", "lamps", BatchSize=5)
    identity = {"UUID": made["UUID"]}
    change = {
        "BatchSize": 100,
        "MaximumBatchingWindowInSeconds": 1,
        "FunctionResponseTypes": ["ReportBatchItemFailures"],
    }
    changed = functions.update_event_source_mapping(FunctionName="other", **change, **identity)
    run.equal("is changed with status 202", changed["ResponseMetadata"]["HTTPStatusCode"], 202)
    expected = mapping(run, made, "other", "lamps", State="Disabled", **change)
    run.fields("what is given changes", changed, **expected)
    run.recent("and now", changed["LastModified"], since=made["LastModified"])
    run.fields("is told", get(run, made), **{**expected, "LastModified": changed["LastModified"]})
    changed = functions.update_event_source_mapping(FunctionResponseTypes=[], **identity)
    expected["FunctionResponseTypes"] = []
    run.fields("the rest stays", changed, **expected)
    for enabled, state in ((True, "Enabled"), (True, "Enabled"), (False, "Disabled")):
        changed = functions.update_event_source_mapping(Enabled=enabled, **identity)
        run.fields(f"is {state}", changed, **{**expected, "State": state, "LastProcessingResult": ...})
    not_found(
        run,
        "a function that does not exist",
        lambda: functions.update_event_source_mapping(FunctionName="no-such", **identity),
    )
    run.refused(
        "a large batch without time to fill",
        lambda: functions.update_event_source_mapping(MaximumBatchingWindowInSeconds=0, **identity),
        "InvalidParameterValueException",
        "batch size 100 needs a batching window",
    )
    run.invalid("an empty batch", lambda: functions.update_event_source_mapping(BatchSize=0, **identity), "batchSize")
    functions.delete_function(FunctionName="other")
    run.equal("outlives its function", get(run, made)["FunctionArn"], run.arn("function:other", "lambda"))
    changed = functions.update_event_source_mapping(FunctionName="mapped", **identity)
    run.equal("gets another one", changed["FunctionArn"], run.arn("function:mapped", "lambda"))
    functions.delete_event_source_mapping(**identity)
    functions.delete_function(FunctionName="mapped")


@story
def wrong(run):
    functions = run.functions
    create(run, "mapped")
    lamps = {"EventSourceArn": queue(run, "lamps"), "FunctionName": "mapped"}
    for name, arguments, message in (
        ("no queue", {"EventSourceArn": None}, "EventSourceArn is missing"),
        ("a stream", {"EventSourceArn": run.arn("stream/s", "kinesis")}, "service is not sqs"),
        ("a table", {"EventSourceArn": run.arn("table/t/stream/s", "dynamodb")}, "service is not sqs"),
        ("a large batch without time to fill", {"BatchSize": 11}, "batch size 11 needs a batching window"),
        (
            "a large batch in order",
            {"EventSourceArn": queue(run, "lamps.fifo"), "BatchSize": 11, "MaximumBatchingWindowInSeconds": 1},
            "batch size 11; 1 to 10 ",
        ),
        (
            "time to fill a batch in order",
            {"EventSourceArn": queue(run, "lamps.fifo"), "MaximumBatchingWindowInSeconds": 1},
            "FIFO",
        ),
        ("a filter", {"FilterCriteria": {"Filters": [{"Pattern": "{}"}]}}, "FilterCriteria"),
        ("a place to start", {"StartingPosition": "LATEST"}, "StartingPosition"),
        ("tags", {"Tags": {"a": "b"}}, "Tags"),
    ):
        given = {key: value for key, value in {**lamps, **arguments}.items() if value is not None}
        run.refused(
            name,
            lambda given=given: functions.create_event_source_mapping(**given),
            "InvalidParameterValueException",
            message,
            Type="User",
        )
    for name, arguments, member in (
        ("an empty batch", {"BatchSize": 0}, "batchSize"),
        ("a batch that is too large", {"BatchSize": 10001}, "batchSize"),
        ("too much time to fill", {"MaximumBatchingWindowInSeconds": 301}, "maximumBatchingWindowInSeconds"),
        ("what is no ARN", {"EventSourceArn": "lamp"}, "eventSourceArn"),
    ):
        given = {**lamps, **arguments}
        run.invalid(name, lambda given=given: functions.create_event_source_mapping(**given), member)
    missing = {**lamps, "FunctionName": "no-such"}
    not_found(run, "a function that does not exist", lambda: functions.create_event_source_mapping(**missing))
    run.equal("nothing was made", run.all("list_event_source_mappings", "EventSourceMappings"), [])
    functions.delete_function(FunctionName="mapped")


@story
def listed(run):
    functions = run.functions
    for name in ("mapped", "other"):
        create(run, name)
    made = [
        create_disabled(run, function, source)
        for function, source in (("mapped", "z"), ("mapped", "a"), ("other", "z"))
    ]
    identities = [each["UUID"] for each in made]
    arguments = ("list_event_source_mappings", "EventSourceMappings")
    run.lists("mappings", *arguments, identities, "UUID")
    run.lists("those of a function", *arguments, identities[:2], "UUID", FunctionName="mapped")
    of_arn = run.all(*arguments, "UUID", FunctionName=run.arn("function:other", "lambda"))
    run.equal("those of a function by its ARN", of_arn, identities[2:])
    run.lists("those of a queue", *arguments, identities[::2], "UUID", EventSourceArn=queue(run, "z"))
    both = run.all(*arguments, "UUID", EventSourceArn=queue(run, "z"), FunctionName="other")
    run.equal("those of both", both, identities[2:])
    run.equal("none of another queue", run.all(*arguments, EventSourceArn=queue(run, "none")), [])
    expected = mapping(run, made[1], "mapped", "a", State="Disabled")
    run.fields("an entry has its members", run.all(*arguments)[1], **expected)
    for identity in identities:
        functions.delete_event_source_mapping(UUID=identity)
    for name in ("mapped", "other"):
        functions.delete_function(FunctionName=name)
