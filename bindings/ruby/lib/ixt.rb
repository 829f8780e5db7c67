# frozen_string_literal: true

# Invocation contexts and credit-controlled streams in canonical Cap'n Proto: the Ruby binding.
#
# What is generated from the native library is in ixt/generated.rb; here is what finds the library, and what keeps
# bytes out of `inspect`.
module Ixt
  # The native library: IXT_LIBRARY names it, else it lies in the gem, else the system's loader looks for it.
  def self.library
    suffix = RUBY_PLATFORM.include?('darwin') ? 'dylib' : 'so'
    bundled = File.join(__dir__, 'ixt', "libixt_uniffi.#{suffix}")
    ENV['IXT_LIBRARY'] || (File.exist?(bundled) ? bundled : 'ixt_uniffi')
  end

  # Shows values without bytes: a payload is large, and an encoded context holds a token reference.
  module Inspection
    def inspect
      fields = instance_variables.map { |name| "#{name.to_s.delete_prefix('@')}=#{shown(instance_variable_get(name))}" }
      "#<#{self.class.name}#{fields.map { |field| " #{field}" }.join}>"
    end

    private

    def shown(value)
      return "#{value.bytesize} bytes" if value.is_a?(String) && value.encoding == Encoding::BINARY

      value.inspect
    end
  end
end

require_relative 'ixt/generated'

module Ixt
  [StreamFrame, FrameBody, FrameBatch, Event, Drained, Received, Outcome, ContextParts].each do |type|
    type.prepend(Inspection)
  end

  # A generated enum has a class of its own for each member, which inherits from it.
  [FrameBody, Event, Outcome].each do |type|
    type.constants.map { |name| type.const_get(name) }.grep(Class).each { |member| member.prepend(Inspection) }
  end
end

module Ixt
  module IxtError
    # The one error: `kind` is a constant of ErrorKind, `code` its number in every language.
    class Refused
      # The kind's name in every language, such as "Truncated".
      def kind_name
        Ixt.error_kinds.find { |row| row.code == code }&.name
      end
    end
  end
end
