<?php

// The scenario of scenario.py, line by line, with Twilio's SDK for PHP.

// Loads the SDK of the recipe.
require __DIR__ . '/../../../examples/php/vendor/autoload.php';

use Twilio\Exceptions\RestException;
use Twilio\Http\CurlClient;
use Twilio\Http\Response;
use Twilio\Rest\Client;

define('STANDIN', getenv('TAPEDECK_URL'));
define('ACCOUNT', getenv('TAPEDECK_ACCOUNT'));
define('APPLICATION', getenv('TAPEDECK_APPLICATION'));
const CURRENT = 'Twilio.CURRENT';
const AGENT = '+12025550123';
const CALLER = '+12025550199';

function makeClient(string $user, string $password, ?string $account = null): Client
{
    return new Client($user, $password, $account, null, new class extends CurlClient {
        public function request(string $method, string $url, ...$rest): Response
        {
            return parent::request($method, str_replace('https://api.twilio.com', STANDIN, $url), ...$rest);
        }
    });
}

function control(string $path, array $fields = []): object
{
    $post = curl_init(STANDIN . "/_standin/$path");
    $body = json_encode(['account' => ACCOUNT] + $fields);
    curl_setopt_array($post, [CURLOPT_POSTFIELDS => $body, CURLOPT_RETURNTRANSFER => true]);
    return json_decode(curl_exec($post));
}

function advance(int $seconds): void
{
    control('clock', ['advance' => $seconds]);
    control('wait-until-idle');
}

function say(string $name, ...$values): void
{
    $texts = array_map(fn($value) => is_bool($value) ? json_encode($value) : $value, $values);
    echo rtrim("$name: " . implode(' ', $texts)) . "\n";
}

function fails(string $name, callable $request): void
{
    try {
        $request();
        say($name, 'no error');
    } catch (RestException $error) {
        say($name, $error->getStatusCode(), $error->getCode());
    }
}

function sids(array $resources): string
{
    return implode(' ', array_map(fn($it) => $it->sid, $resources));
}

function callSids(array $participants): string
{
    return implode(' ', array_map(fn($it) => $it->callSid, $participants));
}

function record(Client $client, string $callSid): void
{
    $call = $client->calls($callSid);
    $first = $call->recordings->create([
        'recordingChannels' => 'dual',
        'recordingStatusCallback' => APPLICATION . '/recording',
        'recordingStatusCallbackEvent' => ['in-progress', 'completed'],
    ]);
    say('created', $first->sid, $first->status, $first->channels, $first->source);
    $paused = $call->recordings(CURRENT)->update('paused', ['pauseBehavior' => 'skip']);
    say('paused', $paused->sid, $paused->status);
    $resumed = $call->recordings(CURRENT)->update('in-progress');
    say('resumed', $resumed->sid, $resumed->status);
    advance(59);
    $stopped = $call->recordings(CURRENT)->update('stopped');
    say('stopped', $stopped->sid, $stopped->status);
    fails('no current recording', fn() => $call->recordings(CURRENT)->update('paused'));
    fails('deleted before it is finished', fn() => $call->recordings($first->sid)->delete());
    advance(1);
    $finished = $call->recordings($first->sid)->fetch();
    say('finished', $finished->sid, $finished->status, $finished->duration);

    // A callback URL that cannot be used is no error.
    $second = $call->recordings->create(['recordingStatusCallback' => '/recording']);
    say('created', $second->sid, $second->status, $second->channels, $second->source);
    advance(59);
    $second->update('stopped');
    advance(1);
    $third = $call->recordings->create();
    advance(59);
    $call->recordings($third->sid)->update('stopped');
    advance(1);
}

function readLists(Client $client, string $callSid): void
{
    $recordings = $client->calls($callSid)->recordings;
    say('pages of 2', sids($recordings->read([], null, 2)));
    say('limit 5000', sids($client->recordings->read([], 5000)));
    say('limit 2', sids($client->recordings->read([], 2)));

    $moment = $recordings->read([], 2)[1]->dateCreated;
    $in = fn($zone) => (clone $moment)->setTimezone(new DateTimeZone($zone));
    say('second recording', $in('UTC')->format('Y-m-d\TH:i:s\Z'));
    say('at that time', sids($client->recordings->read(['dateCreated' => $moment])));
    foreach (['UTC', '+05:30', 'America/New_York'] as $zone) {
        say("$zone from then on", sids($client->recordings->read(['dateCreatedAfter' => $in($zone)])));
        say("$zone until then", sids($client->recordings->read(['dateCreatedBefore' => $in($zone)])));
    }
    say('calls until then', count($client->calls->read(['startTimeBefore' => $in('+05:30')])));
    say('calls from then on', count($client->calls->read(['startTimeAfter' => $in('+05:30')])));
    say('on that day', sids($recordings->read(['dateCreated' => $moment])));
    say('after that day', sids($recordings->read(['dateCreatedAfter' => (clone $moment)->modify('+1 day')])));
}

