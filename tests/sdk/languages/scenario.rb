# frozen_string_literal: true

# The scenario of scenario.py, line by line, with Twilio's SDK for Ruby.

require 'json'
require 'net/http'
require 'twilio-ruby'

STANDIN, ACCOUNT, TOKEN, APPLICATION = %w[URL ACCOUNT TOKEN APPLICATION].map { |name| ENV.fetch("TAPEDECK_#{name}") }
CURRENT = 'Twilio.CURRENT'
AGENT = '+12025550123'
CALLER = '+12025550199'

# Sends the SDK's requests to the stand-in.
class StandinClient < Twilio::HTTP::Client
  def request(host, port, method, uri, *rest)
    super(host, port, method, uri.sub('https://api.twilio.com', STANDIN), *rest)
  end
end

def make_client(user, password, account = nil)
  Twilio::REST::Client.new(user, password, account, nil, StandinClient.new)
end

def control(path, **fields)
  JSON.parse(Net::HTTP.post(URI("#{STANDIN}/_standin/#{path}"), { account: ACCOUNT, **fields }.to_json).body)
end

def advance(seconds)
  control('clock', advance: seconds)
  control('wait-until-idle')
end

def say(name, *values)
  puts ["#{name}:", *values].join(' ')
end

def fail_with(name)
  yield
  say(name, 'no error')
rescue Twilio::REST::RestError => e
  say(name, e.status_code, e.code)
end

def sids(resources)
  resources.map(&:sid)
end

def record(client, call_sid)
  recordings = ->(*sid) { client.calls(call_sid).recordings(*sid) }
  first = recordings.call.create(
    recording_channels: 'dual',
    recording_status_callback: "#{APPLICATION}/recording",
    recording_status_callback_event: %w[in-progress completed]
  )
  say('created', first.sid, first.status, first.channels, first.source)
  paused = recordings.call(CURRENT).update(status: 'paused', pause_behavior: 'skip')
  say('paused', paused.sid, paused.status)
  resumed = recordings.call(CURRENT).update(status: 'in-progress')
  say('resumed', resumed.sid, resumed.status)
  advance(59)
  stopped = recordings.call(CURRENT).update(status: 'stopped')
  say('stopped', stopped.sid, stopped.status)
  fail_with('no current recording') { recordings.call(CURRENT).update(status: 'paused') }
  fail_with('deleted before it is finished') { recordings.call(first.sid).delete }
  advance(1)
  finished = recordings.call(first.sid).fetch
  say('finished', finished.sid, finished.status, finished.duration)

  # A callback URL that cannot be used is no error.
  second = recordings.call.create(recording_status_callback: '/recording')
  say('created', second.sid, second.status, second.channels, second.source)
  advance(59)
  second.update(status: 'stopped')
  advance(1)
  third = recordings.call.create
  advance(59)
  recordings.call(third.sid).update(status: 'stopped')
  advance(1)
end

def read_lists(client, call_sid)
  recordings = client.calls(call_sid).recordings
  say('pages of 2', *sids(recordings.list(page_size: 2)))
  say('limit 5000', *sids(client.recordings.list(limit: 5000)))
  say('limit 2', *sids(client.recordings.list(limit: 2)))

  moment = recordings.list(limit: 2)[1].date_created
  say('second recording', moment.getutc.iso8601)
  say('at that time', *sids(client.recordings.list(date_created: moment.getutc)))
  india = moment.getlocal('+05:30')
  ENV['TZ'] = 'America/New_York'
  new_york = moment.getlocal
  ENV['TZ'] = 'UTC'
  # The SDK changes the zone of the time that it gets.
  { 'UTC' => moment, '+05:30' => india, 'America/New_York' => new_york }.each do |zone, time|
    say("#{zone} from then on", *sids(client.recordings.list(date_created_after: time.dup)))
    say("#{zone} until then", *sids(client.recordings.list(date_created_before: time.dup)))
  end
  say('calls until then', client.calls.list(start_time_before: india.dup).size)
  say('calls from then on', client.calls.list(start_time_after: india.dup).size)
  day = moment.getutc.to_date
  say('on that day', *sids(recordings.list(date_created: day)))
  say('after that day', *sids(recordings.list(date_created_after: day + 1)))
end

def delete(client, call_sid)
  call = client.calls(call_sid)
  first = call.recordings.list.last.sid
  say('deleted', call.recordings(first).delete)
  say('recordings left', *sids(client.calls(call_sid).recordings.list))
  fail_with('deleted again') { client.recordings(first).delete }
  fail_with('fetched after its deletion') { call.recordings(first).fetch }
