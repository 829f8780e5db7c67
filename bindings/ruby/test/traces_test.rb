# frozen_string_literal: true

require 'minitest/autorun'
require_relative 'textform'

# Every trace of the repository, driven through the binding's Stream.
class TracesTest < Minitest::Test
  FILE = File.expand_path('../../../tests/traces/traces.jsonl', __dir__)

  # One endpoint, and the names that its trace gave to tickets.
  class Replay
    def initialize(header)
      config = Ixt::StreamConfig.new(max_payload: header['max_payload'], window: header['window'],
                                     agreed_credit: header.fetch('agreed_credit', 0))
      @stream = if header['endpoint'] == 'opener'
                  Ixt::Stream.opener(TextForm.enumerant(Ixt::InteractionKind, header['kind']), config)
                else
                  Ixt::Stream.responder(config)
                end
      @tickets = {}
      @names = {}
    end

    def ticket(name) = @tickets.fetch(name, (2**64) - 1)

    def step(input)
      @out = ''.b
      @events = []
      result = begin
        give(input)
      rescue Ixt::IxtError::Refused => e
        { 'error' => e.kind_name }
      end
      take(@stream.drain)
      { 'result' => result, 'transmit' => Ixt.decode_batch(@out).frames.map { TextForm.from_frame(_1) },
        'events' => @events.map { from_event(_1) }, 'state' => state }
    end

    private

    def take(drained)
      @out += drained.transmit
      @events += drained.events
    end

    def give(input)
      kind, what = input.first
      done = true
      case kind
      when 'open'
        @out += @stream.open(TextForm.bytes(what['stream_id']), what.fetch('initial_credit', 0),
                             TextForm.bytes(what.fetch('context', '')))
      when 'send'
        payload = TextForm.bytes(what)
        @out += input.key?('ticket') ? @stream.send_with(ticket(input['ticket']), payload) : @stream.try_send(payload)
      when 'wait'
        held = @stream.wait
        @tickets[what] = held
        @names[held] = what
      when 'drop' then @stream.drop_ticket(ticket(what))
      when 'grant' then @stream.grant(what)
      when 'consume' then @stream.consume(what)
      when 'close' then done = @stream.close(TextForm.enumerant(Ixt::CloseReason, what))
      when 'fail'
        done = @stream.fail(TextForm.enumerant(Ixt::StreamErrorCode, what['code']), what.fetch('message', ''), ''.b)
      when 'cancel'
        done = @stream.cancel(TextForm.enumerant(Ixt::CancelReason, what['reason']), what.fetch('message', ''))
      when 'time' then @stream.handle_timeout(what)
      when 'receive' then return receive(TextForm.to_frame(what))
      else raise kind
      end
      done ? 'ok' : 'ended'
    end

    # As bytes; as a value where it has none.
    def receive(frame)
      received = begin
        @stream.receive(Ixt.encode_frame(frame))
      rescue Ixt::IxtError::Refused => e
        raise unless e.kind == Ixt::ErrorKind::CONTEXT_TOO_LARGE

        @stream.receive_frame(frame)
      end
      take(received)
      received.ignored.zero? ? 'ok' : 'ignored'
    end

    def state
      found = @stream.state
      half = ->(number) { Ixt::Half.constants.find { Ixt::Half.const_get(_1) == number }.to_s.downcase }
      { 'sender' => half[found.sender], 'receiver' => half[found.receiver], 'credit' => found.credit,
        'outstanding' => found.outstanding, 'ignored' => found.ignored }
    end

    def by(number) = number == Ixt::By::PEER ? 'peer' : 'local'

    def from_event(event)
      case event
      when Ixt::Event::OPENED
        { 'opened' => { 'kind' => TextForm.enumerant_text(event.kind), 'context' => TextForm.hex(event.context) } }
      when Ixt::Event::DATA
        { 'data' => { 'sequence' => event.sequence, 'payload' => TextForm.hex(event.payload) } }
      when Ixt::Event::CREDIT_GROWN then { 'credit' => event.frames }
      when Ixt::Event::TICKET_READY then { 'ready' => @names.fetch(event.ticket) }
      when Ixt::Event::TICKET_ENDED then { 'ended' => @names.fetch(event.ticket) }
      when Ixt::Event::PEER_CLOSED then { 'closed' => TextForm.enumerant_text(event.reason) }
      when Ixt::Event::FINISHED then { 'finished' => true }
      when Ixt::Event::FAILED
        { 'failed' => { 'code' => TextForm.enumerant_text(event.code), 'message' => event.message,
                        'by' => by(event.by) } }
      when Ixt::Event::CANCELLED
        { 'cancelled' => { 'reason' => TextForm.enumerant_text(event.reason), 'message' => event.message,
                           'by' => by(event.by) } }
      when Ixt::Event::RULE_BROKEN
        name = Ixt::Violation.constants.find { Ixt::Violation.const_get(_1) == event.violation }
        { 'violation' => name.to_s.split('_').map(&:capitalize).join }
      end
    end
  end

  # Takes out of both what is not compared: messages that an engine made for people.
  def without_messages(expected, actual)
    expected['transmit'].zip(actual['transmit']).each do |wanted, found|
      kind = %w[error cancel].find { wanted.key?(_1) && found&.key?(_1) }
      found[kind].delete('message') if kind && !wanted[kind].key?('message')
    end
    expected['events'].zip(actual['events']).each do |wanted, found|
      kind = %w[failed cancelled].find { wanted.key?(_1) && found&.key?(_1) }
      found[kind]['message'] = '' if kind && wanted[kind]['message'].empty?
    end
  end

  def test_every_trace
    traces = File.read(FILE, encoding: 'UTF-8').split("\n").map { |line| JSON.parse(line) }
    traces.each do |trace|
      replay = Replay.new(trace['endpoint'])
      trace['steps'].each_with_index do |step, number|
        actual = replay.step(step['in'])
        without_messages(step['out'], actual)
        assert_equal step['out'], actual, "#{trace['name']}, step #{number}: #{step['in']}"
      end
    end
    puts "traces: #{traces.size}"
  end
end
