// Runs the scenario with SignalWire's Node SDK.

import { main, sdkRequire } from "./scenario.mjs";

const { RestClient } = sdkRequire("@signalwire/compatibility-api");

await main({
  makeClient(place, account, token) {
    const client = RestClient(account, token, { signalwireSpaceUrl: "localhost" });
    client.api.baseUrl = place.url;
    return client;
  },
  // The SDK does not export its exception class.
  isApiError: (error) => error.constructor.name === "RestException",
  hasCurrent: false,
  keepsSid: true,
});
