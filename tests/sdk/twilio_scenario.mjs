// Runs the scenario with Twilio's Node SDK.

import { main, sdkRequire } from "./scenario.mjs";

const twilio = sdkRequire("twilio");

await main({
  makeClient(place, account, token) {
    const client = twilio(account, token);
    client.api.baseUrl = place.url;
    return client;
  },
  isApiError: (error) => error instanceof twilio.RestException,
  hasCurrent: true,
  keepsSid: false,
});
