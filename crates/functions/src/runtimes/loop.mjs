// Runs a Node.js function: gets its invocations from the Runtime API and answers them there
// (https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html). How handlers are found and called, and what is said of
// their errors, is as in Lambda's own runtime.

import fs from 'node:fs';
import http from 'node:http';
import Module, { createRequire } from 'node:module';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { format, types } from 'node:util';

const [host, port] = process.env.AWS_LAMBDA_RUNTIME_API.split(':');
const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
const require = createRequire(import.meta.url);

/** What is under way: `{ id, settle }`, or null while the function starts or waits. */
let current = null;

/** Calls the Runtime API. */
function call(method, resource, headers, body) {
  return new Promise((resolve, reject) => {
    const options = { host, port, method, agent, headers, path: `/2018-06-01/runtime/${resource}` };
    const request = http.request(options, (response) => {
      const parts = [];
      response.on('data', (part) => parts.push(part));
      response.on('error', reject);
      response.on('end', () => resolve({ status: response.statusCode, headers: response.headers, body: Buffer.concat(parts) }));
    });
    request.on('error', reject);
    request.end(body);
  });
}

/** Sends JSON. */
function send(resource, text, headers = {}) {
  const body = Buffer.from(text);
  return call('POST', resource, { 'Content-Type': 'application/json', 'Content-Length': body.length, ...headers }, body);
}

/** An error as the Runtime API has it. What is thrown needs not be an error. */
function describe(error, type) {
  if (types.isNativeError(error) || error instanceof Error) {
    const trace = String(error.stack ?? '').split('\n');
    return { errorType: type ?? error.name ?? 'Error', errorMessage: String(error.message), trace };
  }
  return { errorType: type ?? typeof error, errorMessage: format(error), trace: [] };
}

function sendError(resource, described) {
  const errorType = encodeURIComponent(described.errorType).slice(0, 256);
  return send(resource, JSON.stringify(described), { 'Lambda-Runtime-Function-Error-Type': errorType });
}

/** Prints as Lambda does: the time, the id of the invocation, the level, the text. */
function patchConsole() {
  const levels = { debug: 'DEBUG', error: 'ERROR', info: 'INFO', log: 'INFO', trace: 'TRACE', warn: 'WARN' };
  for (const [name, level] of Object.entries(levels)) {
    console[name] = (...values) => print(level, format(...values));
  }
}

function print(level, text) {
  // What is one entry in CloudWatch has its lines kept together by carriage returns.
  const line = `${new Date().toISOString()}\t${current?.id}\t${level}\t${text}`.replace(/\n/g, '\r');
  write(Buffer.from(`${line}\n`));
}

/** Writes all of it before it returns, also to a pipe that is full. */
function write(bytes) {
  for (let written = 0; written < bytes.length; ) {
    try {
      written += fs.writeSync(1, bytes, written);
    } catch (error) {
      if (error.code !== 'EAGAIN') {
        throw error;
      }
    }
  }
}

class InitError extends Error {
  constructor(type, message, stack) {
    super(message);
    this.name = type;
    if (stack) {
      this.stack = stack;
    }
  }
}

/** Loads what `folder/file.member` names, below the folder of the function. */
async function loadHandler(root, name) {
  const base = path.basename(name);
  const parts = /^([^.]*)\.(.*)$/.exec(base);
  if (name.includes('..') || !parts) {
    throw new InitError('Runtime.MalformedHandlerName', `Bad handler: ${name} is not of the form file.function`);
  }
  const folder = name.slice(0, name.length - base.length);
  const [, file, member] = parts;
  let module;
  try {
    module = await loadModule(root, folder, file);
  } catch (error) {
    if (error instanceof SyntaxError) {
      throw new InitError('Runtime.UserCodeSyntaxError', `SyntaxError: ${error.message}`, error.stack);
    }
    if (error?.code === 'MODULE_NOT_FOUND' || error?.code === 'ERR_MODULE_NOT_FOUND') {
      throw new InitError('Runtime.ImportModuleError', `Error: ${error.message}`, error.stack);
    }
    throw error;
  }
  const handler = member.split('.').reduce((value, key) => value?.[key], module);
  if (handler === undefined) {
    throw new InitError('Runtime.HandlerNotFound', `${name} is undefined or not exported`);
  }
  if (typeof handler !== 'function') {
    throw new InitError('Runtime.HandlerNotFound', `${name} is not a function`);
  }
  return handler;
}

async function loadModule(root, folder, file) {
  const full = path.resolve(root, folder, file);
  if (fs.existsSync(full) && fs.statSync(full).isFile()) {
    return require(full);
  }
  if (fs.existsSync(`${full}.js`)) {
    return isModule(root, path.dirname(full)) ? importModule(`${full}.js`) : require(`${full}.js`);
  }
  if (fs.existsSync(`${full}.mjs`)) {
    return importModule(`${full}.mjs`);
  }
  if (fs.existsSync(`${full}.cjs`)) {
    return require(`${full}.cjs`);
  }
  // A folder with an index, or a package that the function or a layer brings.
  return require(require.resolve(folder ? `./${folder}${file}` : file, { paths: [root, path.resolve(root, folder)] }));
}

