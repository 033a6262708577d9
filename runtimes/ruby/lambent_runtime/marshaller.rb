# frozen_string_literal: true

require 'json'
require 'stringio'

module LambentRuntime
  # Between bytes and what the handler takes and returns.
  module Marshaller
    # JSON parsed; anything else as it came.
    def self.event(body, content_type)
      return body unless content_type == 'application/json'

      JSON.parse(body.force_encoding(Encoding::UTF_8))
    end

    # Body and content type of an answer. AWS: a StringIO or IO is sent as it is, with the type application/unknown.
    def self.result(value)
      case value
      when StringIO, IO then [value.read, 'application/unknown']
      else [value.to_json, 'application/json']
      end
    end
  end
end
