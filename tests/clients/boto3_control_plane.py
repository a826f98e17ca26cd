"""Drives every operation of the control plane with boto3, and compares what it answers field by field.

    boto3_control_plane.py [--operations iot:CreateThing,…] [--only STORY]

The server is that of the AWS environment variables; it has to be new, and to let thing types be deleted without delay.
Prints one line for each check; the exit code is not 0 when one failed or when an operation was never called.
"""

import argparse
import importlib
import sys
import tempfile

from control_plane import harness, operations

NOUNS = (
    "account",
    "thing",
    "thing_type",
    "thing_group",
    "billing_group",
    "certificate",
    "ca_certificate",
    "principal",
    "policy",
    "policy_attachment",
    "authorization",
    "tag",
    "event_configuration",
    "logging",
    "publish",
    "topic_rule",
    "topic_rule_destination",
    "function",
    "function_concurrency",
    "function_policy",
    "invocation",
    "layer",
    "event_source_mapping",
    "greengrass",
    "remains",
)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--operations",
        type=operations.parse,
        default=operations.BUILT,
        help="what is built beside the list in control_plane/operations.py: it has to be called too",
    )
    parser.add_argument("--only", help="only the stories with this in their names; then nothing has to be called")
    options = parser.parse_args()
    for noun in NOUNS:
        importlib.import_module(f"control_plane.{noun}")
    with tempfile.TemporaryDirectory() as directory:
        run = harness.Run(directory, options.operations)
        for story in harness.STORIES:
            name = f"{story.__module__.rpartition('.')[2]}.{story.__name__}"
            if options.only is None or options.only in name:
                harness.attempt(run, story, name)
    run.story = "coverage"
    if options.only is None:
        for operation in sorted(options.operations | operations.BUILT):
            run.true(f"{operation} was called and succeeded", operation in run.answered, "no call that succeeded")
    return harness.report(run)


if __name__ == "__main__":
    sys.exit(main())
