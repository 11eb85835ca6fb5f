// A client of the SQS queue that the commands come from: two operations of SQS's JSON protocol, signed with version 4.

import { createHash, createHmac } from "node:crypto";

const sha256 = (text) => createHash("sha256").update(text).digest("hex");
const hmac = (key, text) => createHmac("sha256", key).update(text).digest();

export class QueueError extends Error {
  constructor(status, code) {
    super(`the queue answered ${status} ${code}`);
    this.status = status;
  }
}

export class Queue {
  #source;
  #endpoint;
  #clock;

  /** `source` is `commands` of a session; `clock` returns the time in milliseconds, which the signature needs. */
  constructor(source, clock) {
    this.#source = source;
    this.#clock = clock;
    // The last two parts of the path name the queue; what is before them is the endpoint.
    this.#endpoint = new URL(source.url.split("/").slice(0, -2).join("/"));
  }

  /** Wait up to `seconds` for messages, and return at most ten, each with `MessageId`, `Body` and `ReceiptHandle`. */
  async receive(seconds) {
    const body = { QueueUrl: this.#source.url, MaxNumberOfMessages: 10, WaitTimeSeconds: seconds };
    return (await this.#call("ReceiveMessage", body, seconds + 10)).Messages ?? [];
  }

  async delete(message) {
    await this.#call("DeleteMessage", { QueueUrl: this.#source.url, ReceiptHandle: message.ReceiptHandle }, 10);
  }

  async #call(operation, content, timeoutSeconds) {
    const body = JSON.stringify(content);
    const headers = {
      "Content-Type": "application/x-amz-json-1.0",
      "X-Amz-Target": `AmazonSQS.${operation}`,
    };
    if (this.#source.session_token) headers["X-Amz-Security-Token"] = this.#source.session_token;
    const signal = AbortSignal.timeout(timeoutSeconds * 1000);
    const signed = sign(this.#endpoint, headers, body, this.#source, this.#clock());
    const answer = await fetch(this.#endpoint, { method: "POST", headers: signed, body, signal });
    const text = await answer.text();
    if (!answer.ok) throw new QueueError(answer.status, /"__type"\s*:\s*"([^"]*)"/.exec(text)?.[1] ?? "");
    return text ? JSON.parse(text) : {};
  }
}

/** Return the headers of a POST to SQS with its signature. */
export function sign(url, headers, body, { region, access_key, secret_key }, nowMs) {
  const time = new Date(nowMs).toISOString().replace(/[-:]|\.\d+/g, ""); // such as 20260102T030405Z
  const scope = `${time.slice(0, 8)}/${region}/sqs/aws4_request`;
  const sent = { ...headers, "X-Amz-Date": time };
  const all = Object.entries({ ...sent, Host: url.host })
    .map(([name, value]) => [name.toLowerCase(), value])
    .sort(([a], [b]) => (a < b ? -1 : 1));
  const names = all.map(([name]) => name).join(";");
  const lines = all.map(([name, value]) => `${name}:${value}\n`).join("");
  const request = ["POST", url.pathname, "", lines, names, sha256(body)].join("\n");
  const parts = [time.slice(0, 8), region, "sqs", "aws4_request"];
  const key = parts.reduce(hmac, `AWS4${secret_key}`);
  const signature = hmac(key, ["AWS4-HMAC-SHA256", time, scope, sha256(request)].join("\n")).toString("hex");
  const signer = `Credential=${access_key}/${scope}, SignedHeaders=${names}, Signature=${signature}`;
  sent.Authorization = `AWS4-HMAC-SHA256 ${signer}`;
  return sent;
}
