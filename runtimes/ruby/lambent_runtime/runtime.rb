# frozen_string_literal: true

require 'json'
require_relative 'error_report'
require_relative 'handler'
require_relative 'lambda_context'
require_relative 'log_sink'
require_relative 'logging'
require_relative 'marshaller'

module LambentRuntime
  # The loop: wait for an event, run the handler, answer.
  class Runtime
    # AWS: exit codes of aws_lambda_ric, -4 and -1.
    INIT_FAILED = 252
    CRITICAL = 255

    def initialize(api)
      @api = api
      @sink = LogSink.create
    end

    # Serves invocations until the process ends.
    def run(handler_name)
      @logging = Logging.new(@sink)
      @logging.install
      handler = load_handler(handler_name)
      loop { serve_one(handler) }
    rescue SignalException
      exit!(0)
    end

    private

    def load_handler(name)
      task_root = ENV.fetch('LAMBDA_TASK_ROOT', '/var/task')
      $LOAD_PATH.unshift(task_root) unless $LOAD_PATH.first == task_root
      Handler.load(name)
    rescue SignalException
      raise
    rescue Exception => e # rubocop:disable Lint/RescueException -- AWS: whatever the file's own code raises
      report = ErrorReport.new(e, 'Init')
      @logging.log_error("Init error when loading handler #{name}", report)
      @api.post_init_error(report.to_json, report.reported_type)
      exit!(INIT_FAILED)
    end

    def serve_one(handler)
      headers, body = next_event
      request_id = headers.fetch('lambda-runtime-aws-request-id')
      @logging.request_id = request_id
      ENV['_X_AMZN_TRACE_ID'] = headers['lambda-runtime-trace-id']
      result, content_type = call(handler, headers, body)
      $stdout.flush
      @api.post_response(request_id, result, content_type)
    rescue FunctionFailed => e
      @logging.log_error(e.message, e.report)
      @api.post_error(request_id, e.report.to_json, e.report.reported_type, and_next: !e.critical)
      exit!(CRITICAL) if e.critical
    end

    def next_event
      @api.next_event
    rescue SystemCallError, IOError
      # A connection that is gone here means that the platform is done with this environment.
      exit!(1)
    end

    # AWS: a missing name and what is no StandardError end the process after they have been reported.
    def call(handler, headers, body)
      event = Marshaller.event(body, headers.fetch('content-type', 'application/json'))
      Marshaller.result(handler.call(event: event, context: LambdaContext.new(headers)))
    rescue SignalException
      raise
    rescue NameError => e
      raise FunctionFailed.new(e, critical: true)
    rescue StandardError => e
      raise FunctionFailed.new(e, critical: false)
    rescue Exception => e # rubocop:disable Lint/RescueException -- AWS: reported before the process ends
      raise FunctionFailed.new(e, critical: true)
    end

    # The function raised `cause`.
    class FunctionFailed < StandardError
      attr_reader :report, :critical

      def initialize(error, critical:)
        @report = ErrorReport.new(error, 'Function')
        @critical = critical
        super(critical ? 'Critical exception from handler' : 'Error raised from handler method')
      end
    end
    private_constant :FunctionFailed
  end
end