function importModule(file) {
  // Node.js has it since 18.19; before that an ES module imports only what its function brings.
  Module.register?.('./resolve.mjs', import.meta.url);
  return import(pathToFileURL(file).href);
}

/** Whether the package that a folder belongs to has ES modules in its `.js` files. */
function isModule(root, folder) {
  for (let above = folder; ; above = path.dirname(above)) {
    const described = path.join(above, 'package.json');
    if (fs.existsSync(described)) {
      return JSON.parse(fs.readFileSync(described, 'utf8')).type === 'module';
    }
    if (above === root || above === path.dirname(above)) {
      return false;
    }
  }
}

/** The context that a handler gets. */
function contextOf(headers, done) {
  const deadline = Number(headers['lambda-runtime-deadline-ms']);
  const parsed = (text) => (text ? JSON.parse(text) : undefined);
  return {
    callbackWaitsForEmptyEventLoop: true,
    functionVersion: process.env.AWS_LAMBDA_FUNCTION_VERSION,
    functionName: process.env.AWS_LAMBDA_FUNCTION_NAME,
    memoryLimitInMB: process.env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE,
    logGroupName: process.env.AWS_LAMBDA_LOG_GROUP_NAME,
    logStreamName: process.env.AWS_LAMBDA_LOG_STREAM_NAME,
    clientContext: parsed(headers['lambda-runtime-client-context']),
    identity: parsed(headers['lambda-runtime-cognito-identity']),
    invokedFunctionArn: headers['lambda-runtime-invoked-function-arn'],
    awsRequestId: headers['lambda-runtime-aws-request-id'],
    getRemainingTimeInMillis: () => deadline - Date.now(),
    done: done,
    succeed: (value) => done(null, value),
    fail: (error) => done(error ?? new Error('fail was called without an error')),
  };
}

/**
 * Calls a handler. What it comes to is the first of: what its promise says, what it calls back with, or null when nothing is
 * left to be done. A call back waits for that too, unless the handler says otherwise.
 */
function invoke(handler, event, headers) {
  return new Promise((resolve, reject) => {
    let called = null;
    const finish = () => {
      if (called?.error === undefined || called?.error === null) {
        resolve(called?.value ?? null);
      } else {
        reject(called.error);
      }
    };
    current.settle = finish;
    const context = contextOf(headers, (error, value) => {
      called ??= { error, value };
      if (!context.callbackWaitsForEmptyEventLoop || (error !== undefined && error !== null)) {
        finish();
      }
    });
    try {
      const returned = handler(event, context, context.done);
      if (typeof returned?.then === 'function') {
        returned.then(resolve, reject);
      }
    } catch (error) {
      reject(error);
    }
  });
}

function marshal(value) {
  try {
    return JSON.stringify(value === undefined ? null : value) ?? 'null';
  } catch (error) {
    throw new InitError('Runtime.MarshalResponse', `Unable to stringify the response: ${error.message}`, error.stack);
  }
}

/** Answers one invocation. */
async function serve(handler, next) {
  const id = next.headers['lambda-runtime-aws-request-id'];
  process.env._X_AMZN_TRACE_ID = next.headers['lambda-runtime-trace-id'] ?? '';
  current = { id, settle: () => {} };
  let text;
  try {
    text = marshal(await invoke(handler, JSON.parse(next.body.toString('utf8')), next.headers));
  } catch (error) {
    const described = describe(error);
    print('ERROR', `Invoke Error \t${JSON.stringify(described)}`);
    await sendError(`invocation/${id}/error`, described);
    current = null;
    return;
  }
  await send(`invocation/${id}/response`, text);
  current = null;
}

/** What nobody caught ends the process, and the invocation with it. */
async function uncaught(error, type, code) {
  const described = describe(error, type);
  print('ERROR', `${type ?? 'Uncaught Exception'} \t${JSON.stringify(described)}`);
  const resource = current ? `invocation/${current.id}/error` : 'init/error';
  await sendError(resource, described).catch(() => {});
  process.exit(code);
}

patchConsole();
process.on('uncaughtException', (error) => uncaught(error, undefined, 129));
process.on('unhandledRejection', (error) => uncaught(error, 'Runtime.UnhandledPromiseRejection', 128));
// Nothing is left to be done: an invocation that is under way comes to what was called back, or to nothing.
process.on('beforeExit', () => current?.settle());

// Without an await at the top: Node.js calls a process that ends while one waits a failure.
main();

async function main() {
  let handler;
  try {
    handler = await loadHandler(process.env.LAMBDA_TASK_ROOT, process.env._HANDLER);
  } catch (error) {
    const described = describe(error);
    print('ERROR', `Uncaught Exception \t${JSON.stringify(described)}`);
    await sendError('init/error', described);
    process.exit(1);
  }
  for (;;) {
    const next = await call('GET', 'invocation/next');
    if (next.status !== 200) {
      // The server has this process no longer among those that it gives work to.
      process.exit(1);
    }
    await serve(handler, next);
  }
}
