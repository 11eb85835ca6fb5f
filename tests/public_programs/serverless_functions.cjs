// Invokes Twilio serverless functions as Twilio's runtime does, with the stand-in as the API.
//
// Argument: the folder of the project. Each line of the input is {"path", "event"}, and each line of the output
// {"status", "body"}. The environment has the stand-in's URL, the account and the token.

const fs = require("node:fs");
const https = require("node:https");
const path = require("node:path");
const readline = require("node:readline");
const { PassThrough } = require("node:stream");
const { createRequire } = require("node:module");

const project = path.resolve(process.argv[2]);
const functions = path.join(project, "src", "functions");
const twilio = createRequire(path.join(project, "package.json"))("twilio");

class Response {
  constructor() {
    this.headers = {};
  }
  appendHeader(name, value) {
    this.headers[name] = value;
  }
  setStatusCode(status) {
    this.status = status;
  }
  setBody(body) {
    this.body = body;
  }
}

const paths = {};
for (const name of fs.readdirSync(functions, { recursive: true })) {
  const key = name.replace(/(\.(private|protected))?\.js$/, "");
  if (name.endsWith(".js")) paths[key] = { path: path.join(functions, name) };
}
global.Runtime = { getFunctions: () => paths };
global.Twilio = Object.assign(twilio, { Response });

// Another service of the vendor checks the agent's token; here every token is valid. Other hosts are not reached.
https.request = (options, respond) => {
  if (options.hostname !== "iam.twilio.com") throw new Error(`unexpected request to ${options.hostname}`);
  const response = new PassThrough();
  setImmediate(() => respond(response));
  response.end(JSON.stringify({ valid: true, roles: ["agent"] }));
  return new PassThrough();
};

const { TAPEDECK_URL, TAPEDECK_ACCOUNT, TAPEDECK_TOKEN } = process.env;

function context(name) {
  return {
    PATH: name,
    ACCOUNT_SID: TAPEDECK_ACCOUNT,
    AUTH_TOKEN: TAPEDECK_TOKEN,
    getTwilioClient() {
      const client = twilio(TAPEDECK_ACCOUNT, TAPEDECK_TOKEN);
      client.api.baseUrl = TAPEDECK_URL;
      return client;
    },
  };
}

async function main() {
  // Only responses are written to the output.
  console.error = console.warn = () => {};
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const { path: name, event } = JSON.parse(line);
    const { handler } = require(paths[name].path);
    const response = await new Promise((resolve, reject) => {
      const callback = (error, result) => (error ? reject(error) : resolve(result));
      handler(context(name), { Token: "agent", ...event }, callback);
    });
    process.stdout.write(`${JSON.stringify({ status: response.status, body: response.body })}\n`);
  }
}

main();
