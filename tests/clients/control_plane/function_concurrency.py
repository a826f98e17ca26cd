"""How often a function may run at once: `lambda`."""

from control_plane.function import create, invoke
from control_plane.harness import story


@story
def limit(run):
    functions = run.functions
    create(run, "limited")
    name = {"FunctionName": "limited"}
    run.fields("has no limit at first", functions.get_function_concurrency(**name))
    before = functions.get_function_configuration(**name)
    answer = functions.put_function_concurrency(ReservedConcurrentExecutions=2, **name)
    run.fields("is limited", answer, ReservedConcurrentExecutions=2)
    run.fields("says so", functions.get_function_concurrency(**name), ReservedConcurrentExecutions=2)
    found = functions.get_function(**name)
    run.equal("with the function too", found.get("Concurrency"), {"ReservedConcurrentExecutions": 2})
    run.equal("which was not modified", found["Configuration"]["LastModified"], before["LastModified"])
    run.equal("runs", invoke(run, "limited", {"wanted": "a lamp"})[0].get("FunctionError"), None)
    answer = functions.put_function_concurrency(ReservedConcurrentExecutions=0, **name)
    run.fields("is switched off", answer, ReservedConcurrentExecutions=0)
    run.refused(
        "and does not run then",
        lambda: invoke(run, "limited", {"wanted": "a lamp"}),
        "TooManyRequestsException",
        "limited",
        Type="User",
    )
    answer = functions.delete_function_concurrency(**name)
    run.equal("is set free with status 204", answer["ResponseMetadata"]["HTTPStatusCode"], 204)
    run.fields("has no limit then", functions.get_function_concurrency(**name))
    run.equal("runs again", invoke(run, "limited", {"wanted": "a lamp"})[0].get("FunctionError"), None)
    run.invalid(
        "less than none",
        lambda: functions.put_function_concurrency(ReservedConcurrentExecutions=-1, **name),
        "reservedConcurrentExecutions",
    )
    functions.delete_function(**name)
