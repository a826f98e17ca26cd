"""What the device scripts have in common: arguments, repeated attempts, and the report.

Each script is a device: it connects, subscribes to its topic, publishes one message with quality of service 1, and waits
until that message comes back. It prints what happened as one line of JSON; the exit code is 0 when all of it did.
"""

import argparse
import json
import sys

TIMEOUT_SECONDS = 15


def arguments(description):
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--host", default="localhost")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--cafile", required=True, help="the CA certificate by which the server is trusted")
    parser.add_argument("--cert", required=True, help="the device's certificate, perhaps followed by that of its CA")
    parser.add_argument("--key", required=True)
    parser.add_argument("--client-id", required=True)
    parser.add_argument("--mqtt", type=int, choices=(3, 5), default=3)
    parser.add_argument("--attempts", type=int, default=1, help="how often to connect until given up")
    options = parser.parse_args()
    options.topic = f"device/{options.client_id}"
    options.payload = "Hello World!"
    return options


def run(options, attempt):
    """Calls attempt() until it returns the payload that came back, and reports."""
    errors = []
    for number in range(1, options.attempts + 1):
        try:
            received = attempt()
        except Exception as error:  # Each SDK has exceptions of its own; any of them is a failed attempt.
            errors.append(f"{type(error).__name__}: {error}")
        else:
            print(json.dumps({"attempts": number, "received": received, "errors": errors}))
            sys.exit(0 if received == options.payload else 1)
    print(json.dumps({"attempts": options.attempts, "received": None, "errors": errors}))
    sys.exit(1)


def wait(event, what):
    if not event.wait(TIMEOUT_SECONDS):
        raise TimeoutError(f"no {what} within {TIMEOUT_SECONDS} s")
