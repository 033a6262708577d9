# frozen_string_literal: true

require 'json'
require 'logger'
require_relative 'log_formatters'

module LambentRuntime
  # AWS's treatment of Ruby's Logger: what would go to standard output or error becomes a record of the platform, in the
  # configured format and from the configured level on.
  class Logging
    # Without a configured level nothing is left out, as in AWS's client.
    LEVELS = {
      'TRACE' => Logger::DEBUG, 'DEBUG' => Logger::DEBUG, 'INFO' => Logger::INFO, 'WARN' => Logger::WARN,
      'ERROR' => Logger::ERROR, 'FATAL' => Logger::FATAL
    }.freeze

    class << self
      attr_accessor :sink, :request_id

      def json?
        ENV['AWS_LAMBDA_LOG_FORMAT'].to_s.upcase == 'JSON'
      end

      def level
        LEVELS.fetch(ENV['AWS_LAMBDA_LOG_LEVEL'].to_s.upcase, Logger::DEBUG)
      end

      def formatter
        json? ? JsonFormatter.new : TextFormatter.new
      end

      # Of a record as our formatters write it; nil for those of a function's own formatter.
      def level_of(text)
        pattern = json? ? /\A\{"timestamp":"[^"]*","level":"(\w+)"/ : /\A[A-Z], \[[^\]]*\]\s+(\w+) /
        text[pattern, 1]
      end
    end

    def initialize(sink)
      @sink = sink
      Logging.sink = sink
    end

    def request_id=(request_id)
      Logging.request_id = request_id
      # AWS: formatters of functions read this global.
      $_global_aws_request_id = request_id # rubocop:disable Style/GlobalVars
    end

    def install
      Logger.prepend(LoggerPatch)
      Kernel.module_eval do
        # AWS: a `puts` is one record, however many lines it has.
        def puts(*values)
          return $stdout.puts(*values) unless $stdout.equal?(STDOUT)

          lines = values.flatten.map { |value| value.to_s.encode('UTF-8', invalid: :replace, undef: :replace) }
          text = lines.join("\n")
          LambentRuntime::Logging.sink.record(text.end_with?("\n") ? text : "#{text}\n")
          nil
        end
      end
    end

    # As AWS's client does before it reports an error: the message, then the payload.
    def log_error(message, report)
      if Logging.json?
        entry = {
          timestamp: Time.now.utc.strftime(JsonFormatter::TIME), level: 'ERROR', message: message,
          requestId: Logging.request_id, **report.to_h
        }
        @sink.record("#{JSON.generate(entry.compact)}\n", json: true, level: 'ERROR')
      else
        @sink.record("#{message}\n")
        @sink.record("#{JSON.pretty_generate(report.to_h)}\n", level: 'ERROR')
      end
    end
  end

  # Prepended to Logger.
  module LoggerPatch
    def initialize(logdev, *rest, **options)
      unless logdev.nil? || logdev == $stdout || logdev == $stderr
        super
        return
      end

      super(Logging.sink, *rest, **{ level: Logging.level, **options })
      @default_formatter = Logging.formatter
      # AWS: progname and level are the caller's; the format is AWS's unless the caller has one of its own.
      @default_formatter.datetime_format = options[:datetime_format] if options[:datetime_format]
    end
  end
end