function delete(Client $client, string $callSid): void
{
    $call = $client->calls($callSid);
    $recordings = $call->recordings->read();
    $first = end($recordings)->sid;
    say('deleted', $call->recordings($first)->delete());
    say('recordings left', sids($call->recordings->read()));
    fails('deleted again', fn() => $client->recordings($first)->delete());
    fails('fetched after its deletion', fn() => $call->recordings($first)->fetch());
}

function confer(Client $client): string
{
    $agent = $client->conferences('support')->participants->create(CALLER, AGENT, [
        'label' => 'agent',
        'record' => true,
        'recordingStatusCallback' => APPLICATION . '/recording',
        'statusCallback' => APPLICATION . '/call',
        'statusCallbackEvent' => ['initiated', 'ringing', 'answered', 'completed'],
        'conferenceStatusCallback' => APPLICATION . '/conference',
        'conferenceStatusCallbackEvent' => ['start', 'end', 'join', 'leave'],
    ]);
    say('dialed', $agent->callSid, $agent->label, $agent->conferenceSid);
    control('wait-until-idle');
    $conference = $client->conferences($agent->conferenceSid);
    $participants = $conference->participants;
    $guest = $participants->create(CALLER, AGENT, ['beep' => 'false', 'endConferenceOnExit' => false]);
    $monitor = $participants->create(CALLER, AGENT, ['label' => 'monitor', 'muted' => true]);
    control('wait-until-idle');
    $it = $conference->fetch();
    say('conference', $it->sid, $it->status, $it->friendlyName);
    say('participants', callSids($participants->read([], null, 1)));
    say('muted', callSids($participants->read(['muted' => true])));
    $held = $conference->participants($guest->callSid)->update(['hold' => true, 'muted' => true]);
    say('updated', $held->callSid, $held->hold, $held->muted);
    $fetched = $conference->participants('agent')->fetch();
    say('by label', $fetched->callSid, $fetched->status, $fetched->hold, $fetched->muted);
    advance(9);
    say('removed', $conference->participants($monitor->callSid)->delete());
    fails('fetched after the removal', fn() => $conference->participants($monitor->callSid)->fetch());
    say('participants left', callSids($participants->read()));
    control('wait-until-idle');
    say('call of the removed participant', $client->calls($monitor->callSid)->fetch()->status);
    fails('fetched by its name', fn() => $client->conferences('support')->fetch());
    $today = ['status' => 'in-progress', 'dateCreated' => $it->dateCreated];
    say('in progress today', sids($client->conferences->read($today)));

    $ended = $conference->update(['status' => 'completed']);
    say('ended', $ended->sid, $ended->status, $ended->reasonConferenceEnded);
    advance(1);
    say('participants after the end', count($participants->read()));
    say('call of the agent', $client->calls($agent->callSid)->fetch()->status);
    $recording = $client->calls($agent->callSid)->recordings->read()[0];
    say('recording of the agent', $recording->sid, $recording->status, $recording->duration);
    return $agent->callSid;
}

function errors(Client $client, string $callSid, string $endedSid): void
{
    $call = $client->calls($callSid);
    $ended = $client->calls($endedSid);
    $intruder = makeClient(ACCOUNT, '0123456789abcdef0123456789abcdef');
    $unknown = str_replace('CA', 'RE', $callSid);
    fails('wrong token', fn() => $intruder->calls($callSid)->fetch());
    fails('unknown recording', fn() => $call->recordings($unknown)->update('paused'));
    $last = $call->recordings->read([], 1)[0];
    fails('invalid status', fn() => $last->update('processing'));
    fails('recording an ended call', fn() => $ended->recordings->create());
    fails('hanging up again', fn() => $ended->update(['status' => 'completed']));
    fails('redirecting an ended call', fn() => $ended->update(['url' => APPLICATION . '/voice']));
}

function useKey(Client $client, string $callSid): void
{
    $key = $client->newKeys->create(['friendlyName' => 'scenario']);
    say('key', $key->friendlyName, strlen($key->secret));
    $user = makeClient($key->sid, $key->secret, ACCOUNT);
    say('call by key', $user->calls($callSid)->fetch()->sid);
    say('key deleted', $client->keys($key->sid)->delete());
    fails('after its deletion', fn() => $user->calls($callSid)->fetch());
}

$client = makeClient(ACCOUNT, getenv('TAPEDECK_TOKEN'));
$own = $client->api->v2010->accounts(ACCOUNT)->fetch();
say('account', $own->sid, $own->status, count($client->api->v2010->accounts->read()));
$callSid = control('calls')->sid->twilio;
$call = $client->calls($callSid)->fetch();
say('call', $call->sid, $call->status, $call->direction);
record($client, $callSid);
readLists($client, $callSid);
delete($client, $callSid);
errors($client, $callSid, confer($client));
useKey($client, $callSid);
