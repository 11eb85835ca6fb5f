# frozen_string_literal: true

# Record a call with Twilio's SDK, and pause while the caller says a card number.
#
# Start Tapedeck (`tapedeck serve`), then run `gem install twilio-ruby -v 7.11.1` and `ruby twilio_recording.rb`.
# For HTTPS, set TAPEDECK_URL=https://localhost:3443 and SSL_CERT_FILE to the CA file that `tapedeck serve` prints.

require 'json'
require 'net/http'
require 'twilio-ruby'

url = ENV.fetch('TAPEDECK_URL', 'http://localhost:3000')
account_sid = ENV.fetch('TAPEDECK_ACCOUNT', 'AC720796a08ee9435083bd2d07a3121f1e')
auth_token = ENV.fetch('TAPEDECK_TOKEN', '00112233445566778899aabbccddeeff')

# --8<-- [start:pointer]
http = Class.new(Twilio::HTTP::Client) do
  define_method(:request) do |host, port, method, uri, *rest|
    super(host, port, method, uri.sub('https://api.twilio.com', url), *rest)
  end
end
client = Twilio::REST::Client.new(account_sid, auth_token, nil, nil, http.new)
# --8<-- [end:pointer]

# The stand-in simulates telephony. Create an incoming call.
control = ->(path, **body) { JSON.parse(Net::HTTP.post(URI("#{url}/_standin/#{path}"), body.to_json).body) }
call_sid = control.call('calls', account: account_sid)['sid']['twilio']
puts "call #{call_sid} is in progress"

started = client.calls(call_sid).recordings.create
puts "recording #{started.sid}: #{started.status}"

# The caller is about to say a card number: pause, and record nothing until resumed.
paused = client.calls(call_sid).recordings(started.sid).update(status: 'paused', pause_behavior: 'skip')
puts "recording #{paused.sid}: #{paused.status}"

# `Twilio.CURRENT` is the active recording, for clients that do not know its sid.
resumed = client.calls(call_sid).recordings('Twilio.CURRENT').update(status: 'in-progress')
puts "recording #{resumed.sid}: #{resumed.status}"

stopped = client.calls(call_sid).recordings(started.sid).update(status: 'stopped')
puts "recording #{stopped.sid}: #{stopped.status}"

second = client.calls(call_sid).recordings.create
fetched = client.calls(call_sid).recordings(second.sid).fetch
puts "recording #{fetched.sid} of the same call"
puts "#{client.calls(call_sid).recordings.list(page_size: 1).size} recordings in pages of 1"

# A recording can be deleted when it is finished: one second after its end, on the stand-in's clock.
control.call('clock', account: account_sid, advance: 1)
control.call('wait-until-idle', account: account_sid)
client.calls(call_sid).recordings(started.sid).delete
puts "#{client.calls(call_sid).recordings.list.size} recording after a deletion"