end

def dial(client)
  agent = client.conferences('support').participants.create(
    from: CALLER, to: AGENT, label: 'agent', record: true,
    recording_status_callback: "#{APPLICATION}/recording",
    status_callback: "#{APPLICATION}/call",
    status_callback_event: %w[initiated ringing answered completed],
    conference_status_callback: "#{APPLICATION}/conference",
    conference_status_callback_event: %w[start end join leave]
  )
  say('dialed', agent.call_sid, agent.label, agent.conference_sid)
  control('wait-until-idle')
  participants = client.conferences(agent.conference_sid).participants
  guest = participants.create(from: CALLER, to: AGENT, beep: 'false', end_conference_on_exit: false)
  monitor = participants.create(from: CALLER, to: AGENT, label: 'monitor', muted: true)
  control('wait-until-idle')
  [agent, guest, monitor]
end

def confer(client)
  agent, guest, monitor = dial(client)
  conference = client.conferences(agent.conference_sid)
  it = conference.fetch
  say('conference', it.sid, it.status, it.friendly_name)
  say('participants', *conference.participants.list(page_size: 1).map(&:call_sid))
  say('muted', *conference.participants.list(muted: true).map(&:call_sid))
  held = conference.participants(guest.call_sid).update(hold: true, muted: true)
  say('updated', held.call_sid, held.hold, held.muted)
  fetched = conference.participants('agent').fetch
  say('by label', fetched.call_sid, fetched.status, fetched.hold, fetched.muted)
  advance(9)
  say('removed', conference.participants(monitor.call_sid).delete)
  fail_with('fetched after the removal') { conference.participants(monitor.call_sid).fetch }
  say('participants left', *client.conferences(it.sid).participants.list.map(&:call_sid))
  control('wait-until-idle')
  say('call of the removed participant', client.calls(monitor.call_sid).fetch.status)
  fail_with('fetched by its name') { client.conferences('support').fetch }
  today = it.date_created.getutc.to_date
  say('in progress today', *sids(client.conferences.list(status: 'in-progress', date_created: today)))
  finish(client, conference, agent)
  agent.call_sid
end

def finish(client, conference, agent)
  ended = conference.update(status: 'completed')
  say('ended', ended.sid, ended.status, ended.reason_conference_ended)
  advance(1)
  say('participants after the end', client.conferences(ended.sid).participants.list.size)
  say('call of the agent', client.calls(agent.call_sid).fetch.status)
  recording = client.calls(agent.call_sid).recordings.list.first
  say('recording of the agent', recording.sid, recording.status, recording.duration)
end

def errors(client, call_sid, ended_sid)
  intruder = make_client(ACCOUNT, '0123456789abcdef0123456789abcdef')
  unknown = call_sid.sub('CA', 'RE')
  fail_with('wrong token') { intruder.calls(call_sid).fetch }
  fail_with('unknown recording') { client.calls(call_sid).recordings(unknown).update(status: 'paused') }
  last = client.calls(call_sid).recordings.list(limit: 1).first
  fail_with('invalid status') { last.update(status: 'processing') }
  fail_with('recording an ended call') { client.calls(ended_sid).recordings.create }
  fail_with('hanging up again') { client.calls(ended_sid).update(status: 'completed') }
  fail_with('redirecting an ended call') { client.calls(ended_sid).update(url: "#{APPLICATION}/voice") }
end

def use_key(client, call_sid)
  key = client.api.account.new_keys.create(friendly_name: 'scenario')
  say('key', key.friendly_name, key.secret.size)
  user = make_client(key.sid, key.secret, ACCOUNT)
  say('call by key', user.calls(call_sid).fetch.sid)
  say('key deleted', client.api.account.keys(key.sid).delete)
  fail_with('after its deletion') { user.calls(call_sid).fetch }
end

client = make_client(ACCOUNT, TOKEN)
own = client.api.accounts(ACCOUNT).fetch
say('account', own.sid, own.status, client.api.accounts.list.size)
call_sid = control('calls')['sid']['twilio']
call = client.calls(call_sid).fetch
say('call', call.sid, call.status, call.direction)
record(client, call_sid)
read_lists(client, call_sid)
delete(client, call_sid)
errors(client, call_sid, confer(client))
use_key(client, call_sid)
