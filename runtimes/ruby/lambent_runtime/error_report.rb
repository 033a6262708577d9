# frozen_string_literal: true

require 'json'

module LambentRuntime
  # An exception as AWS's Ruby runtimes report it.
  class ErrorReport
    FRAMES_MAX = 100
    OWN_DIRECTORY = __dir__
    OWN_ENTRY = File.join(File.dirname(__dir__), 'bootstrap.rb')
    # AWS: the header names other classes only as the function's own.
    NAMED_IN_HEADER = %w[
      ArgumentError NoMethodError Exception StandardError NameError LoadError SystemExit SystemStackError
    ].freeze

    # `phase`: "Function" or "Init".
    def initialize(error, phase)
      @class_name = error.class.to_s
      @type = "#{phase}<#{@class_name}>"
      @message = utf8(error.message)
      @stack_trace = own_frames(error)
    end

    def to_h
      { errorMessage: @message, errorType: @type, stackTrace: @stack_trace }
    end

    def to_json(*)
      JSON.generate(to_h)
    end

    # As sent in Lambda-Runtime-Function-Error-Type.
    def reported_type
      NAMED_IN_HEADER.include?(@class_name) ? @type : 'Function<UserException>'
    end

    private

    # The frames below the runtime's own.
    def own_frames(error)
      frames = (error.backtrace_locations || error.backtrace || []).first(FRAMES_MAX).map { |frame| utf8(frame.to_s) }
      frames.reject { |frame| frame.start_with?("#{OWN_DIRECTORY}/", "#{OWN_ENTRY}:", '<internal:') }
    end

    def utf8(text)
      text.encode(Encoding::UTF_8, invalid: :replace, undef: :replace).scrub
    end
  end
end
