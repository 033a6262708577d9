# frozen_string_literal: true

require 'json'
require 'logger'

module LambentRuntime
  # Ruby's own format with the request id after the level.
  class TextFormatter < Logger::Formatter
    def call(severity, time, progname, message)
      head = "#{severity[0]}, [#{format_datetime(time)} ##{Process.pid}] #{severity.rjust(5)}"
      text = "#{head} #{Logging.request_id} -- #{progname}: #{msg2str(message)}"
      "#{text.encode('UTF-8', invalid: :replace, undef: :replace)}\n"
    end
  end

  # AWS's JSON format ("Using Lambda advanced logging controls with Ruby" in the developer guide).
  class JsonFormatter < Logger::Formatter
    TIME = '%Y-%m-%dT%H:%M:%S.%6NZ'

    def call(severity, time, progname, message)
      entry = {
        timestamp: time.getutc.strftime(TIME), level: severity, message: utf8(text_of(message)),
        requestId: Logging.request_id
      }
      entry[:logger] = utf8(progname) unless progname.to_s.empty?
      entry.merge!(described(message)) if message.is_a?(Exception)
      "#{JSON.generate(entry.compact)}\n"
    end

    private

    def text_of(message)
      message.is_a?(Exception) ? message.message : msg2str(message)
    end

    def described(error)
      trace = Array(error.backtrace).map { |line| utf8(line) }
      {
        errorType: error.class.to_s, errorMessage: utf8(error.message), stackTrace: trace,
        location: trace.first && location(trace.first)
      }
    end

    # "file:line:in `method'" as "file:method:line".
    def location(frame)
      matched = frame.match(/\A(?<file>.+):(?<line>\d+):in [`'](?<method>.+)'\z/)
      matched ? "#{matched[:file]}:#{matched[:method]}:#{matched[:line]}" : frame
    end

    def utf8(value)
      value.to_s.encode('UTF-8', invalid: :replace, undef: :replace).scrub
    end
  end
end
