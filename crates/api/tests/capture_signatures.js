// Captures requests as the AWS SDKs for JavaScript sign and send them, for tests/signatures.rs.
//
// Run by hand, in a folder of its own:
//   npm install aws-sdk@2.548.0 @aws-sdk/client-iot@3.1169.0 @aws-sdk/client-iot-data-plane@3.1138.0
//   NODE_PATH=node_modules node crates/api/tests/capture_signatures.js > crates/api/tests/data/signatures-js.json
// Version 2.548.0 is the one that AWS's JITR sample programs ship. Nothing is sent: every request is caught before it
// would leave. Keys, the time and the numbers of the requests are made up and fixed, as in capture_signatures.py.
"use strict";

const NOW = Date.parse("2026-01-02T03:04:05Z");
const REGION = "eu-central-1";
const ENDPOINT = "http://localhost:4080";
const KEYS = { accessKeyId: "AKIDEXAMPLE", secretAccessKey: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY" };
const ARN = "arn:aws:iot:eu-central-1:000000000000:cert/0a1b";

// Name, service, operation, arguments.
const CALLS = [
  ["describe-endpoint", "iot", "describeEndpoint", { endpointType: "iot:Data-ATS" }],
  ["put-without-body", "iot", "updateCertificate", { certificateId: "ab".repeat(32), newStatus: "ACTIVE" }],
  ["body", "iot", "createPolicy", { policyName: "p+=,.@-", policyDocument: '{"Version":"2012-10-17"}' }],
  ["header-member", "iot", "attachPrincipalPolicy", { policyName: "p", principal: ARN }],
  ["label-with-slashes", "iot", "listAttachedPolicies", { target: ARN, pageSize: 3 }],
  ["hard-query", "iot", "listThings", { attributeName: "a", attributeValue: "x/y+z=1&\u00fc~*'()" }],
  ["binary-payload", "iot-data", "publish", { topic: "a/b c", qos: 1, payload: Buffer.from([0, 255]) }],
  ["empty-payload", "iot-data", "publish", { topic: "a" }],
];

class FixedDate extends Date {
  constructor(...args) {
    super(...(args.length === 0 ? [NOW] : args));
  }
  static now() {
    return NOW;
  }
}

function entry(name, service, method, target, headers, body) {
  const [path, query = ""] = target.split("?");
  const bodyHex = Buffer.from(body || "").toString("hex");
  // Nobody signs the name of the client, which tells about the machine.
  const named = Object.entries(headers).filter(([key]) => key.toLowerCase() !== "user-agent");
  const sent = named.map(([key, value]) => [key, String(value)]);
  if (!sent.some(([key]) => key.toLowerCase() === "host")) {
    sent.unshift(["host", "localhost:4080"]);
  }
  return { name, service, sessionToken: null, method, path, query, headers: sent, bodyHex };
}

function captureVersion2([name, service, operation, args]) {
  const AWS = require("aws-sdk");
  const options = { region: REGION, endpoint: ENDPOINT, ...KEYS };
  const client = service === "iot" ? new AWS.Iot(options) : new AWS.IotData(options);
  const request = client[operation](args);
  return new Promise((resolve, reject) => {
    request.runTo("send", (error) => {
      if (error) {
        reject(error);
        return;
      }
      const { method, path, headers, body } = request.httpRequest;
      resolve(entry(`v2-${name}`, service, method, path, headers, body));
    });
  });
}

async function captureVersion3([name, service, operation, args]) {
  const packageName = service === "iot" ? "@aws-sdk/client-iot" : "@aws-sdk/client-iot-data-plane";
  const sdk = require(packageName);
  const Client = service === "iot" ? sdk.IoTClient : sdk.IoTDataPlaneClient;
  let caught;
  const requestHandler = {
    handle: async (request) => {
      caught = request;
      throw new Error("caught");
    },
  };
  const client = new Client({ region: REGION, endpoint: ENDPOINT, credentials: KEYS, requestHandler, maxAttempts: 1 });
  const Command = sdk[`${operation[0].toUpperCase()}${operation.slice(1)}Command`];
  await client.send(new Command(args)).catch(() => undefined);
  const query = Object.entries(caught.query || {})
    .map(([key, value]) => `${escape(key)}=${escape(value)}`)
    .join("&");
  return entry(`v3-${name}`, service, caught.method, `${caught.path}?${query}`, caught.headers, caught.body);
}

// As the SDK's own HTTP handler writes a query.
function escape(text) {
  return encodeURIComponent(text).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);
}

async function main() {
  globalThis.Date = FixedDate;
  globalThis.crypto.randomUUID = () => "00000000-0000-0000-0000-000000000000";
  const requests = [];
  for (const call of CALLS) {
    requests.push(await captureVersion2(call), await captureVersion3(call));
  }
  const file = {
    note: "Made by tests/capture_signatures.js; the keys are AWS's published examples.",
    "aws-sdk": require("aws-sdk/package.json").version,
    "@aws-sdk/client-iot": require("@aws-sdk/client-iot/package.json").version,
    now: "2026-01-02T03:04:05Z",
    requests,
  };
  process.stdout.write(`${JSON.stringify(file, null, 1)}\n`);
}

main().catch((error) => {
  process.stderr.write(`${error.stack}\n`);
  process.exitCode = 1;
});
