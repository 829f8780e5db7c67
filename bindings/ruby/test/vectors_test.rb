# frozen_string_literal: true

require 'minitest/autorun'
require_relative 'textform'

# Every vector of the repository: values through the binding's constructors, refusals, and the rules.
class VectorsTest < Minitest::Test
  FILES = File.expand_path('../../../tests', __dir__)

  def lines(*names)
    names.flat_map { |name| File.read(File.join(FILES, name), encoding: 'UTF-8').split("\n") }
         .reject(&:empty?).map { |line| JSON.parse(line) }
  end

  def make(type, value) = type == 'frame' ? TextForm.to_frame(value) : TextForm.to_context(value)

  def encode(made, limit = nil) = made.is_a?(Ixt::StreamFrame) ? Ixt.encode_frame(made, limit) : made.encode

  def decode(type, bytes, canonical: false, limit: nil)
    return Ixt.decode_frame(bytes, limit, canonical) if type == 'frame'

    canonical ? Ixt::InvocationContext.decode_canonical(bytes) : Ixt::InvocationContext.decode(bytes)
  end

  def text(value)
    form = value.is_a?(Ixt::StreamFrame) ? TextForm.from_frame(value) : TextForm.from_context(value)
    JSON.generate(form)
  end

  def replay(vector)
    type = vector['type']
    name = vector['name']
    expected = JSON.generate(vector['value'])
    bytes = TextForm.bytes(vector['hex'])
    decoded = decode(type, bytes)
    assert_equal expected, text(decoded), name
    assert_equal bytes, encode(decoded), name
    return if vector['unknown']

    assert_equal decoded, decode(type, bytes, canonical: true), name
    assert_equal bytes, encode(make(type, vector['input'] || vector['value'])), name
    vector.fetch('also', []).each do |also|
      other = TextForm.bytes(also)
      again = decode(type, other)
      assert_equal expected, text(again), name
      assert_equal bytes, encode(again), name
      refused = assert_raises(Ixt::IxtError::Refused, name) { decode(type, other, canonical: true) }
      assert_equal Ixt::ErrorKind::NOT_CANONICAL, refused.kind, name
    end
  end

  def attempt(vector)
    type = vector['type']
    limit = vector['max_payload']
    case vector['op']
    when 'encode' then encode(make(type, vector['value']), limit)
    when 'decode' then decode(type, TextForm.bytes(vector['hex']), limit: limit)
    when 'decode_canonical' then decode(type, TextForm.bytes(vector['hex']), canonical: true, limit: limit)
    else raise vector['op']
    end
  end

  def test_every_value_and_every_refusal
    values = lines('vectors/values.jsonl', 'vectors/large.jsonl')
    values.each { |vector| replay(vector) }
    # A raw line is for who reads the text form.
    refused = lines('vectors/refused.jsonl', 'vectors/refused_large.jsonl').reject { |vector| vector.key?('line') }
    refused.each do |vector|
      refusal = assert_raises(Ixt::IxtError::Refused, vector['name']) { attempt(vector) }
      assert_equal vector['kind'], refusal.kind_name, vector['name']
    end
    puts "vectors: #{values.size} values, #{refused.size} refused"
  end

  def test_every_frame_in_a_batch
    bytes = lines('vectors/values.jsonl').select { |v| v['type'] == 'frame' }.map { |v| TextForm.bytes(v['hex']) }.join
    batch = Ixt.decode_batch(bytes)
    assert_equal bytes.bytesize, batch.consumed
    assert_equal bytes, Ixt.encode_batch(batch.frames)
  end

  def test_every_rule
    lines('vectors/rules.jsonl').each do |rule|
      actual = case rule['op']
               when 'covers' then Ixt.covers(rule['granted'], rule['required'])
               when 'attenuates' then Ixt.attenuates(rule['parent'], rule['child'])
               when 'traceparent'
                 Ixt.from_traceparent(rule['header'])&.then do |found|
                   { 'trace_id' => TextForm.hex(found.correlation_id), 'parent_id' => TextForm.hex(found.span_id),
                     'flags' => found.trace_flags }
                 end
               else raise rule['op']
               end
      rule['expect'].nil? ? assert_nil(actual, rule.to_s) : assert_equal(rule['expect'], actual, rule.to_s)
    end
  end

  def test_every_kind_of_error_has_a_constant
    Ixt.error_kinds.each do |row|
      name = row.name.gsub(/([a-z])([A-Z])/, '\1_\2').upcase
      assert Ixt::ErrorKind.const_defined?(name), name
    end
  end

  def test_a_token_does_not_show
    secret = 'canary-7f3a'
    context = Ixt::InvocationContext.new(Ixt::ContextParts.new(token_ref: Ixt::TokenRef.new(secret)))
    open = Ixt::FrameBody::OPEN.new(interaction: Ixt::InteractionKind::UNARY.new, initial_credit: 0,
                                    context: context.encode)
    frame = Ixt::StreamFrame.new(stream_id: "\x07".b * 16, body: open)
    received = Ixt::Stream.responder(Ixt::StreamConfig.new).receive(Ixt.encode_frame(frame))
    [context, context.parts, context.parts.token_ref, open, frame, received, received.events,
     Ixt.decode_batch(Ixt.encode_frame(frame))].each do |value|
      refute_includes value.inspect, secret
      refute_includes value.to_s, secret
      refute_includes value.inspect, secret.bytes.first(3).join(', ')
    end
    assert_equal secret, context.parts.token_ref.expose
  end
end
