<?php

// Record a call with Twilio's SDK, and pause while the caller says a card number.
//
// Start Tapedeck (`tapedeck serve`), then run `composer install` and `php twilio_recording.php` in this folder.
// For HTTPS, set TAPEDECK_URL=https://localhost:3443 and run `php -d curl.cainfo=FILE twilio_recording.php`, where
// FILE is the CA file that `tapedeck serve` prints.

require __DIR__ . '/vendor/autoload.php';

use Twilio\Http\CurlClient;
use Twilio\Http\Response;
use Twilio\Rest\Client;

$accountSid = getenv('TAPEDECK_ACCOUNT') ?: 'AC720796a08ee9435083bd2d07a3121f1e';
$authToken = getenv('TAPEDECK_TOKEN') ?: '00112233445566778899aabbccddeeff';

// --8<-- [start:pointer]
define('STANDIN', getenv('TAPEDECK_URL') ?: 'http://localhost:3000');
$client = new Client($accountSid, $authToken, null, null, new class extends CurlClient {
    public function request(string $method, string $url, ...$rest): Response {
        return parent::request($method, str_replace('https://api.twilio.com', STANDIN, $url), ...$rest);
    }
});
// --8<-- [end:pointer]

// The stand-in simulates telephony. Create an incoming call.
function control(string $path, array $body): object
{
    $post = curl_init(STANDIN . "/_standin/$path");
    curl_setopt_array($post, [CURLOPT_POSTFIELDS => json_encode($body), CURLOPT_RETURNTRANSFER => true]);
    return json_decode(curl_exec($post));
}

$callSid = control('calls', ['account' => $accountSid])->sid->twilio;
echo "call $callSid is in progress\n";

$started = $client->calls($callSid)->recordings->create();
echo "recording $started->sid: $started->status\n";

// The caller is about to say a card number: pause, and record nothing until resumed.
$paused = $client->calls($callSid)->recordings($started->sid)->update('paused', ['pauseBehavior' => 'skip']);
echo "recording $paused->sid: $paused->status\n";

// `Twilio.CURRENT` is the active recording, for clients that do not know its sid.
$resumed = $client->calls($callSid)->recordings('Twilio.CURRENT')->update('in-progress');
echo "recording $resumed->sid: $resumed->status\n";

$stopped = $client->calls($callSid)->recordings($started->sid)->update('stopped');
echo "recording $stopped->sid: $stopped->status\n";

$second = $client->calls($callSid)->recordings->create();
$fetched = $client->calls($callSid)->recordings($second->sid)->fetch();
echo "recording $fetched->sid of the same call\n";
echo count($client->calls($callSid)->recordings->read([], null, 1)) . " recordings in pages of 1\n";

// A recording can be deleted when it is finished: one second after its end, on the stand-in's clock.
control('clock', ['account' => $accountSid, 'advance' => 1]);
control('wait-until-idle', ['account' => $accountSid]);
$client->calls($callSid)->recordings($started->sid)->delete();
echo count($client->calls($callSid)->recordings->read()) . " recording after a deletion\n";
