// Reads an account, and creates, uses and deletes an API key, with Twilio's Node SDK. Prints what it saw as JSON.

import { sdkRequire } from "./scenario.mjs";

const twilio = sdkRequire("twilio");
const place = JSON.parse(process.argv[2]);

function makeClient(user, secret, options) {
  const client = twilio(user, secret, options);
  client.api.baseUrl = place.url;
  return client;
}

async function refusal(request) {
  try {
    await request();
  } catch (error) {
    return [error.status, error.code];
  }
  return null;
}

const owner = makeClient(place.account, place.token);
const account = await owner.api.accounts(place.account).fetch();
const made = await owner.newKeys.create({ friendlyName: "reports" });
const user = makeClient(made.sid, made.secret, { accountSid: place.account });
const seen = {
  account: [account.sid, account.authToken, account.status],
  accounts: (await owner.api.accounts.list()).map((each) => each.sid),
  secret: made.secret.length,
  keys: (await owner.keys.list()).map((each) => each.friendlyName),
  recordings: (await user.recordings.list()).length,
  tokenForKey: (await user.api.accounts(place.account).fetch()).authToken,
  keysWithKey: await refusal(() => user.keys.list()),
  deleted: await owner.keys(made.sid).remove(),
  afterDeletion: await refusal(() => user.recordings.list()),
};
console.log(JSON.stringify(seen));
