# frozen_string_literal: true

require 'ixt'
require 'json'

# The text form of specification 20, to and from this binding's values. Nothing here checks anything; what is wrong
# is for the binding to refuse.
module TextForm
  module_function

  def hex(bytes) = bytes.unpack1('H*')

  def bytes(text) = [text].pack('H*')

  # A member of an open enumeration: its name, or its number.
  def enumerant(type, value)
    return type::OTHER.new(number: value) if value.is_a?(Integer)

    type.const_get(value.gsub(/([a-z])([A-Z])/, '\1_\2').upcase).new
  end

  def enumerant_text(value)
    return value.number if value.other?

    value.class.name.split('::').last.downcase.gsub(/_(\w)/) { Regexp.last_match(1).upcase }
  end

  def to_frame(value)
    id = bytes(value.fetch('stream_id'))
    (kind, fields), = value.except('stream_id').to_a
    return Ixt.decode_frame(unknown_message(id, fields['tag'])) if kind == 'unknown'

    Ixt::StreamFrame.new(stream_id: id, body: to_body(kind, fields))
  end

  def to_body(kind, fields)
    body = Ixt::FrameBody
    case kind
    when 'open'
      body::OPEN.new(interaction: enumerant(Ixt::InteractionKind, fields.fetch('interaction', 'unary')),
                     initial_credit: fields.fetch('initial_credit', 0), context: bytes(fields.fetch('context', '')))
    when 'data'
      body::DATA.new(sequence: fields.fetch('sequence', 0), payload: bytes(fields.fetch('payload', '')))
    when 'error'
      body::ERROR.new(code: enumerant(Ixt::StreamErrorCode, fields.fetch('code', 'unknown')),
                      sequence: fields.fetch('sequence', 0), message: fields.fetch('message', ''),
                      details: bytes(fields.fetch('details', '')))
    when 'close'
      body::CLOSE.new(reason: enumerant(Ixt::CloseReason, fields.fetch('reason', 'unspecified')),
                      final_sequence: fields.fetch('final_sequence', 0))
    when 'cancel'
      body::CANCEL.new(reason: enumerant(Ixt::CancelReason, fields.fetch('reason', 'unspecified')),
                       message: fields.fetch('message', ''))
    when 'credit'
      body::CREDIT.new(frames: fields.fetch('frames', 0))
    else
      raise kind
    end
  end

  # A frame of a later schema, as tests/traces/README.md lays it out.
  def unknown_message(id, tag)
    [5 << 32, 4 << 32, *id.unpack('Q>Q>'), 0, tag].pack('Q<*')
  end

  def from_frame(frame)
    kind, fields = from_body(frame.body)
    { 'stream_id' => hex(frame.stream_id), kind => fields }
  end

  DEFAULTS = [0, '', 'unary', 'unspecified'].freeze

  def from_body(body)
    case body
    when Ixt::FrameBody::OPEN
      ['open', plain('interaction' => enumerant_text(body.interaction), 'initial_credit' => body.initial_credit,
                     'context' => hex(body.context))]
    when Ixt::FrameBody::DATA
      ['data', plain('sequence' => body.sequence, 'payload' => hex(body.payload))]
    when Ixt::FrameBody::ERROR
      code = enumerant_text(body.code)
      ['error', { 'code' => code == 'unknown' ? nil : code, 'sequence' => positive(body.sequence),
                  'message' => filled(body.message), 'details' => filled(hex(body.details)) }.compact]
    when Ixt::FrameBody::CLOSE
      ['close', plain('reason' => enumerant_text(body.reason), 'final_sequence' => body.final_sequence)]
    when Ixt::FrameBody::CANCEL
      reason = enumerant_text(body.reason)
      ['cancel', { 'reason' => reason == 'unspecified' ? nil : reason, 'message' => filled(body.message) }.compact]
    when Ixt::FrameBody::CREDIT
      ['credit', plain('frames' => body.frames)]
    when Ixt::FrameBody::UNKNOWN
      ['unknown', { 'tag' => body.tag }]
    end
  end

  # Fields that hold their default are left out; a message may read like one and is none.
  def plain(fields) = fields.reject { |_, value| DEFAULTS.include?(value) }

  def filled(text) = text.empty? ? nil : text

  def positive(number) = number.zero? ? nil : number

  def to_context(value)
    actor = value.fetch('actor', {})
    Ixt::InvocationContext.new(
      Ixt::ContextParts.new(
        correlation_id: value['correlation_id']&.then { bytes(_1) },
        span_id: value['span_id']&.then { bytes(_1) },
        parent_span_id: value['parent_span_id']&.then { bytes(_1) },
        trace_flags: value.fetch('trace_flags', 0),
        deadline_ms: value['deadline_ms'],
        source_module: value.fetch('source_module', ''),
        target: value['target']&.then { to_target(_1) },
        subject: actor['subject']&.then { to_subject(_1) },
        token_ref: actor['token_ref']&.then { Ixt::TokenRef.new(bytes(_1)) },
        capabilities: actor.fetch('capabilities', []),
        metadata: value.fetch('metadata', {}).map { |key, text| Ixt::MetadataEntry.new(key: key, value: text) }
      )
    )
  end

  def to_target(value)
    (kind, what), = value.to_a
    case kind
    when 'service' then Ixt::Target::SERVICE.new(name: what)
    when 'module' then Ixt::Target::MODULE.new(name: what)
    when 'broadcast' then Ixt::Target::BROADCAST.new(topic: what)
    when 'reply' then Ixt::Target::REPLY.new(id: bytes(what))
    when 'dynamic_endpoint' then Ixt::Target::DYNAMIC_ENDPOINT.new(name: what)
    else raise kind
    end
  end

  def to_subject(value)
    (kind, what), = value.to_a
    case kind
    when 'external' then Ixt::Subject::EXTERNAL.new(principal: what)
    when 'operator' then Ixt::Subject::OPERATOR.new(name: what)
    when 'module' then Ixt::Subject::MODULE.new(name: what)
    when 'system' then Ixt::Subject::SYSTEM.new
    else raise kind
    end
  end

  def from_context(context)
    parts = context.parts
    actor = { 'subject' => from_subject(parts.subject), 'token_ref' => parts.token_ref&.then { hex(_1.expose) },
              'capabilities' => filled(parts.capabilities) }.compact
    { 'correlation_id' => parts.correlation_id&.then { hex(_1) }, 'span_id' => parts.span_id&.then { hex(_1) },
      'deadline_ms' => parts.deadline_ms, 'trace_flags' => positive(parts.trace_flags),
      'source_module' => filled(parts.source_module), 'parent_span_id' => parts.parent_span_id&.then { hex(_1) },
      'target' => from_target(parts.target), 'actor' => filled(actor),
      'metadata' => filled(parts.metadata.to_h { |entry| [entry.key, entry.value] }) }.compact
  end

  def from_target(target)
    case target
    when Ixt::Target::SERVICE then target.name.empty? ? nil : { 'service' => target.name }
    when Ixt::Target::MODULE then { 'module' => target.name }
    when Ixt::Target::BROADCAST then { 'broadcast' => target.topic }
    when Ixt::Target::REPLY then { 'reply' => hex(target.id) }
    when Ixt::Target::DYNAMIC_ENDPOINT then { 'dynamic_endpoint' => target.name }
    when Ixt::Target::UNKNOWN then { 'unknown' => { 'tag' => target.tag } }
    end
  end

  def from_subject(subject)
    case subject
    when Ixt::Subject::EXTERNAL then subject.principal.empty? ? nil : { 'external' => subject.principal }
    when Ixt::Subject::OPERATOR then { 'operator' => subject.name }
    when Ixt::Subject::MODULE then { 'module' => subject.name }
    when Ixt::Subject::SYSTEM then { 'system' => true }
    when Ixt::Subject::UNKNOWN then { 'unknown' => { 'tag' => subject.tag } }
    end
  end
end
