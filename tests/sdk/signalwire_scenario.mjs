// The scenario through SignalWire's SDK for Node.

import { main, sdkRequire } from "./scenario.mjs";

const { RestClient } = sdkRequire("@signalwire/compatibility-api");

await main({
  makeClient(place, account, token) {
    const client = RestClient(account, token, { signalwireSpaceUrl: "localhost" });
    client.api.baseUrl = place.url;
    return client;
  },
  // The SDK keeps its exception's class to itself.
  isRefusal: (error) => error.constructor.name === "RestException",
  hasCurrent: false,
  keepsSid: true,
});
